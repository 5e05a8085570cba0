"""Finding films on disk and decoding them in worker processes."""

from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.intake.files import find_films, find_films_in_chunks
from cxr_desktop.intake.prepared import DisplayFilm, NotRead, Prepared

__all__ = ["DecodePool", "DisplayFilm", "NotRead", "Prepared", "find_films", "find_films_in_chunks"]
