"""The viewer's picture as a PNG file, with all that is drawn over the film."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QImage, QImageWriter

from cxr_desktop.reports import PIXELS_WARNING
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.widgets.annotations import Annotations
from cxr_desktop.ui.widgets.viewer import FilmViewer
from cxr_shared.errors import CxrError
from cxr_shared.files import write_bytes


class PictureWithheldError(CxrError):
    """A de-identified picture was asked for of a film that says that text is burned into it."""

    def __init__(self) -> None:
        super().__init__(
            "This film says that text is burned into it, a name perhaps, so no de-identified picture was written. "
            "Write one with identifiers, and cover them yourself."
        )


def grab_view(viewer: FilmViewer, *, deidentified: bool = False) -> QImage:
    """Take the picture on the screen; without the words on patient and file where `deidentified`. GUI thread only."""
    shown = viewer.annotations
    if deidentified:
        viewer.annotations = Annotations(shown.lines)
    try:
        return viewer.grab().toImage()
    finally:
        viewer.annotations = shown


def saving(image: QImage, path: Path, *, burned_in: bool, deidentified: bool = False) -> Callable[[], str]:
    """Return what writes the picture, for any thread; it returns the sentence to show.

    Raises
    ------
    PictureWithheldError
        By what is returned: the film says that text is burned into it, and `deidentified`.
    OutputError
        By what is returned: the file could not be written.
    """

    def save() -> str:
        if deidentified and burned_in:
            raise PictureWithheldError
        write_bytes(path, png(image))
        return tr("Wrote {path}.", path=path) + (f" {PIXELS_WARNING}" if deidentified else "")

    return save


def png(image: QImage) -> bytes:
    """Encode an image as PNG."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not QImageWriter(buffer, b"png").write(image):
        raise ValueError("the picture could not be encoded")
    return bytes(buffer.data().data())
