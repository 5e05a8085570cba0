"""Words over the film: what it is, how it is shown, and what must always be said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter

from cxr_desktop.inference.heatmap import CAPTION
from cxr_desktop.intake.names import shown_name
from cxr_desktop.intake.prepared import DisplayFilm
from cxr_desktop.ui import theme
from cxr_desktop.ui.contours import contour_step
from cxr_desktop.ui.geometry import EdgeLetters
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.widgets.images import HeatMap, scale_image
from cxr_shared.notice import NOT_FOR_CLINICAL_USE

FLIPPED: Final = "FLIPPED: mirror image"
_MARGIN: Final = 12
_SCALE_WIDTH: Final = 180
_SCALE_HEIGHT: Final = 8
_LETTER_SIZE: Final = 1.5
_LEGEND_LINES: Final = 4.2
_FLIPPED_LINES: Final = 6
_LETTER_LINES: Final = 8
"""Lines of words between the top or bottom letter and the edge."""


@dataclass(frozen=True, slots=True)
class Annotations:
    """Lines at the top left: what is known of the film.

    Attributes
    ----------
    lines
        What may always be shown.
    identity
        Whose film it is: shown first, and left out while patient data are hidden.
    """

    lines: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()


def film_annotations(film: DisplayFilm) -> Annotations:
    """Say what is known of a film."""
    facts = film.facts
    who = " · ".join(filter(None, (facts.identity.patient_id, facts.identity.patient_name)))
    size = tr(
        "view {view} · {columns}×{rows} · {bits} bit",
        view=facts.view.value,
        columns=facts.shape[1],
        rows=facts.shape[0],
        bits=facts.bits,
    )
    unstated = "" if facts.orientation else tr("orientation not stated in the file")
    return Annotations(
        tuple(filter(None, (size, unstated))),
        tuple(filter(None, (shown_name(film.source), who, facts.identity.acquired))),
    )


def draw_message(painter: QPainter, rect: QRect, message: str) -> None:
    """Draw words in the middle, in place of a film."""
    painter.setPen(QColor(theme.DIM))
    inner = rect.adjusted(60, 0, -60, 0)
    painter.drawText(inner, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, message)


def draw_corners(
    painter: QPainter, rect: QRect, *, title: str, above: Sequence[str], below: Sequence[str], legend: bool = False
) -> None:
    """Draw the left corners.

    Parameters
    ----------
    painter
        Open on the viewer.
    rect
        The viewer.
    title
        What the pane shows, such as which prior; may be empty.
    above
        What is known of the film.
    below
        How it is shown.
    legend
        Whether a heat map's legend is at the bottom right: on a narrow pane, `below` is written above it.
    """
    metrics = QFontMetrics(painter.font())
    lines = [(title, theme.STRONG)] if title else []
    lines += [(line, theme.TEXT) for line in above]
    # The notice is at the right: on a narrow pane the words begin below it.
    beside = metrics.horizontalAdvance(lines[0][0]) if lines else 0
    lowered = beside > rect.width() - 4 * _MARGIN - _bold_width(painter, tr(NOT_FOR_CLINICAL_USE))
    _write_lines(painter, rect, lines, _MARGIN + lowered * metrics.height())
    below = [part for line in below for part in _wrapped(metrics, line, rect.width() - 2 * _MARGIN)]
    widest = max((metrics.horizontalAdvance(line) for line in below), default=0)
    captions = max(metrics.horizontalAdvance(line) for line in _caption_lines())
    narrow = legend and widest + captions + 3 * _MARGIN > rect.width()
    top = rect.height() - _MARGIN - (len(below) + (_LEGEND_LINES if narrow else 0)) * metrics.height()
    _write_lines(painter, rect, [(line, theme.TEXT) for line in below], top)


def draw_notices(painter: QPainter, rect: QRect, *, mirrored: bool) -> None:
    """Draw what no key hides: that this is no medical device, and that a mirrored film is mirrored."""
    font = painter.font()
    painter.setFont(_bold(font))
    metrics = QFontMetrics(painter.font())
    baseline = _MARGIN + metrics.ascent()
    right = rect.width() - _MARGIN - metrics.horizontalAdvance(tr(NOT_FOR_CLINICAL_USE))
    write(painter, tr(NOT_FOR_CLINICAL_USE), QPointF(right, baseline), colour=theme.CAUTION)
    if mirrored:
        painter.setFont(_bold(font, _LETTER_SIZE))
        metrics = QFontMetrics(painter.font())
        middle = (rect.width() - metrics.horizontalAdvance(tr(FLIPPED))) / 2
        at = QPointF(middle, _MARGIN + _FLIPPED_LINES * metrics.height())
        write(painter, tr(FLIPPED), at, colour=theme.ALARM_TEXT)
    painter.setFont(font)


def draw_letters(painter: QPainter, rect: QRect, letters: EdgeLetters) -> None:
    """Draw the letters of the four edges."""
    font = painter.font()
    painter.setFont(_bold(font, _LETTER_SIZE))
    metrics = QFontMetrics(painter.font())
    middle_x, middle_y = rect.width() / 2, rect.height() / 2
    edge, down = 2 * _MARGIN, _LETTER_LINES * QFontMetrics(font).height()
    for text, left, baseline in (
        (letters.left, edge, middle_y),
        (letters.right, rect.width() - edge - metrics.horizontalAdvance(letters.right), middle_y),
        (letters.top, middle_x - metrics.horizontalAdvance(letters.top) / 2, down),
        (letters.bottom, middle_x - metrics.horizontalAdvance(letters.bottom) / 2, rect.height() - down),
    ):
        write(painter, text, QPointF(left, baseline), colour=theme.CAUTION)
    painter.setFont(font)


def _caption_lines() -> list[str]:
    return tr(CAPTION).replace("; ", ";\n").splitlines()


def draw_legend(painter: QPainter, rect: QRect, heat: HeatMap, *, contours: bool) -> None:
    """Draw the heat map's scale and say what it is, at the bottom right."""
    metrics = QFontMetrics(painter.font())
    height = metrics.height()
    right, line = rect.width() - _MARGIN, rect.height() - _MARGIN - metrics.descent()
    for words in reversed(_caption_lines()):
        _write_right(painter, words, right, line, colour=theme.DIM)
        line -= height
    scale = QRectF(right - _SCALE_WIDTH, line - height - _SCALE_HEIGHT + 2, _SCALE_WIDTH, _SCALE_HEIGHT)
    painter.drawImage(scale, scale_image())
    write(painter, tr("{level:+.1f} (threshold)", level=heat.low), QPointF(scale.left(), line), colour=theme.TEXT)
    _write_right(painter, tr("{level:+.1f} logits", level=heat.high), right, line, colour=theme.TEXT)
    step = contour_step(heat.low, heat.high)
    lines = tr("{title}: lines at the threshold and every {step:g} logits", title=heat.title, step=step)
    words = lines if contours else heat.title
    title = metrics.elidedText(words, Qt.TextElideMode.ElideRight, rect.width() - 2 * _MARGIN)
    _write_right(painter, title, right, scale.top() - 6, colour=theme.STRONG)


def write(painter: QPainter, text: str, at: QPointF, *, colour: str) -> None:
    """Write with a dark edge, so that it can be read over bone and over lung; `at` is where its baseline begins."""
    painter.setPen(QColor(0, 0, 0, 200))
    for across, down in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        painter.drawText(at + QPointF(across, down), text)
    painter.setPen(QColor(colour))
    painter.drawText(at, text)


def _write_lines(painter: QPainter, rect: QRect, lines: Sequence[tuple[str, str]], top: float) -> None:
    """Write words with their colours at the left, shortened to the pane."""
    metrics = QFontMetrics(painter.font())
    for number, (line, colour) in enumerate(lines):
        shown = metrics.elidedText(line, Qt.TextElideMode.ElideRight, rect.width() - 2 * _MARGIN)
        write(painter, shown, QPointF(_MARGIN, top + metrics.ascent() + number * metrics.height()), colour=colour)


def _wrapped(metrics: QFontMetrics, line: str, width: int) -> list[str]:
    """Break a line between words where it is wider than the pane."""
    lines = [line]
    while metrics.horizontalAdvance(lines[-1]) > width:
        words = lines[-1].split(" ")
        kept = next((n for n in range(len(words) - 1, 0, -1) if _fits(metrics, words[:n], width)), 0)
        if not kept:
            break
        lines[-1:] = [" ".join(words[:kept]).rstrip(), " ".join(words[kept:]).lstrip()]
    return lines


def _fits(metrics: QFontMetrics, words: Sequence[str], width: int) -> bool:
    return metrics.horizontalAdvance(" ".join(words)) <= width


def _write_right(painter: QPainter, text: str, right: float, baseline: float, *, colour: str) -> None:
    width = QFontMetrics(painter.font()).horizontalAdvance(text)
    write(painter, text, QPointF(right - width, baseline), colour=colour)


def _bold(font: QFont, larger: float = 1.0) -> QFont:
    bold = QFont(font)
    bold.setBold(True)
    if larger != 1.0 and font.pointSizeF() > 0:
        bold.setPointSizeF(font.pointSizeF() * larger)
    return bold


def _bold_width(painter: QPainter, text: str) -> int:
    return QFontMetrics(_bold(painter.font())).horizontalAdvance(text)
