"""The line at the bottom: progress, bundle, provider and what this must not be used for."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QStatusBar, QWidget

from cxr_desktop.inference.loading import Loaded
from cxr_desktop.ui.i18n import tr
from cxr_shared.notice import NOT_FOR_CLINICAL_USE

_REASON_LENGTH = 90


class StatusLine(QStatusBar):
    """Badges and progress; the badges `bundle` and `provider` are buttons, and what they open is the window's."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self._loaded: Loaded | None = None
        self._progress = QProgressBar(self)
        self._progress.setFixedWidth(140)
        self._progress.setTextVisible(False)
        self._count = QLabel(self)
        self.bundle = _badge(self, tr("About this bundle"))
        self.provider = _badge(self, tr("Providers"))
        self._receiving, self._results = QLabel(self), QLabel(self)
        clinical = QLabel(tr(NOT_FOR_CLINICAL_USE), self)
        clinical.setObjectName("clinical")
        self.addWidget(self._progress)
        self.addWidget(self._count, 1)
        for badge in (self._receiving, self._results, self.bundle, self.provider, clinical):
            self.addPermanentWidget(badge)
        self.show_receiving("")
        self.show_results("")
        self.show_loading("")
        self.show_progress(0, 0, unscored=0)

    def show_progress(self, done: int, films: int, *, unscored: int) -> None:
        """Show how many films have a verdict."""
        self._progress.setVisible(0 < done < films)
        self._progress.setRange(0, max(1, films))
        self._progress.setValue(done)
        refused = tr(", {count:,} not scored", count=unscored) if unscored else ""
        some = tr("{done:,} of {films:,} films", done=done, films=films)
        words = tr("{films:,} films", films=films) if done in (0, films) else some
        self._count.setText(f"  {words}{refused}" if films else f"  {tr('no films')}")

    @property
    def network(self) -> str:
        """What is said of receiving and returning."""
        return " ".join(filter(None, (self._receiving.text(), self._results.text())))

    def show_receiving(self, words: str) -> None:
        """Say what the receiver does; nothing says that it does not run."""
        self._receiving.setText(words)
        self._receiving.setVisible(bool(words))

    def show_results(self, words: str) -> None:
        """Say how many results wait, were sent, refused or not confirmed."""
        self._results.setText(words)
        self._results.setVisible(bool(words))

    def show_loading(self, what: str) -> None:
        """Say what is being done with a bundle; nothing says that the one in use stays, or that there is none."""
        if self._loaded is not None and not what:
            self.show_bundle(self._loaded)
            return
        if self._loaded is None:
            self.bundle.setText(tr("bundle: none"))
            self.bundle.setToolTip("")
        self.provider.setText(tr("provider: {what}", what=what or tr("none without a bundle")))
        _set_grave(self.provider, grave=False)

    def show_bundle(self, loaded: Loaded) -> None:
        """Say which bundle and which provider run, and why."""
        self._loaded = loaded
        manifest = loaded.bundle.manifest
        self.bundle.setText(
            tr(
                "bundle: {name} · {count} models · {sha256}",
                name=manifest.name,
                count=len(manifest.models),
                sha256=loaded.bundle.sha256[:8],
            )
        )
        self.bundle.setToolTip(f"{loaded.bundle.path}\nSHA-256 {loaded.bundle.sha256}\n{manifest.notice}")
        reason = loaded.provider.reason
        short = reason if len(reason) <= _REASON_LENGTH else f"{reason[:_REASON_LENGTH]}…"
        self.provider.setText(f"{loaded.provider.name}: {short}")
        self.provider.setToolTip(reason)
        _set_grave(self.provider, grave=not loaded.provider.best)


def _badge(parent: QWidget, name: str) -> QPushButton:
    badge = QPushButton(parent)
    badge.setObjectName("badge")
    badge.setAccessibleName(name)
    badge.setCursor(Qt.CursorShape.PointingHandCursor)
    badge.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys with the list
    badge.setAutoDefault(True)  # Return presses it as the space bar does
    return badge


def _set_grave(badge: QPushButton, *, grave: bool) -> None:
    badge.setProperty("grave", grave)
    badge.style().unpolish(badge)
    badge.style().polish(badge)
