"""Files of the objects that are not sent yet, named by their content."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path

from cxr_desktop.pacs.send.errors import OutboxNotWritable
from cxr_shared.errors import OutputError
from cxr_shared.files import remove_unfinished, sha256_bytes, sha256_file, write_bytes


class ObjectFiles:
    """A folder of Part 10 files; what a crash left unfinished is removed.

    Parameters
    ----------
    folder
        Made, readable by its owner alone, where there is none.

    Raises
    ------
    OutboxNotWritable
        The operating system refused.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            remove_unfinished(folder)
        except OSError as error:
            raise OutboxNotWritable(folder, error.strerror or str(error)) from error

    def path(self, content: str) -> Path:
        """Where the file with this SHA-256 is."""
        return self.folder / f"{content}.dcm"

    def keep(self, data: bytes) -> str:
        """Put a file on the disk; return its SHA-256.

        Raises
        ------
        OutboxNotWritable
            The operating system refused.
        """
        content = sha256_bytes(data)
        if not self.sound(content):
            try:
                write_bytes(self.path(content), data, mode=0o600)
            except OutputError as error:
                raise OutboxNotWritable(self.folder, str(error)) from error
        return content

    def sound(self, content: str) -> bool:
        """Whether the file is there and holds what it held."""
        try:
            return sha256_file(self.path(content)) == content
        except OSError:
            return False

    def remove(self, content: str) -> None:
        """Delete a file; where that fails the next start does."""
        with contextlib.suppress(OSError):
            self.path(content).unlink(missing_ok=True)

    def sweep(self, needed: Collection[str]) -> None:
        """Delete all but what is needed."""
        for path in self.folder.glob("*.dcm"):
            if path.stem not in needed:
                self.remove(path.stem)
