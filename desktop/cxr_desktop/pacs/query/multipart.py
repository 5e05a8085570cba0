"""The parts of a ``multipart/related`` body (RFC 2387, PS3.18 8.7.1) as they come, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

_HEADER_BYTES: Final = 1 << 14
_LINE_END: Final = b"\r\n"


class BodyBroken(OSError):
    """The body ends in its middle, or cannot be told apart."""


def boundary_of(content_type: str) -> bytes:
    """Give the boundary that a Content-Type names; empty where it is no multipart."""
    kind, *parameters = (each.strip() for each in content_type.split(";"))
    if kind.lower() != "multipart/related":
        return b""
    named = (each.partition("=") for each in parameters)
    return next(
        (value.strip().strip('"').encode() for key, _, value in named if key.strip().lower() == "boundary"), b""
    )


def parts(chunks: Iterable[bytes], boundary: bytes) -> Iterator[Iterator[bytes]]:
    """Give the content of each part, itself in pieces; a part that is not read to its end is passed over.

    Parameters
    ----------
    chunks
        The body.
    boundary
        As in the Content-Type, without hyphens.

    Raises
    ------
    BodyBroken
        While the body is read: it is cut off, or a part's header is too long.
    """
    reader = _Reader(chunks, b"\r\n--" + boundary)
    reader.begin()
    while reader.next_part():
        content = reader.content()
        yield content
        for _ in content:
            pass


class _Reader:
    def __init__(self, chunks: Iterable[bytes], delimiter: bytes) -> None:
        self._chunks = iter(chunks)
        self._delimiter = delimiter
        self._data = bytearray(_LINE_END)  # so that the first delimiter is like the others

    def begin(self) -> None:
        """Read to the end of the first delimiter."""
        for _ in self.content():
            pass

    def next_part(self) -> bool:
        """Read what follows a delimiter and the part's header; False after the last part."""
        while len(self._data) < 2:
            self._more()
        if self._data.startswith(b"--"):
            return False
        while (end := self._data.find(b"\r\n\r\n")) < 0:
            if len(self._data) > _HEADER_BYTES:
                raise BodyBroken("a part's header is too long")
            self._more()
        del self._data[: end + 4]
        return True

    def content(self) -> Iterator[bytes]:
        """Give what comes before the next delimiter, and read past that."""
        keep = len(self._delimiter) - 1
        while (end := self._data.find(self._delimiter)) < 0:
            if len(self._data) > keep:
                piece = bytes(self._data[:-keep])
                del self._data[:-keep]
                yield piece
            self._more()
        piece = bytes(self._data[:end])
        del self._data[: end + len(self._delimiter)]
        if piece:
            yield piece

    def _more(self) -> None:
        try:
            self._data += next(self._chunks)
        except StopIteration as error:
            raise BodyBroken("the body is cut off") from error
