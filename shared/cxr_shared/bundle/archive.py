"""The container of a bundle: a zip whose every byte follows from its files."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from typing import BinaryIO

# The earliest time that zip can hold: a bundle says when nothing, so that equal runs give equal bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16


def pack(stream: BinaryIO, files: Iterable[tuple[str, bytes]]) -> None:
    """Write `files` (name, content) to `stream` as a zip, stored not deflated, in the order given."""
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, whatever this system is: the bytes must not depend on it
            info.external_attr = _MODE
            archive.writestr(info, data)
