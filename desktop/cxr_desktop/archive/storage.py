"""A place for files: a folder of this machine, or a URL that fsspec reaches (s3://, gs://, file://)."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cxr_shared import object_store
from cxr_shared.errors import MissingExtra, OutputError
from cxr_shared.files import write_bytes

_URL: Final = "://"
_LOCAL: Final = "file"


def is_url(text: str) -> bool:
    """Whether a person named a URL and not a path."""
    return _URL in text


def file_system(url: str) -> tuple[Any, str]:
    """Open what a URL names, as `cxr_shared.object_store.file_system`; its path has no slash at the end.

    Raises
    ------
    MissingExtra
        fsspec, or what it needs for this kind of URL, is not installed.
    OutputError
        There is no such kind of URL.
    """
    try:
        system, path = object_store.file_system(url)
    except ValueError as error:
        raise OutputError(f"{url} cannot be opened: {error}. Give a folder, s3://BUCKET/… or gs://BUCKET/….") from error
    return system, path.rstrip("/")


@dataclass(frozen=True, slots=True)
class Storage:
    """A folder for results.

    Attributes
    ----------
    root
        A path of this machine, or a URL; without a slash at the end.
    """

    root: str

    def __str__(self) -> str:
        return self.root

    @property
    def local(self) -> Path | None:
        """The folder, where it is one of this machine."""
        if not is_url(self.root):
            return Path(self.root)
        return Path(self.root.removeprefix(f"{_LOCAL}://")) if self.root.startswith(f"{_LOCAL}://") else None

    def names(self, folder: str = "") -> list[str]:
        """Names of the files in a folder below it, sorted; none where the folder is not there.

        Raises
        ------
        OutputError
            It cannot be listed.
        """
        local = self.local
        try:
            if local is not None:
                with contextlib.suppress(FileNotFoundError), os.scandir(local / folder) as entries:
                    return sorted(entry.name for entry in entries if entry.is_file())
                return []
            system, path = file_system(self._url(folder))
            entries = system.ls(path, detail=True)
            return sorted(each["name"].rpartition("/")[2] for each in entries if each["type"] == "file")
        except FileNotFoundError:
            return []
        except Exception as error:  # each of fsspec's systems has errors of its own
            raise OutputError(_sentence("listed", self._url(folder), error)) from error

    def read(self, name: str) -> bytes | None:
        """Return a file's content; None where it is not there.

        Raises
        ------
        OutputError
            It cannot be read.
        """
        local = self.local
        try:
            if local is not None:
                return (local / name).read_bytes()
            system, path = file_system(self._url(name))
            return bytes(system.cat_file(path))
        except FileNotFoundError:
            return None
        except Exception as error:  # each of fsspec's systems has errors of its own
            raise OutputError(_sentence("read", self._url(name), error)) from error

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all: renamed into place here, one upload elsewhere.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        local = self.local
        if local is not None:
            write_bytes(local / name, content)
            return
        try:
            system, path = file_system(self._url(name))
            system.pipe_file(path, content)
        except MissingExtra:
            raise
        except Exception as error:  # each of fsspec's systems has errors of its own
            raise OutputError(_sentence("written", self._url(name), error)) from error

    def _url(self, name: str) -> str:
        return f"{self.root}/{name}" if name else self.root


def _sentence(what: str, url: str, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or type(error).__name__
    return f"{url} could not be {what}: {reason}. See that it is reachable and yours, then run the same command again."
