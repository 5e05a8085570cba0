"""A run in object storage, and how it gets there so that it can be resumed at any moment.

Below its prefix lie

- ``objects/<SHA-256>/<file name>``: contents, never written over,
- ``manifest.json``: which file of the run has which content. It is one object, written last.

A reader trusts only what the manifest names and checks each content against its hash. Whoever is killed while it
uploads leaves contents that no manifest names, and the earlier manifest with all that it names: the run as it was.

Files are read in an order that makes a snapshot of a run that goes on meanwhile one it could have been left in: what
marks it as complete first, then its checkpoint, then what the checkpoint relies on, which was written before it.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from cxr_shared.files import sha256_bytes, write_bytes
from cxr_shared.object_store import file_system
from cxr_trainer.errors import RunError, StorageError

_FORMAT: Final = 1
_FIRST: Final = ("metrics.json", "checkpoint.pt")
SCHEMES: Final = ("s3", "gs")
"""Storage that puts an object whole or not at all, and only if it is not there when asked so."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file's content."""

    sha256: str
    size: int


Manifest = dict[str, Content]
"""Contents by the file's path in the run."""


def open_prefix(url: str) -> tuple[Any, str]:
    """File system and path of an ``s3://`` or ``gs://`` URL.

    Raises
    ------
    StorageError
        Another kind of URL, or settings that fsspec refuses.
    MissingExtra
        The file system's package is not installed.
    """
    scheme = url.partition("://")[0]
    if scheme not in SCHEMES:
        raise StorageError(f"Runs cannot be kept at {url}. Give a folder, or a URL with {', '.join(SCHEMES)} or file.")
    try:
        return file_system(url)
    except (OSError, ValueError) as error:
        raise StorageError(f"Could not reach {url}: {error}. Check the credentials and the URL.") from error


@dataclass(frozen=True, slots=True)
class ObjectSlot:
    """An object that can be made exclusively; see `cxr_trainer.cluster.lease.Slot`."""

    fs: Any
    path: str

    def create(self, data: bytes) -> bool:
        """Make it; False where it exists. The storage decides."""
        try:
            self.fs.pipe_file(self.path, data, mode="create")
        except FileExistsError:
            return False
        return True

    def read(self) -> bytes | None:
        """Its content, None where it does not exist."""
        try:
            return bytes(self.fs.cat_file(self.path))
        except FileNotFoundError:
            return None

    def replace(self, data: bytes) -> None:
        """Write over it."""
        self.fs.pipe_file(self.path, data)

    def delete(self) -> None:
        """Remove it where it exists."""
        try:
            self.fs.rm_file(self.path)
        except FileNotFoundError:
            return


@dataclass(slots=True)
class Mirror:
    """The mirror of one folder below a prefix.

    Parameters
    ----------
    fs, prefix
        fsspec's file system, and the path in it.
    url
        For messages.
    """

    fs: Any
    prefix: str
    url: str
    _known: Manifest = field(default_factory=dict)
    _seen: dict[str, tuple[tuple[int, int], Content]] = field(default_factory=dict)

    def manifest(self) -> Manifest | None:
        """What the mirror holds, None where it holds nothing.

        Raises
        ------
        StorageError, RunError
            It cannot be reached; the manifest is damaged or of another version.
        """
        try:
            data = self.fs.cat_file(self._key("manifest.json"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreachable(self.url, error) from error
        try:
            document = json.loads(data)
            if document["format"] != _FORMAT:
                raise ValueError("it is of another version")
            return {path: Content(each["sha256"], each["bytes"]) for path, each in document["files"].items()}
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"The manifest of {self.url} cannot be read ({error}). Name another --out.") from error

    def read(self, path: str, content: Content) -> bytes:
        """A file's content, checked; RunError where it is not what the manifest says."""
        try:
            data = bytes(self.fs.cat_file(self._object(path, content)))
        except FileNotFoundError as error:
            raise RunError(f"{path} of {self.url} is missing in the storage. Name another --out.") from error
        except OSError as error:
            raise _unreachable(self.url, error) from error
        if sha256_bytes(data) != content.sha256:
            raise RunError(f"{path} of {self.url} is damaged: its hash is not the manifest's. Name another --out.")
        return data

    def restore(self, folder: Path) -> bool:
        """Make `folder` what the manifest says, with nothing else in it; False where there is none."""
        manifest = self.manifest()
        self._known, self._seen = dict(manifest or {}), {}
        for path in _files(folder):
            if path not in self._known:
                (folder / path).unlink()
        for path, content in self._known.items():
            if not _is(folder / path, content):
                write_bytes(folder / _inside(path, self.url), self.read(path, content))
        return manifest is not None

    def publish(self, folder: Path, *, allowed: Callable[[], bool] = lambda: True) -> bool:
        """Bring the mirror to what `folder` holds; False where `allowed` said no just before the manifest.

        Raises
        ------
        StorageError
            The storage cannot be reached, or refuses.
        """
        manifest: Manifest = {}
        try:
            first = [path for name in _FIRST for path in _files(folder) if posixpath.basename(path) == name]
            for path in first:
                self._upload(manifest, folder, path)
            # Listed only now: what the checkpoint relies on is there since before it was.
            for path in sorted(path for path in _files(folder) if posixpath.basename(path) not in _FIRST):
                self._upload(manifest, folder, path)
            if not allowed():
                return False
            files = {path: {"sha256": each.sha256, "bytes": each.size} for path, each in sorted(manifest.items())}
            document = {"format": _FORMAT, "files": files}
            self.fs.pipe_file(self._key("manifest.json"), json.dumps(document, indent=1).encode())
            self._sweep(manifest)
        except OSError as error:
            raise _unreachable(self.url, error) from error
        self._known = manifest
        return True

    def _upload(self, manifest: Manifest, folder: Path, path: str) -> None:
        """Upload a file unless its content is there, and note it in `manifest`; not if the file has gone meanwhile."""
        try:
            stat = (folder / path).stat()
            identity = (stat.st_size, stat.st_mtime_ns)
            if path in self._seen and self._seen[path][0] == identity:
                manifest[path] = self._seen[path][1]
                return
            data = (folder / path).read_bytes()
        except FileNotFoundError:
            return
        content = Content(sha256_bytes(data), len(data))
        if self._known.get(path) != content:
            self.fs.pipe_file(self._object(path, content), data)
        manifest[path] = content
        self._seen[path] = (identity, content)

    def _sweep(self, manifest: Manifest) -> None:
        """Remove contents that the manifest, which is written, does not name: replaced ones, and a killed upload's."""
        named = {self._object(path, content) for path, content in manifest.items()}
        self.fs.invalidate_cache()
        there = set(self.fs.find(self._key("objects")))
        if unnamed := sorted(there - named):
            self.fs.rm(unnamed)

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}"

    def _object(self, path: str, content: Content) -> str:
        return self._key(f"objects/{content.sha256}/{posixpath.basename(path)}")


def _files(folder: Path) -> list[str]:
    """Files of a run, less half-written ones, by their path in it."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".part"))
    return [path.relative_to(folder).as_posix() for path in paths]


def _is(path: Path, content: Content) -> bool:
    return path.is_file() and path.stat().st_size == content.size and sha256_bytes(path.read_bytes()) == content.sha256


def _inside(path: str, url: str) -> PurePosixPath:
    """The path, which came from the storage, if it stays in the run's folder."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise RunError(f"The manifest of {url} names '{path}', which is no file of a run. Name another --out.")
    return pure


def _unreachable(url: str, error: OSError) -> StorageError:
    return StorageError(
        f"The storage {url} cannot be reached or refuses ({type(error).__name__}: {error}). The same command goes on "
        "once it can be."
    )
