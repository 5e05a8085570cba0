"""Reading a film, whatever the file turns out to be."""

from __future__ import annotations

import logging
import stat
import warnings
from pathlib import Path
from typing import Final

from cxr_shared.film.codestream import JPEG_SIGNATURE, PNG_SIGNATURE
from cxr_shared.film.film import Film, Refusal, RefusalKind
from cxr_shared.film.limits import check_bytes
from cxr_shared.film.refusals import FilmRefusedError

# pydicom logs the values of attributes that it doubts, which are patient data.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)

_OTHER_FORMATS: Final = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"RIFF", "a WebP"),
    (b"\xff\x4f\xff\x51", "a bare JPEG 2000"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP"),
)


def read_film(path: Path, *, any_view: bool = False) -> Film | Refusal:
    """Read one frontal chest film from PNG, JPEG or DICOM, told apart by content, not by name.

    Parameters
    ----------
    path
        Any file at all.
    any_view
        Whether a lateral film is read too, for looking at it.

    Returns
    -------
    The film, or why it is none. No file, however damaged or hostile, raises.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom and Pillow warn of values that are judged here
            return _read(path, any_view=any_view)
    except FilmRefusedError as refused:
        return Refusal(refused.kind, refused.message, path, refused.identity)
    except OSError as error:
        return Refusal(RefusalKind.UNREADABLE, _unreadable(error), path)
    except MemoryError:
        message = (
            "Reading this file takes more memory than there is, or than one film may take. "
            "Close other programs and try again, or export it at a lower resolution."
        )
        return Refusal(RefusalKind.TOO_LARGE, message, path)
    except Exception as error:  # noqa: BLE001
        # The one boundary that catches everything: a hostile file can make any layer of a parser raise
        # anything, and a batch must go on. The error's text may quote patient data, so only its type is told.
        message = f"The file is damaged ({type(error).__name__}). Export or copy it again."
        return Refusal(RefusalKind.UNREADABLE, message, path)


def _read(path: Path, *, any_view: bool) -> Film:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise FilmRefusedError(RefusalKind.UNREADABLE, "This is a folder or device, not a file. Choose a file.")
    if status.st_size == 0:
        raise FilmRefusedError(RefusalKind.NOT_AN_IMAGE, "The file is empty. Export or copy it again.")
    check_bytes(status.st_size)
    # Not before there is a file to read: pydicom and the codecs take a fifth of a second, and a window reads none.
    from cxr_shared.film.dicom import read_dicom
    from cxr_shared.film.header import is_dicom
    from cxr_shared.film.raster import read_raster

    with path.open("rb") as stream:
        head = stream.read(132)
        stream.seek(0)
        if head.startswith((PNG_SIGNATURE, JPEG_SIGNATURE)):
            return read_raster(stream, path)
        if is_dicom(head):
            return read_dicom(stream, path, any_view=any_view)
    raise FilmRefusedError(RefusalKind.NOT_AN_IMAGE, f"{_described(head)}; films are PNG, JPEG or DICOM files.")


def _described(head: bytes) -> str:
    name = next((name for start, name in _OTHER_FORMATS if head.startswith(start)), None)
    return f"This is {name} file" if name else "This file is no image that is known here"


def _unreadable(error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    return f"The file could not be read: {reason}. Check that it exists and that you may read it."
