"""Opening the window. onnxruntime is imported before Qt: the other order makes CUDA's libraries clash."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cxr_desktop.inference.runtime import onnxruntime
from cxr_desktop.settings import Settings, load_settings, settings_path
from cxr_desktop.store import Store, StoreDamaged, default_store_path
from cxr_desktop.system_libraries import qt_use, require
from cxr_shared.errors import CxrError

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from cxr_desktop.ui.window import MainWindow

_log = logging.getLogger(__name__)
_ICON: Final = Path(__file__).parent / "ui" / "icons" / "cxr-triage.svg"
_constants_are_safe = False


class NoDisplayError(CxrError):
    """A window was asked for where there is no screen."""

    def __init__(self) -> None:
        super().__init__(
            "There is no display to open a window on. Use `cxr-desktop triage PATH… --html worklist.html`, "
            "or run it in a desktop session (over ssh: ssh -X)."
        )


def make_application() -> QApplication:
    """Make Qt's application with the theme and the person's language, or return the one that runs.

    Raises
    ------
    SystemLibraryMissing
        Qt would not start here; the message names the packages.
    """
    require(qt_use())
    keep_constants_alive()
    onnxruntime()
    from PySide6.QtCore import qInstallMessageHandler
    from PySide6.QtGui import QIcon
    from PySide6.QtWidgets import QApplication

    from cxr_desktop.ui.i18n import install_translation
    from cxr_desktop.ui.theme import apply_theme

    qInstallMessageHandler(_log_qt)
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        application = QApplication(["cxr-desktop"])
        application.setApplicationDisplayName("")
        application.setDesktopFileName("cxr-desktop")
        application.setWindowIcon(QIcon(str(_ICON)))
    apply_theme(application)
    install_translation(application)
    return application


def keep_constants_alive() -> None:
    """Give None, True and False so many references that Qt's bindings cannot use them up.

    PySide6 6.12.0 takes a reference away from these with every call that returns one of them. From Python
    3.12 on they are immortal; before, the interpreter aborts after some thousand calls.
    """
    global _constants_are_safe  # noqa: PLW0603  (once a process)
    if sys.version_info < (3, 12) and not _constants_are_safe:
        for constant in (None, True, False):
            ctypes.c_ssize_t.from_address(id(constant)).value += sys.maxsize // 4
    _constants_are_safe = True


def _log_qt(kind: object, _context: object, message: str) -> None:
    """Send what Qt has to say to the log; on a console it would only puzzle."""
    _log.log(logging.ERROR if "Critical" in str(kind) or "Fatal" in str(kind) else logging.DEBUG, "Qt: %s", message)


def has_display() -> bool:
    """Whether a window can be seen: always, but on Linux without X11 or Wayland."""
    if not sys.platform.startswith("linux"):
        return True
    if os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0] in ("offscreen", "minimal"):
        return False
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def _begin() -> tuple[Settings, Store | None, list[str]]:
    """Read settings and open the store; what is wrong with either is said, and the window opens all the same."""
    troubles: list[str] = []
    settings, store = Settings(), None
    try:
        settings = load_settings(settings_path())
    except CxrError as error:
        troubles.append(str(error))
    try:
        store = Store(default_store_path())
    except StoreDamaged as error:
        troubles.append(f"{error} `cxr-desktop audit --set-aside` does the latter. Nothing is kept beyond this window.")
    except CxrError as error:
        troubles.append(f"{error} Nothing is kept beyond this window.")
    return settings, store, troubles


def open_window(paths: Sequence[Path] = (), bundle: Path | None = None, watch: Path | None = None) -> MainWindow:
    """Show the window with what was kept, these films and this bundle; `make_application` was called before.

    Parameters
    ----------
    paths
        Files and folders.
    bundle
        A ``.cxr`` file; by default the one that CXR_BUNDLE names, else the one of last time, if any.
    watch
        A folder whose films, present and to come, are opened too.
    """
    from cxr_desktop.ui.desk import Desk
    from cxr_desktop.ui.window import MainWindow

    settings, store, troubles = _begin()
    desk = Desk(store=store, policy=settings.triage_policy)
    window = MainWindow(desk, settings=settings, settings_file=settings_path())
    window.show()
    named = bundle or (Path(os.environ["CXR_BUNDLE"]) if os.environ.get("CXR_BUNDLE") else None)
    if named is None and settings.bundle is not None and settings.bundle.exists():
        named = settings.bundle
    desk.remember(settings.bundle_sha256 if named is not None and named == settings.bundle else "")
    if named is not None:
        desk.open_bundle(named)
    window.open_paths(list(paths))
    if watch is not None:
        window.watching.watch(watch)
    window.network_actions.begin()
    if troubles:
        window.notice.tell(" ".join(troubles), grave=True)
    return window


def main(paths: Sequence[Path] = (), bundle: Path | None = None, watch: Path | None = None) -> int:
    """Open the window with these films and this bundle, and return when it is closed; as `open_window`.

    Raises
    ------
    SystemLibraryMissing
        Qt would not start here; the message names the packages.
    NoDisplayError
        There is no screen to open a window on.
    """
    if not has_display():
        raise NoDisplayError
    application = make_application()
    window = open_window(paths, bundle, watch)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Qt's loop would not come to Python's handler
    code = int(application.exec())
    del window  # it had to stay until now
    return code
