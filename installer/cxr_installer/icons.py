"""The program's icon in the forms that systems want, all drawn from one SVG."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from PIL import Image

from cxr_installer.stamp import ROOT

SVG: Final = ROOT / "desktop" / "cxr_desktop" / "ui" / "icons" / "cxr-triage.svg"
SIZES: Final = (16, 22, 24, 32, 48, 64, 128, 256, 512)
_WINDOWS: Final = (16, 24, 32, 48, 64, 128, 256)


def draw(side: int, *, svg: Path = SVG) -> Image.Image:
    """Draw the icon as RGBA of `side` × `side` pixels."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    image = QImage(side, side, QImage.Format.Format_RGBA8888)
    image.fill(0)
    painter = QPainter(image)
    QSvgRenderer(str(svg)).render(painter)
    painter.end()
    return Image.frombuffer("RGBA", (side, side), bytes(image.constBits()), "raw", "RGBA", image.bytesPerLine(), 1)


def write_png(folder: Path) -> list[Path]:
    """Write PNGs of all `SIZES` where the freedesktop icon theme wants them below `folder` (…/icons)."""
    paths = []
    for side in SIZES:
        path = folder / "hicolor" / f"{side}x{side}" / "apps" / "cxr-desktop.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(side).save(path, optimize=False)
        paths.append(path)
    return paths


def write_ico(path: Path) -> Path:
    """Write the icon of Windows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(256).save(path, format="ICO", sizes=[(side, side) for side in _WINDOWS])
    return path


def write_icns(path: Path) -> Path:
    """Write the icon of macOS."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(1024).save(path, format="ICNS")
    return path
