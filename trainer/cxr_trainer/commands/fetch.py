"""`cxr-trainer fetch`: runs from an object store into folders, for reports and exports."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from cxr_trainer.cluster.mirror import Mirror, open_prefix
from cxr_trainer.errors import StorageError
from cxr_trainer.fit.run import Run


def fetch_runs(url: str, *, out: Path) -> int:
    """Bring the run at `url`, or every run below it, to `out`; files that are there already are not read again.

    Raises
    ------
    StorageError
        The storage cannot be reached, or holds no run there.
    RunError
        A run is damaged, or something else has its name in `out`.
    """
    mirrors = _mirrors(url)
    for mirror in mirrors:
        folder = out / PurePosixPath(mirror.prefix).name
        if folder.is_dir() and any(folder.iterdir()):
            Run.open(folder)
        mirror.restore(folder)
        state = "finished" if Run(folder).finished() else "not finished"
        print(f"{mirror.url} is in {folder}, {state}")
    return 0


def _mirrors(url: str) -> list[Mirror]:
    fs, path = open_prefix(url)
    whole = Mirror(fs, path, url)
    if whole.manifest() is not None:
        return [whole]
    try:
        names = sorted(PurePosixPath(each).name for each in fs.ls(path, detail=False))
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise StorageError(f"The storage {url} cannot be reached or refuses ({error}).") from error
    below = [Mirror(fs, f"{path}/{name}", f"{url.rstrip('/')}/{name}") for name in names]
    found = [mirror for mirror in below if mirror.manifest() is not None]
    if not found:
        raise StorageError(f"There is no run at {url}, nor one folder below it. Give what --out was.")
    return found
