"""Finding films on disk and decoding them in worker processes."""

from cxr_desktop.intake.decoding import DecodePool, WorkerFault
from cxr_desktop.intake.files import find_films
from cxr_desktop.intake.prepared import DisplayFilm, Prepared

__all__ = ["DecodePool", "DisplayFilm", "Prepared", "WorkerFault", "find_films"]
