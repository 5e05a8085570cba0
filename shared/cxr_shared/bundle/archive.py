"""The container of a bundle: a zip whose every byte follows from its files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from typing import IO, Any

# The earliest time that zip can hold: a bundle says when nothing, so that equal runs give equal bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16


def pack(stream: IO[bytes] | io.RawIOBase, files: Iterable[tuple[str, bytes]]) -> None:
    """Write `files` (name, content) to `stream` as a zip, stored not deflated, in the order given."""
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, whatever this system is: the bytes must not depend on it
            info.external_attr = _MODE
            archive.writestr(info, data)


def is_packed(raw: bytes, files: Iterable[tuple[str, bytes]]) -> bool:
    """Whether `pack` would write exactly `raw`; no second copy of the content is made."""
    sink = _Comparison(raw)
    pack(sink, files)
    return sink.equal()


class _Comparison(io.RawIOBase):
    """A stream that compares what is written to it with bytes at hand.

    Long writes are compared at once. Short ones are headers, which `zipfile` goes back to and writes again, so what
    was written last is compared in the end.
    """

    _LONG = 2**12

    def __init__(self, expected: bytes) -> None:
        self._expected = expected
        self._headers: dict[int, bytes] = {}
        self._at = self._end = 0
        self._same = True

    def write(self, data: Any) -> int:  # noqa: ANN401  (anything with a buffer)
        part = memoryview(data).cast("B")
        if len(part) >= self._LONG:
            self._same &= self._matches(self._at, part)
        else:
            self._headers[self._at] = bytes(part)
        self._at += len(part)
        self._end = max(self._end, self._at)
        return len(part)

    def equal(self) -> bool:
        """Whether all that was written is what was expected, and nothing is missing."""
        same = self._same and self._end == len(self._expected)
        return same and all(self._matches(start, part) for start, part in self._headers.items())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + (self._end if whence == io.SEEK_END else self._at if whence == io.SEEK_CUR else 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def _matches(self, start: int, part: bytes | memoryview) -> bool:
        return self._expected.startswith(part, start)  # one memcmp, without a copy
