"""Where the runs of a command lie: a folder that all machines see, or a prefix of an object store.

A run in a folder is made there. One in an object store is made in a local scratch folder and mirrored, see
`cxr_trainer.cluster.mirror`. Either way a run lies at a place that follows from its name, so that the same command, or
a task begun again on another machine, finds it.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import unquote, urlsplit

from cxr_shared.errors import CxrError
from cxr_shared.files import sha256_bytes
from cxr_shared.places import Kept, own_place
from cxr_trainer.cluster.lease import FileSlot, held
from cxr_trainer.cluster.mirror import Mirror, ObjectSlot, open_prefix
from cxr_trainer.errors import StorageError
from cxr_trainer.fit.loop import Stopped

_LOOK_SECONDS: Final = 1.0
_TRIES: Final = 3
_LEASES: Final = ".leases"


@dataclass(frozen=True, slots=True)
class Place:
    """A run's folder on this machine, held by this process.

    Attributes
    ----------
    folder
        The run directory; it need not exist yet.
    stop
        To be asked after each update: somebody asked to stop, or this process no longer holds the run.
    lost
        Whether the latter.
    """

    folder: Path
    stop: Callable[[], bool]
    lost: Callable[[], bool]


class Storage(Protocol):
    """Keeps runs by name; it travels to a worker by pickle."""

    def shown(self, name: str) -> str:
        """Where a run lies, for a person."""
        ...

    def read(self, name: str, path: str) -> bytes | None:
        """A file of a run, None where there is none."""
        ...

    def opened(self, name: str, *, command: str, stop: Callable[[], bool]) -> contextlib.AbstractContextManager[Place]:
        """Hold a run, alone, and bring its folder here; what it holds at the end is kept.

        Raises
        ------
        RunBusy
            Another command makes the run.
        StorageError, OutputError
            The storage cannot be reached or refuses.
        """
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """Runs in a folder, of this machine alone or shared by all."""

    root: Path

    def shown(self, name: str) -> str:
        """See `Storage`."""
        return str(self.root / name)

    def read(self, name: str, path: str) -> bytes | None:
        """See `Storage`."""
        try:
            return (self.root / name / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    @contextlib.contextmanager
    def opened(self, name: str, *, command: str, stop: Callable[[], bool]) -> Iterator[Place]:
        """See `Storage`."""
        slot = FileSlot(self.root / _LEASES / f"{_flat(name)}.json")
        with held(slot, name=self.shown(name), command=command, stop=stop) as lease:
            yield Place(self.root / name, lambda: stop() or lease.lost(), lease.lost)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Runs below an ``s3://`` or ``gs://`` URL, made in a local scratch folder."""

    url: str

    def shown(self, name: str) -> str:
        """See `Storage`."""
        return f"{self.url.rstrip('/')}/{name}"

    def read(self, name: str, path: str) -> bytes | None:
        """See `Storage`."""
        mirror = self.mirror(name)
        content = (mirror.manifest() or {}).get(path)
        return None if content is None else mirror.read(path, content)

    def mirror(self, name: str) -> Mirror:
        """A run's mirror."""
        fs, path = open_prefix(self.shown(name))
        return Mirror(fs, path, self.shown(name))

    def scratch(self, name: str) -> Path:
        """Where this machine makes the run."""
        key = sha256_bytes(self.url.rstrip("/").encode())[:16]
        return own_place("runs", kept=Kept.CACHE, variable="CXR_SCRATCH") / key / name

    @contextlib.contextmanager
    def opened(self, name: str, *, command: str, stop: Callable[[], bool]) -> Iterator[Place]:
        """See `Storage`; the mirror follows each checkpoint, in a thread of its own."""
        fs, path = open_prefix(self.shown(_LEASES))
        mirror, folder = self.mirror(name), self.scratch(name)
        slot = ObjectSlot(fs, f"{path}/{_flat(name)}.json")
        with _told(self.url), held(slot, name=self.shown(name), command=command, stop=stop) as lease:
            mirror.restore(folder)
            follower = _Follower(mirror, folder, lease.still_held)
            follower.start()
            try:
                yield Place(folder, lambda: stop() or lease.lost(), lease.lost)
            finally:
                follower.end()
                if not lease.lost():
                    _publish(mirror, folder, allowed=lease.still_held)


AnyStorage: TypeAlias = Folder | Bucket


def storage_of(out: str, *, absolute: bool = False) -> AnyStorage:
    """The storage that ``--out`` names: a path or a file:// URL, else an object store's.

    `absolute` is for workers, which begin in another folder.

    Raises
    ------
    StorageError
        A URL of another kind.
    """
    if "://" not in out:
        return Folder(Path(out).resolve() if absolute else Path(out))
    parts = urlsplit(out)
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise StorageError(
                f"{out} names the machine '{parts.netloc}'. Write file:/// and the path: file:///shared."
            )
        return Folder(Path(unquote(parts.path)))
    open_prefix(out)
    return Bucket(out)


@dataclass(slots=True)
class _Follower:
    """Publishes a run whenever its checkpoint has changed, beside the training."""

    mirror: Mirror
    folder: Path
    allowed: Callable[[], bool]
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._thread = threading.Thread(target=self._follow, name="mirror", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Finish what is being published, and follow no more."""
        self._over.set()
        assert self._thread is not None
        self._thread.join()

    def _follow(self) -> None:
        published: Any = self._state()
        while not self._over.wait(_LOOK_SECONDS):
            state = self._state()
            if state == published:
                continue
            with contextlib.suppress(CxrError, OSError):  # tried again at the next checkpoint, and at the end
                if self.mirror.publish(self.folder, allowed=self.allowed):
                    published = state

    def _state(self) -> list[tuple[str, int]]:
        """What changes with each checkpoint."""
        found = []
        for path in sorted(self.folder.rglob("checkpoint.pt")):
            with contextlib.suppress(FileNotFoundError):
                found.append((str(path), path.stat().st_mtime_ns))
        return found


def _publish(mirror: Mirror, folder: Path, *, allowed: Callable[[], bool]) -> None:
    """Publish at the end; a storage that is away for a moment is asked again."""
    for attempt in range(1, _TRIES + 1):
        try:
            mirror.publish(folder, allowed=allowed)
        except StorageError:
            if attempt == _TRIES:
                raise
            time.sleep(attempt)
        else:
            return


@contextlib.contextmanager
def _told(url: str) -> Iterator[None]:
    """Faults of the storage as sentences."""
    try:
        yield
    except (CxrError, Stopped):
        raise
    except OSError as error:
        if error.filename is not None:  # of this machine's files
            raise
        raise StorageError(
            f"The storage {url} cannot be reached or refuses ({error}). Check the credentials."
        ) from error


def _flat(name: str) -> str:
    return name.replace("/", "--")


def read_json(storage: Storage, name: str, path: str) -> Any:  # noqa: ANN401  (any JSON)
    """A JSON file of a run, None where it is not there or damaged."""
    data = storage.read(name, path)
    try:
        return None if data is None else json.loads(data)
    except ValueError:
        return None
