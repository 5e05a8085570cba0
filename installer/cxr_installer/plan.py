"""What goes into the frozen program on each system: one plan, read by `cxr-desktop.spec` and by the tests."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from cxr_desktop import children
from cxr_desktop.children import CONSOLE

WINDOWED: Final = "cxr-desktopw"
"""The same program without a console, as python.exe has pythonw.exe."""

APPLICATION_ID: Final = "org.cxr-triage.desktop"
APP_NAME: Final = "CXR Triage"

FORBIDDEN: Final = ("torch", "torchvision", "timm", "lightning_fabric", "cxr_trainer", "cxr_export")
"""The desktop never needs these; a collection that holds one is no release."""

_HIDDEN: Final = (
    *children.MODULES,
    # imagecodecs loads each codec when it is first named; these are what `cxr_shared.film` names.
    "imagecodecs._imcd",
    "imagecodecs._jpeg8",
    "imagecodecs._png",
    "imagecodecs._shared",
    "imagecodecs._shared_cython",
    # pydicom names its plugins in strings.
    "openjpeg",
    "rle",
    "pylibjpeg",
    "jpeg_ls",
)
_EXCLUDED: Final = (
    *FORBIDDEN,
    "IPython",
    "PIL._avif",
    "PIL._webp",
    "matplotlib",
    "onnx.backend.test",
    "onnx.reference",
    "onnxruntime.quantization",
    "onnxruntime.tools",
    "onnxruntime.transformers",
    "onnxscript",
    "pandas",
    "docutils",
    "markdown_it",
    "pip",
    "pygments",
    "pytest",
    "readline",
    "rich_rst",
    "scipy",
    "setuptools",
    "sklearn",
    "tkinter",
)

_QT_KEPT: Final = frozenset(
    {"Core", "DBus", "Gui", "OpenGL", "PrintSupport", "Svg", "WaylandClient", "Widgets", "WlShellIntegration", "XcbQpa"}
)
_QT_PLUGINS_KEPT: Final = frozenset(
    {
        "iconengines",
        "imageformats",
        "platforminputcontexts",
        "platforms",
        "platformthemes",
        "printsupport",
        "styles",
        "wayland-decoration-client",
        "wayland-graphics-integration-client",
        "wayland-shell-integration",
        "xcbglintegrations",
    }
)
_QT_PLUGINS_DROPPED: Final = ("eglfs", "gtk3", "linuxfb", "minimalegl", "qpdf", "vkkhrdisplay", "vnc", "webp", "tiff")
"""GTK's theme would bring all of GTK; the rest are platforms and pictures that the window never asks for."""

HOST_LIBRARIES_KEPT: Final = (
    "libbz2",
    "libcrypto",
    "libexpat",
    "libffi",
    "liblzma",
    "libpython3",
    "libsqlite3",
    "libssl",
    "libuuid",
    "libz",
)
"""Libraries of the building system that Python itself needs; they differ from one distribution to the next."""

STRIPPED: Final = ("libpython3", "_CharLS", "_openjpeg", "_rust", "_imaging", "_imcd", "_jpeg8", "_shared", "_png")
"""Libraries whose symbol tables are worth leaving out. Not OpenBLAS: its wheel was patched and does not survive it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What PyInstaller is told.

    Attributes
    ----------
    system
        `sys.platform` of the target.
    hidden_imports
        Modules that no import statement names.
    excludes
        Modules that are left out.
    icon
        File of the program's icon, or nothing where the system takes it from elsewhere.
    app_bundle
        Whether the collection becomes a macOS application.
    version_info
        Whether the executables carry a Windows version resource.
    windowed
        Whether a second program without a console is made; Linux knows no such difference.
    """

    system: str
    hidden_imports: tuple[str, ...] = _HIDDEN
    excludes: tuple[str, ...] = _EXCLUDED
    icon: str = ""
    app_bundle: bool = False
    version_info: bool = False
    windowed: bool = True


_PLANS: Final = {
    "linux": Plan("linux", windowed=False),
    "win32": Plan("win32", icon="cxr-triage.ico", version_info=True),
    "darwin": Plan("darwin", icon="cxr-triage.icns", app_bundle=True),
}


def program(collection: Path) -> Path:
    """Return a collection's program that has standard streams."""
    return collection / (f"{CONSOLE}.exe" if sys.platform == "win32" else CONSOLE)


def plan_for(system: str) -> Plan:
    """Return the plan for a `sys.platform`.

    Raises
    ------
    ValueError
        There is none for it.
    """
    try:
        return _PLANS[system]
    except KeyError:
        raise ValueError(f"no installer is made for {system}; there are {', '.join(_PLANS)}") from None


def needed(destination: str) -> bool:
    """Whether a collected file is of use: not Qt's other modules, plugins, QML and translations, nor tests.

    Parameters
    ----------
    destination
        Its place in the collection, with either kind of slash.
    """
    path = PurePosixPath(destination.replace("\\", "/"))
    parts = path.parts
    if "PySide6" in parts:
        return _qt_needed(path)
    return not ("testdata" in parts or ("tests" in parts and parts[0] != "tests") or path.suffix in (".pyi", ".lib"))


def from_host(source: str, *, prefixes: Iterable[str]) -> bool:
    """Whether a collected library came from the building system, not from a wheel or from Python.

    Parameters
    ----------
    source
        Where it was found.
    prefixes
        Folders of Python and of the environment that is frozen.
    """
    if re.match(r"(/usr)?/lib/[^/]*-linux-gnu/", source):
        return True
    return not any(source.startswith(prefix.rstrip("/") + "/") for prefix in prefixes)


def host_needed(destination: str) -> bool:
    """Whether a library of the building system goes along; the others are the person's system's own.

    A bundled copy of what graphics drivers load too, such as libstdc++, breaks the drivers of newer systems.
    """
    stem = PurePosixPath(destination).name.partition(".")[0]
    return stem in HOST_LIBRARIES_KEPT


def _qt_needed(path: PurePosixPath) -> bool:
    parts = path.parts
    if "qml" in parts or "translations" in parts or path.suffix == ".pyi":
        return False
    if "plugins" in parts:
        kind = parts[parts.index("plugins") + 1]
        return kind in _QT_PLUGINS_KEPT and not any(each in path.name for each in _QT_PLUGINS_DROPPED)
    framework = next((part for part in parts if part.endswith(".framework")), path.name)
    module = _qt_module(framework)
    return module is None or module in _QT_KEPT


def _qt_module(name: str) -> str | None:
    """`libQt6Core.so.6`, `Qt6Core.dll`, `QtCore.abi3.so` are of the module Core; None where it is no module of Qt."""
    stem = name.removeprefix("lib").partition(".")[0]
    for prefix in ("Qt6", "Qt"):
        if stem.startswith(prefix):
            return stem.removeprefix(prefix)
    return None


def forbidden_in(destinations: Iterable[str]) -> list[str]:
    """Return what a collection must not hold: whatever lies in, or is, a module of `FORBIDDEN`."""
    return sorted(each for each in destinations if _top(each) in FORBIDDEN)


def _top(destination: str) -> str:
    parts = [part for part in destination.replace("\\", "/").split("/") if part != "_internal"]
    return parts[0].partition(".")[0] if parts else ""
