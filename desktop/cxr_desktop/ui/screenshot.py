"""A picture of the window, for machines without a display and for reports."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cxr_desktop import app
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.lanes import Lane
from cxr_shared.bundle import Bundle
from cxr_shared.errors import CxrError

if TYPE_CHECKING:
    from cxr_desktop.ui.window import MainWindow

_TIMEOUT_S: Final = 300.0
_TURN_MS: Final = 20


class ScreenshotError(CxrError):
    """The window did not come to show its films."""


def render_screenshot(
    bundle: Bundle,
    paths: Sequence[Path],
    out_png: Path,
    *,
    size: tuple[int, int] = (1600, 1000),
    wanted: Wanted = Wanted.AUTO,
) -> None:
    """Open the real window unseen, score the films, open the most urgent one, and save a picture.

    Parameters
    ----------
    bundle
        A verified bundle.
    paths
        Files and folders.
    out_png
        Where to write.
    size
        Width and height in pixels.
    wanted
        The provider asked for.

    Raises
    ------
    SystemLibraryMissing
        Qt would not start here, or there is no font; the message names the packages.
    ScreenshotError
        No film was found, or the picture could not be written.
    """
    if not app.has_display():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    application = app.make_application()
    from cxr_desktop.ui.desk import Desk
    from cxr_desktop.ui.window import MainWindow

    window = MainWindow(Desk())
    window.resize(*size)
    window.show()
    try:
        window.desk.use_bundle(bundle, wanted=wanted)
        window.open_paths(list(paths))
        deadline = time.monotonic() + _TIMEOUT_S
        while not _settled(window):
            application.processEvents()
            time.sleep(_TURN_MS / 1000)
            if time.monotonic() > deadline or window.notice.text.startswith("No film"):
                raise ScreenshotError(f"The window did not show the films. {window.notice.text}")
        if not window.grab().save(str(out_png)):
            raise ScreenshotError(f"The picture could not be written to {out_png}. Choose another folder.")
    finally:
        window.close()
        application.processEvents()


def _settled(window: MainWindow) -> bool:
    """Whether every film has a verdict and the most urgent one is on the screen; opens it when all are scored."""
    rows = window.desk.sheet.rows
    if not rows or window.desk.loaded is None or window.desk.sheet.count(Lane.WAITING):
        return False
    window.table.films.arrange()
    first = window.table.films.row(0)
    if window.table.row is not first:
        window.list_actions.most_urgent()
        return False
    return window.viewer.shown_source == first.source or first.lane is Lane.REFUSED
