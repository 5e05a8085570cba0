"""Archives that are the same bytes whenever the same files go in."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

from cxr_shared.files import atomic_writer


def tarball(folder: Path, target: Path, *, root: str, epoch: int) -> Path:
    """Pack a folder as a .tar.gz below the name `root`: sorted, owned by root, every time `epoch`.

    The file appears whole or not at all.
    """
    with (
        atomic_writer(target) as raw,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for path in [folder, *sorted(folder.rglob("*"))]:
            inside = Path(root, path.relative_to(folder))
            member = archive.gettarinfo(path, str(inside))
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            member.mtime = epoch
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            if member.isreg():
                with path.open("rb") as stream:
                    archive.addfile(member, stream)
            else:
                archive.addfile(member)
    return target
