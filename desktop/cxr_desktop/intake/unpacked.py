"""The private folder that ZIPs are unpacked into: one folder for each ZIP, bounded in size, old ones removed.

What lies there are films of patients, so nobody else may read it. A folder that a running program uses is locked
and never removed; the lock's file holds the folder's size, and its time is that of the last use.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

from cxr_shared.places import Kept, own_place

VARIABLE: Final = "CXR_UNPACKED"
"""Environment variable that names another folder."""

MAX_KEPT_BYTES: Final = 8 * 2**30
"""What earlier sessions left is removed, the oldest first, until it and the new ZIP fit."""

MAX_KEPT_S: Final = 30 * 86400.0
_FREE_BYTES: Final = 2**30
_LOCK: Final = ".lock"

_used: dict[Path, IO[bytes]] = {}
_guard = threading.Lock()


def unpacked_root() -> Path:
    """Folder of the unpacked ZIPs: CXR_UNPACKED, or one in the user's cache."""
    return own_place("unpacked", kept=Kept.CACHE, variable=VARIABLE)


def claim(digest: str, *, size: int) -> Path:
    """Make the folder of one ZIP, keep it while this process runs, and remove old ones that no process uses.

    Parameters
    ----------
    digest
        SHA-256 of the ZIP in hexadecimal.
    size
        Bytes that it will hold.

    Raises
    ------
    OSError
        The folder could not be made, or the disk has no room for it.
    """
    root = unpacked_root()
    with _guard:
        root.mkdir(parents=True, exist_ok=True)
        root.chmod(0o700)
        folder = root / digest
        if folder not in _used:
            _used[folder] = _locked(root / f"{digest}{_LOCK}")
        _write_size(_used[folder], size)
        _prune(root, room_for=size)
        folder.mkdir(mode=0o700, exist_ok=True)
        if shutil.disk_usage(root).free < size + _FREE_BYTES and not _is_full(folder, size):
            raise OSError(errno.ENOSPC, "the disk is nearly full")
    return folder


def keep(paths: Iterable[Path]) -> None:
    """Keep the folders in which these files lie while this process runs, as `claim` does, and remove old ones."""
    root = unpacked_root()
    if not root.is_dir():
        return
    folders = {root / path.relative_to(root).parts[0] for path in paths if path.is_relative_to(root)}
    with _guard, contextlib.suppress(OSError):
        for folder in sorted(folders - _used.keys()):
            if folder.is_dir():
                lock = root / f"{folder.name}{_LOCK}"
                _used[folder] = _locked(lock)
                os.utime(lock)
        _prune(root, room_for=0)


def release() -> None:
    """Give up every folder that this process keeps; they stay until they are old."""
    with _guard:
        for stream in _used.values():
            stream.close()
        _used.clear()


def _prune(root: Path, *, room_for: int) -> None:
    total = room_for
    for lock in sorted(root.glob(f"*{_LOCK}"), key=_last_use, reverse=True):
        folder = lock.with_suffix("")
        if folder in _used or not folder.is_dir():
            continue
        total += _size_in(lock)
        old = time.time() - _last_use(lock) > MAX_KEPT_S
        if total > MAX_KEPT_BYTES or old:
            with _alone(lock) as alone:
                if alone:
                    shutil.rmtree(folder, ignore_errors=True)


def _last_use(lock: Path) -> float:
    try:
        return lock.stat().st_mtime
    except OSError:
        return 0.0


def _size_in(lock: Path) -> int:
    try:
        return int(lock.read_bytes() or b"0")
    except (OSError, ValueError):
        return 0


def _write_size(stream: IO[bytes], size: int) -> None:
    stream.seek(0)
    stream.truncate()
    stream.write(str(size).encode())
    stream.flush()
    os.utime(stream.fileno() if os.utime in os.supports_fd else stream.name)


def _is_full(folder: Path, size: int) -> bool:
    """Whether a folder was unpacked before, so that it needs no more room."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) >= size


def _locked(path: Path) -> IO[bytes]:
    """Open a lock's file and hold it together with any other process that uses the folder."""
    stream = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600), "r+b")
    if os.name != "nt":
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_SH)
    return stream


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Say whether no process holds the lock, and keep it so."""
    if os.name == "nt":  # a file that is open in a process cannot be renamed there
        aside = path.with_suffix(".old")
        try:
            path.replace(aside)
        except OSError:
            yield False
            return
        yield True
        aside.unlink(missing_ok=True)
        return
    import fcntl

    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
