"""Bounds checked before anything is decoded, so that a small file cannot ask for a large memory."""

from __future__ import annotations

from typing import Final

from cxr_shared.film.film import RefusalKind
from cxr_shared.film.refusals import FilmRefusedError

MAX_PIXELS: Final = 6000 * 6000
"""Largest accepted film; the largest detectors make about 4300 × 3500."""

MIN_SIDE: Final = 64
"""Smallest accepted side; anything below is a thumbnail."""

MAX_FILE_BYTES: Final = 256 * 2**20
"""Largest accepted file, and largest inflated DICOM data set."""

MAX_HEADER_BYTES: Final = 8 * 2**20
"""Largest accepted DICOM header before the pixel data."""


def check_dimensions(rows: int, columns: int, *, what: str = "The film") -> None:
    """Refuse what is too large to decode or too small to be a film.

    Parameters
    ----------
    rows, columns
        Declared size in pixels.
    what
        Who declares it, to begin the sentence with.

    Raises
    ------
    FilmRefusedError
        TOO_LARGE or TOO_SMALL.
    """
    if rows * columns > MAX_PIXELS:
        raise FilmRefusedError(
            RefusalKind.TOO_LARGE,
            f"{what} is declared as {columns} × {rows} pixels; at most {MAX_PIXELS / 1e6:.0f} million "
            "are read. Export it at a lower resolution.",
        )
    if min(rows, columns) < MIN_SIDE:
        raise FilmRefusedError(
            RefusalKind.TOO_SMALL,
            f"{what} is {columns} × {rows} pixels; each side needs at least {MIN_SIDE}. "
            "Choose the film itself, not its thumbnail.",
        )


def check_bytes(count: int, *, what: str = "The file") -> None:
    """Refuse more bytes than a film of the largest accepted size can need."""
    if count > MAX_FILE_BYTES:
        raise FilmRefusedError(
            RefusalKind.TOO_LARGE,
            f"{what} holds {count / 2**20:.0f} MiB; at most {MAX_FILE_BYTES / 2**20:.0f} MiB are read.",
        )
