"""Sizes of paper."""

from __future__ import annotations

from enum import Enum
from typing import Final

from PySide6.QtCore import QLocale
from PySide6.QtGui import (
    QPageSize,
)

MM: Final = 25.4
"""Millimetres an inch."""


class Paper(Enum):
    """Sizes of paper."""

    A4 = QPageSize.PageSizeId.A4
    LETTER = QPageSize.PageSizeId.Letter

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height in mm."""
        size = QPageSize(self.value).size(QPageSize.Unit.Millimeter)
        return size.width(), size.height()


def local_paper() -> Paper:
    """Give the paper that printers hold where the system says it is: Letter in the United States, else A4."""
    imperial = QLocale.system().measurementSystem() is QLocale.MeasurementSystem.ImperialUSSystem
    return Paper.LETTER if imperial else Paper.A4
