"""Libraries of the operating system that Qt and OpenCV load and that no wheel brings (Linux).

Read with ``readelf -d`` from PySide6 6.12's libQt6Core, libQt6Gui, libQt6DBus, libQt6XcbQpa and platform plugins,
and from opencv-python 5.0's cv2. Only the standard library is used here, so that it runs before all else:
``python -m cxr_desktop.system_libraries`` exits 1 and names the packages where some are missing.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cxr_shared.errors import SystemLibraryMissing


class Use(StrEnum):
    """What is about to run."""

    OPENCV = "opencv"
    OFFSCREEN = "offscreen"
    X11 = "x11"
    WAYLAND = "wayland"


@dataclass(frozen=True, slots=True)
class Library:
    """A shared library, its package on Debian and Ubuntu, and its package on Fedora."""

    soname: str
    apt: str
    dnf: str


_OPENCV: Final = (
    Library("libGL.so.1", "libgl1", "libglvnd-glx"),
    Library("libglib-2.0.so.0", "libglib2.0-0", "glib2"),
    Library("libgthread-2.0.so.0", "libglib2.0-0", "glib2"),
)
_OFFSCREEN: Final = (
    *_OPENCV,
    Library("libEGL.so.1", "libegl1", "libglvnd-egl"),
    Library("libX11.so.6", "libx11-6", "libX11"),
    Library("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon"),
    Library("libdbus-1.so.3", "libdbus-1-3", "dbus-libs"),
    Library("libfontconfig.so.1", "libfontconfig1", "fontconfig"),
    Library("libfreetype.so.6", "libfreetype6", "freetype"),
    Library("libzstd.so.1", "libzstd1", "libzstd"),
)
_X11: Final = (
    *_OFFSCREEN,
    Library("libX11-xcb.so.1", "libx11-xcb1", "libX11-xcb"),
    Library("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11"),
    Library("libxcb.so.1", "libxcb1", "libxcb"),
    Library("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor"),
    Library("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm"),
    Library("libxcb-image.so.0", "libxcb-image0", "xcb-util-image"),
    Library("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms"),
    Library("libxcb-randr.so.0", "libxcb-randr0", "libxcb"),
    Library("libxcb-render.so.0", "libxcb-render0", "libxcb"),
    Library("libxcb-render-util.so.0", "libxcb-render-util0", "xcb-util-renderutil"),
    Library("libxcb-shape.so.0", "libxcb-shape0", "libxcb"),
    Library("libxcb-shm.so.0", "libxcb-shm0", "libxcb"),
    Library("libxcb-sync.so.1", "libxcb-sync1", "libxcb"),
    Library("libxcb-util.so.1", "libxcb-util1", "xcb-util"),
    Library("libxcb-xfixes.so.0", "libxcb-xfixes0", "libxcb"),
    Library("libxcb-xkb.so.1", "libxcb-xkb1", "libxcb"),
)
_WAYLAND: Final = (
    *_OFFSCREEN,
    Library("libwayland-client.so.0", "libwayland-client0", "libwayland-client"),
    Library("libwayland-cursor.so.0", "libwayland-cursor0", "libwayland-cursor"),
    Library("libwayland-egl.so.1", "libwayland-egl1", "libwayland-egl"),
)
NEEDED: Final[Mapping[Use, tuple[Library, ...]]] = {
    Use.OPENCV: _OPENCV,
    Use.OFFSCREEN: _OFFSCREEN,
    Use.X11: _X11,
    Use.WAYLAND: _WAYLAND,
}
"""What each use loads; offscreen is what a picture without a display needs."""

FONTS: Final = Library("any font", "fonts-dejavu-core", "dejavu-sans-fonts")
"""Not a library, but Qt's wheel brings none either, and without one every letter is missing."""

_FONT_FOLDERS: Final = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")


def qt_use(environment: Mapping[str, str] = os.environ) -> Use:
    """Tell which of Qt's platform plugins will be loaded, from QT_QPA_PLATFORM and the session."""
    platform = environment.get("QT_QPA_PLATFORM", "").partition(":")[0].partition(";")[0]
    if platform in ("offscreen", "minimal", "vnc"):
        return Use.OFFSCREEN
    if platform.startswith("wayland") or (not platform and environment.get("WAYLAND_DISPLAY")):
        return Use.WAYLAND
    return Use.X11


def loads(soname: str) -> bool:
    """Whether the dynamic loader finds a library and all that it needs."""
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def has_fonts(folders: Iterable[str] = _FONT_FOLDERS) -> bool:
    """Whether fontconfig's usual folders hold a font."""
    suffixes = {".ttf", ".otf", ".ttc", ".pfb"}
    for folder in folders:
        for _, _, names in os.walk(Path(folder).expanduser()):
            if any(Path(name).suffix.lower() in suffixes for name in names):
                return True
    return False


def find_missing(
    use: Use, *, loads: Callable[[str], bool] = loads, has_fonts: Callable[[], bool] = has_fonts
) -> tuple[Library, ...]:
    """List what `use` needs and this system lacks; nothing on Windows and macOS, whose wheels bring all."""
    if not sys.platform.startswith("linux"):
        return ()
    libraries = tuple(library for library in NEEDED[use] if not loads(library.soname))
    return libraries if use is Use.OPENCV or has_fonts() else (*libraries, FONTS)


def sentence(missing: Iterable[Library]) -> str:
    """Say what is missing and the one command that brings it."""
    libraries = list(missing)
    names = ", ".join(library.soname for library in libraries)
    apt = " ".join(dict.fromkeys(library.apt for library in libraries))
    dnf = " ".join(dict.fromkeys(library.dnf for library in libraries))
    return (
        f"This system lacks {names}. On Debian or Ubuntu run: sudo apt-get install -y {apt} "
        f"(on Fedora: sudo dnf install {dnf})."
    )


def require(use: Use) -> None:
    """Check before the import that would fail.

    Raises
    ------
    SystemLibraryMissing
        Something is missing; the message is `sentence`.
    """
    missing = find_missing(use)
    if missing:
        raise SystemLibraryMissing(sentence(missing))


def main() -> int:
    """Check what is needed here: pictures without a display always, a window where there is a display.

    Returns
    -------
    int
        1 where something needed is missing; a window's libraries on a machine without a display only get a hint.
    """
    missing = find_missing(Use.OFFSCREEN)
    window = [each for each in find_missing(Use.X11) if each not in missing]
    if missing or (window and os.environ.get("DISPLAY")):
        print(sentence([*missing, *window]), file=sys.stderr)
        return 1
    if window:
        print(f"No window can be opened, only drawn into a picture. {sentence(window)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
