"""Blocks of a printed report, one below the other, on as many pages as they need; all in millimetres."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QPainter,
    QPen,
)

from cxr_desktop.report.film_page import SCORE_HEADS, FilmPage, Picture, PrintedWorklist, ScoreLine
from cxr_desktop.ui.paper import MM, Paper
from cxr_desktop.ui.widgets.images import grey_image, rgb_image, scale_image
from cxr_shared.notice import NOT_FOR_CLINICAL_USE

_MARGIN: Final = 15.0
_GAP: Final = 3.0
_INK: Final = "#16181c"
_DIM: Final = "#5b6470"
_LINE: Final = "#c9ced6"
_TINT: Final = "#f7e9e6"
_ALARM: Final = "#a3281a"
_LARGEST_PICTURE: Final = 88.0
_LEAST_PICTURE: Final = 45.0
_CAPTION: Final = 9.0
_ROW: Final = 4.7
_COLUMNS: Final = (0.17, 0.1, 0.165, 0.075, 0.163, 0.163, 0.163)
"""Widths of the table's columns as shares of the page's."""


class Device(Protocol):
    """What pages are begun on: a `QPdfWriter`, or images."""

    def newPage(self) -> bool:  # noqa: N802  (named as Qt's own)
        """Begin another page."""


@dataclass(frozen=True, slots=True)
class _Style:
    """A way to write."""

    points: float
    colour: str = _INK
    bold: bool = False


_TITLE: Final = _Style(15, bold=True)
_BODY: Final = _Style(9)
_STRONG: Final = _Style(9, bold=True)
_SMALL: Final = _Style(7.5, _DIM)
_HEAD: Final = _Style(7.5, _DIM, bold=True)
_CELL: Final = _Style(8)
_CELL_ON: Final = _Style(8, _ALARM, bold=True)
_CAUTION: Final = _Style(9, _ALARM, bold=True)


class Pages:
    """Blocks one below the other, on as many pages as they need."""

    def __init__(self, device: Device, printed: PrintedWorklist, paper: Paper) -> None:
        self._device = device
        self._printed = printed
        width, self._height = paper.size_mm
        self._width = width - 2 * _MARGIN
        self._bottom = self._height - _MARGIN - 6.0
        self._y = 0.0
        self._place = ""
        self.number = 0
        self._painter: QPainter

    def begin(self, painter: QPainter) -> None:
        """Draw with `painter`, which is open on the device's first page."""
        self._painter = painter

    def film(self, page: FilmPage, place: str) -> None:
        """Print one film, on a page of its own."""
        self._place = place
        self._new_page()
        self._heading(page)
        self._pictures(page)
        self._table(page.scores)
        for heading, words in page.paragraphs:
            self._paragraph(heading, words)

    def refused(self) -> None:
        """Print what was not scored, on pages of its own; an empty worklist gives a page that says so."""
        lines = self._printed.refused()
        if not lines and self.number:
            return
        self._place = ""
        self._new_page()
        title = "Not scored: a person has to look at these films" if lines else "No film was scored."
        self._text(QRectF(0, self._y, self._width, 8), title, _TITLE)
        self._y += 11
        for line in lines:
            self._paragraph(line.name, line.reason)

    def _new_page(self) -> None:
        if self.number:
            self._device.newPage()
        self.number += 1
        self._y = _MARGIN
        self._text(QRectF(0, self._y, self._width, 5), "Chest X-ray triage report", _STRONG)
        self._text(QRectF(0, self._y, self._width, 5), NOT_FOR_CLINICAL_USE, _CAUTION, right=True)
        self._rule(self._y + 5.5)
        foot = self._height - _MARGIN - 4
        self._rule(foot - 1)
        self._text(QRectF(0, foot, self._width * 0.62, 8), self._printed.notice, _SMALL, wrap=True)
        here = " · ".join(filter(None, (self._printed.stamp, self._place, f"page {self.number}")))
        self._text(QRectF(0, foot, self._width, 4), here, _SMALL, right=True)
        self._y += 9

    def _heading(self, page: FilmPage) -> None:
        self._text(QRectF(0, self._y, self._width, 8), page.heading, _TITLE)
        self._y += 7.5
        for line in page.facts:
            self._text(QRectF(0, self._y, self._width, 4), line, _SMALL)
            self._y += 3.8
        self._y += 1.5
        lane = _Style(10.5, _ALARM if page.urgent else _INK, bold=True)
        self._text(QRectF(0, self._y, self._width, 5.5), page.lane, lane)
        indent = self._measure(page.lane, lane) + 4
        used = self._text(QRectF(indent, self._y + 0.4, self._width - indent, 12), page.why, _BODY, wrap=True)
        self._y += max(6.5, used + 2)

    def _pictures(self, page: FilmPage) -> None:
        if not page.pictures:
            return
        after = (len(page.scores) + 2) * _ROW + 36.0
        side = min(_LARGEST_PICTURE, (self._width - _GAP) / 2, self._bottom - self._y - after - _CAPTION)
        side = max(side, _LEAST_PICTURE)
        film, *maps = page.pictures
        if len(maps) == 2:  # three of one size
            side = min(side, (self._width - 2 * _GAP) / 3)
        self._picture(QRectF(0, self._y, side, side), film)
        columns = 2 if len(maps) > 1 else 1
        cell = (side - _CAPTION - _GAP) / 2 if len(maps) > 2 else side
        for place, each in enumerate(maps):
            x = side + _GAP + (place % columns) * (cell + _GAP)
            y = self._y + (place // columns) * (cell + _CAPTION + _GAP)
            self._picture(QRectF(x, y, cell, cell), each)
        self._y += side + _CAPTION + 3

    def _picture(self, box: QRectF, picture: Picture) -> None:
        """Draw a picture in its box, and below it what it is."""
        rows, columns = picture.pixels.shape[:2]
        scale = min(box.width() / columns, box.height() / rows)
        width, height = columns * scale, rows * scale
        rect = QRectF(box.left(), box.top() + box.height() - height, width, height)
        image = rgb_image(picture.pixels) if picture.pixels.ndim == 3 else grey_image(picture.pixels)
        self._painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self._painter.drawImage(self._pixels(rect), image)
        below = box.bottom() + 0.8
        self._text(QRectF(box.left(), below, box.width(), 4), picture.title, _STRONG)
        if picture.scale is not None:
            low, high = picture.scale
            bar = QRectF(box.left(), below + 4.6, box.width() * 0.4, 1.8)
            self._painter.drawImage(self._pixels(bar), scale_image())
            words = QRectF(bar.right() + 1.5, below + 3.8, box.width() * 0.6, 4)
            self._text(words, f"{low:+.1f} to {high:+.1f}", _SMALL)

    def _table(self, scores: tuple[ScoreLine, ...]) -> None:
        self._row(SCORE_HEADS, _HEAD)
        self._rule(self._y)
        for line in scores:
            if self._y + _ROW > self._bottom:
                self._new_page()
                self._row(SCORE_HEADS, _HEAD)
            if line.positive:
                self._painter.fillRect(self._pixels(QRectF(-1, self._y, self._width + 2, _ROW)), QColor(_TINT))
            self._row(line.cells, _CELL_ON if line.positive else _CELL)
        self._rule(self._y)
        self._y += 2.5

    def _row(self, cells: tuple[str, ...], style: _Style) -> None:
        left = 0.0
        for share, words in zip(_COLUMNS, cells, strict=True):
            width = share * self._width
            self._text(QRectF(left, self._y + 0.5, width - 1, _ROW), words, style)
            left += width
        self._y += _ROW

    def _paragraph(self, heading: str, words: str) -> None:
        """Write words beside their heading, on the next page where they do not fit on this one."""
        indent = 24.0
        needed = self._wrapped(heading, indent - 2, _HEAD), self._wrapped(words, self._width - indent, _SMALL)
        height = max(needed)
        if self._y + height > self._bottom and height < self._bottom - _MARGIN - 12:
            self._new_page()
        self._text(QRectF(0, self._y, indent - 2, height + 1), heading, _HEAD, wrap=True)
        for part in self._parts(words, self._width - indent):
            used = self._text(QRectF(indent, self._y, self._width - indent, 400), part, _SMALL, wrap=True)
            self._y += used
        self._y += 1.2

    def _parts(self, words: str, width: float) -> Iterator[str]:
        """Cut words that do not fit on this page into pieces that fill it and the next ones, between words."""
        rest = words.split(" ")
        while self._wrapped(" ".join(rest), width, _SMALL) > self._bottom - self._y:
            fitting = self._fitting(rest, width)
            if fitting or self._y < 2 * _MARGIN:  # a word that is taller than a page is written all the same
                yield " ".join(rest[: max(1, fitting)])
                rest = rest[max(1, fitting) :]
            self._new_page()
        yield " ".join(rest)

    def _fitting(self, words: list[str], width: float) -> int:
        """Count the words that still fit on this page, by bisection."""
        room = self._bottom - self._y
        fits, too_many = 0, len(words)
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            if self._wrapped(" ".join(words[:middle]), width, _SMALL) <= room:
                fits = middle
            else:
                too_many = middle
        return fits

    def _rule(self, y: float) -> None:
        self._painter.setPen(QPen(QColor(_LINE), self._dots(0.2)))
        self._painter.drawLine(self._pixels(QRectF(0, y, self._width, 0)).topLeft(), self._end(y))

    def _text(self, rect: QRectF, words: str, style: _Style, *, right: bool = False, wrap: bool = False) -> float:
        """Write words in mm and return the height that they took; what does not fit on one line is elided."""
        font, box = self._font(style), self._pixels(rect)
        self._painter.setFont(font)
        self._painter.setPen(QColor(style.colour))
        metrics = QFontMetricsF(font, self._painter.device())
        across = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        flags = across.value | Qt.AlignmentFlag.AlignTop.value
        if wrap:
            flags |= _wrapping(words).value
            used = self._painter.boundingRect(box, flags, words)
            self._painter.drawText(box, flags, words)
            return used.height() / self._dots(1)
        self._painter.drawText(box, flags, metrics.elidedText(words, Qt.TextElideMode.ElideRight, box.width()))
        return metrics.height() / self._dots(1)

    def _wrapped(self, words: str, width: float, style: _Style) -> float:
        """Height in mm of words in a column."""
        self._painter.setFont(self._font(style))
        flags = Qt.AlignmentFlag.AlignLeft.value | _wrapping(words).value
        box = self._painter.boundingRect(self._pixels(QRectF(0, 0, width, 4000)), flags, words)
        return box.height() / self._dots(1)

    def _measure(self, words: str, style: _Style) -> float:
        return QFontMetricsF(self._font(style), self._painter.device()).horizontalAdvance(words) / self._dots(1)

    @staticmethod
    def _font(style: _Style) -> QFont:
        font = QFont()
        font.setPointSizeF(style.points)
        font.setBold(style.bold)
        return font

    def _dots(self, mm: float) -> float:
        return mm / MM * self._painter.device().logicalDpiX()

    def _pixels(self, rect: QRectF) -> QRectF:
        """Turn a rectangle in mm, from the left margin and the page's top, into the painter's units."""
        corner = self._dots(rect.left() + _MARGIN), self._dots(rect.top())
        return QRectF(*corner, self._dots(rect.width()), self._dots(rect.height()))

    def _end(self, y: float) -> QPointF:
        return self._pixels(QRectF(self._width, y, 0, 0)).topLeft()


def _wrapping(words: str) -> Qt.TextFlag:
    """Between words, or anywhere in what is one long word."""
    return Qt.TextFlag.TextWordWrap if " " in words else Qt.TextFlag.TextWrapAnywhere
