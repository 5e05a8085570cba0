"""Dark colours for a dark room: nothing on the screen is brighter than the film."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

GROUND: Final = "#0b0d10"
PANEL: Final = "#14171c"
RAISED: Final = "#1d2229"
LINE: Final = "#2a3038"
RULE: Final = "#1a1e24"
TEXT: Final = "#b9c0ca"
STRONG: Final = "#dde2e8"
DIM: Final = "#78818e"
ACCENT: Final = "#5b8db8"
ALARM: Final = "#d9694f"
ALARM_TEXT: Final = "#e58d78"
CAUTION: Final = "#cf9a4a"

_TICK: Final = (Path(__file__).parent / "icons" / "tick.svg").as_posix()

# Dark spin buttons could not be told apart; with `NoButtons` and a border Qt leaves one pixel for the number.
_STYLE: Final = f"""
QMainWindow, QDialog {{ background: {GROUND}; }}
QToolTip {{ background: {RAISED}; color: {STRONG}; border: 1px solid {LINE}; padding: 4px; }}
QMenuBar {{ background: {PANEL}; border-bottom: 1px solid {LINE}; }}
QMenuBar::item {{ padding: 5px 10px; background: transparent; }}
QMenuBar::item:selected, QMenu::item:selected {{ background: {RAISED}; color: {STRONG}; }}
QMenu {{ background: {PANEL}; border: 1px solid {LINE}; padding: 4px; }}
QMenu::item {{ padding: 5px 28px 5px 20px; }}
QMenu::item:disabled {{ color: {DIM}; }}
QMenu::separator {{ height: 1px; background: {LINE}; margin: 4px 8px; }}
QTableView {{ background: {PANEL}; alternate-background-color: {PANEL}; border: none; outline: none;
  selection-background-color: #24405a; selection-color: {STRONG}; gridline-color: {LINE}; }}
QTableView::item {{ padding: 0 6px; border-bottom: 1px solid {RULE}; }}
QHeaderView::section {{ background: {PANEL}; color: {DIM}; border: none; border-bottom: 1px solid {LINE};
  padding: 5px 6px; }}
QTableCornerButton::section {{ background: {PANEL}; }}
QSplitter::handle {{ background: {LINE}; }}
QStatusBar {{ background: {PANEL}; border-top: 1px solid {LINE}; }}
QStatusBar::item {{ border: none; }}
QProgressBar {{ background: {RAISED}; border: none; border-radius: 3px; height: 6px; }}
QProgressBar::chunk {{ background: {ACCENT}; border-radius: 3px; }}
QPushButton, QToolButton {{ background: {RAISED}; border: 1px solid {LINE}; border-radius: 4px; padding: 4px 10px; }}
QPushButton:hover, QToolButton:hover {{ border-color: {ACCENT}; }}
QPushButton:checked, QToolButton:checked {{ background: #24405a; color: {STRONG}; }}
QPushButton:focus, QToolButton:focus {{ border-color: {ACCENT}; }}
QSlider::groove:horizontal {{ height: 4px; background: {RAISED}; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {ACCENT}; border-radius: 2px; }}
QSlider::handle:horizontal {{ width: 12px; margin: -5px 0; border-radius: 6px; background: {TEXT}; }}
QSlider::handle:horizontal:focus {{ background: {STRONG}; }}
QDoubleSpinBox {{ background: {GROUND}; border: 1px solid {LINE}; border-radius: 4px; padding: 2px 0; }}
QGroupBox {{ border: 1px solid {LINE}; border-radius: 4px; margin-top: 10px; padding-top: 8px; }}
QGroupBox::title {{ subcontrol-origin: margin; left: 10px; color: {STRONG}; }}
QScrollBar:vertical {{ background: {PANEL}; width: 10px; }}
QScrollBar:horizontal {{ background: {PANEL}; height: 10px; }}
QScrollBar::handle {{ background: #333a44; border-radius: 4px; min-height: 24px; min-width: 24px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QDateEdit, QComboBox {{ background: {GROUND}; border: 1px solid {LINE}; border-radius: 4px; padding: 3px 6px;
  selection-background-color: #24405a; }}
QDateEdit:focus, QComboBox:focus {{ border-color: {ACCENT}; }}
QDateEdit:disabled, QComboBox:disabled, QLineEdit:disabled, QPushButton:disabled, QCheckBox:disabled {{ color: {DIM}; }}
QComboBox QAbstractItemView {{ background: {PANEL}; selection-background-color: #24405a; }}
QDialog QCheckBox::indicator, QDialog QTableView::indicator {{ width: 12px; height: 12px; border: 1px solid {DIM};
  border-radius: 3px; background: {GROUND}; }}
QDialog QCheckBox::indicator:checked, QDialog QTableView::indicator:checked {{ background: {ACCENT};
  border-color: {ACCENT}; image: url("{_TICK}"); }}
QDialog QCheckBox::indicator:disabled {{ border-color: {LINE}; }}
QLabel#outcome {{ color: {TEXT}; }}
QLabel#outcome[grave="true"] {{ color: {CAUTION}; }}
QLabel#notice-text {{ color: {STRONG}; }}
QFrame#notice {{ background: {RAISED}; border-left: 4px solid {ACCENT}; }}
QFrame#notice[grave="true"] {{ border-left: 4px solid {CAUTION}; }}
QWidget#list {{ background: {PANEL}; }}
QPushButton#lane {{ padding: 3px 9px; border-radius: 10px; }}
QLineEdit, QPlainTextEdit {{ background: {GROUND}; border: 1px solid {LINE}; border-radius: 4px; padding: 3px 6px;
  selection-background-color: #24405a; }}
QDoubleSpinBox QLineEdit {{ border: none; padding: 0 6px; }}
QDoubleSpinBox::up-button, QDoubleSpinBox::down-button {{ width: 0; border: none; }}
QLineEdit:focus, QPlainTextEdit:focus {{ border-color: {ACCENT}; }}
QWidget#side, QWidget#side QScrollArea, QWidget#bars {{ background: {PANEL}; }}
QLabel#clinical {{ color: {CAUTION}; font-weight: bold; padding: 0 8px; }}
QPushButton#badge {{ background: {PANEL}; color: {TEXT}; padding: 1px 8px; border: 1px solid {LINE};
  border-radius: 4px; }}
QPushButton#badge[grave="true"] {{ color: {CAUTION}; border-color: {CAUTION}; }}
QPushButton#badge:hover, QPushButton#badge:focus {{ border-color: {ACCENT}; color: {STRONG}; }}
QLabel#title {{ color: {STRONG}; font-size: 26px; }}
QFrame#welcome {{ background: {GROUND}; }}
QLabel#heading {{ color: {STRONG}; font-weight: bold; }}
QLabel#dim {{ color: {DIM}; }}
"""


def apply_theme(application: QApplication) -> None:
    """Give the whole application the dark theme; Fusion, so that every platform looks the same."""
    application.setStyle("Fusion")
    palette = QPalette()
    for role, colour in {
        QPalette.ColorRole.Window: GROUND,
        QPalette.ColorRole.Base: PANEL,
        QPalette.ColorRole.AlternateBase: PANEL,
        QPalette.ColorRole.Button: RAISED,
        QPalette.ColorRole.Text: TEXT,
        QPalette.ColorRole.WindowText: TEXT,
        QPalette.ColorRole.ButtonText: TEXT,
        QPalette.ColorRole.PlaceholderText: DIM,
        QPalette.ColorRole.Highlight: "#24405a",
        QPalette.ColorRole.HighlightedText: STRONG,
        QPalette.ColorRole.ToolTipBase: RAISED,
        QPalette.ColorRole.ToolTipText: STRONG,
        QPalette.ColorRole.Link: ACCENT,
    }.items():
        palette.setColor(role, QColor(colour))
    application.setPalette(palette)
    application.setStyleSheet(_STYLE)
