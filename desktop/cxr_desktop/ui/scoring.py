"""The bundle in use: opened, asked what it said before, and scored with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal

from cxr_desktop.inference.choice import remember_fastest
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.loading import Loaded, load
from cxr_desktop.inference.scorer import Scorer
from cxr_desktop.inference.triage import FilmJudged, TriageEvent
from cxr_desktop.inference.verdict import Verdict
from cxr_desktop.store import StoredFilm
from cxr_desktop.store.records import Read
from cxr_desktop.ui.workplace import Workplace
from cxr_shared.bundle import Bundle

_RECALLED_AT_ONCE: Final = 50


class Scoring(QObject):
    """One bundle at a time; of two that are being opened, the one that was asked for last.

    Parameters
    ----------
    work
        The list, whose verdicts become another bundle's when a bundle comes; the memory, which keeps each verdict
        before anybody sees it; the ways between threads.

    Signals
    -------
    judged
        Verdict of one film, by the bundle in use; it is kept already where there is a store.
    relisted
        Any row may be another.
    ready
        Loaded: the bundle that scores from now on.
    not_ready
        The bundle that was asked for last cannot be used; the one before it, if any, still is.
    failed
        str: something that went wrong.
    """

    judged = Signal(object)
    relisted = Signal()
    ready = Signal(object)
    not_ready = Signal()
    failed = Signal(str)

    def __init__(self, work: Workplace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.loaded: Loaded | None = None
        self.recalled = False
        """Whether what the bundle said before is on the list, so that the rest can be scored."""
        self._work = work
        self._asked = 0
        self._scorer: Scorer | None = None
        self._retired: list[Scorer] = []

    def open(self, read: Callable[[], Bundle], wanted: Wanted) -> None:
        """Read a bundle, choose its provider, and score every film with it."""
        self._asked += 1
        asked = self._asked
        self._work.background.run(
            lambda: load(read(), wanted, stopped=self._work.stopped),
            success=lambda loaded: self._use(loaded, asked),
            failure=lambda words: self._no_bundle(words, asked),
        )

    def submit(self, files: Sequence[Path]) -> None:
        """Score films; before the bundle is ready nothing is done, since it then scores all that wait."""
        if self._scorer is not None and self.recalled:
            self._scorer.submit(files)

    def recall(self, films: Sequence[StoredFilm]) -> None:
        """Put what was remembered on the list, a few films at a time, so that the window goes on answering."""
        for start in range(0, len(films), _RECALLED_AT_ONCE):
            self._work.mailbox.post(partial(self._work.sheet.recall, films[start : start + _RECALLED_AT_ONCE]))
        self._work.mailbox.post(self.relisted.emit)

    def close(self) -> None:
        """End every thread and process that scores."""
        for scorer in [*self._retired, *([self._scorer] if self._scorer else [])]:
            scorer.close()
        self._scorer, self._retired = None, []

    def _use(self, loaded: Loaded, asked: int) -> None:
        if asked != self._asked:  # a later one was asked for meanwhile
            return
        if self._scorer is not None:
            self._scorer.stop()
            self._retired.append(self._scorer)
        # Those that have ended hold their models for nothing.
        self._retired = [scorer for scorer in self._retired if scorer.running]
        self.loaded = loaded
        self._work.sheet.age_verdicts(loaded.bundle.sha256)
        self.recalled = False  # films that come meanwhile are scored with those that wait
        self._scorer = Scorer(
            loaded.engine,
            loaded.provenance,
            pool=self._work.make_pool(),
            on_event=lambda event: self._keep_and_post(event, loaded),
            on_fault=lambda words: self._work.mailbox.post(lambda: self.failed.emit(words)),
            on_idle=lambda stopped: remember_fastest(loaded.bundle, loaded.provider, stopped=stopped),
        )
        self._work.memory.audit("bundle opened", bundle=loaded.bundle.sha256, provider=loaded.provider.name)
        self.ready.emit(loaded)
        self._work.background.run(
            lambda: self._work.memory.films(loaded.bundle.sha256),
            success=lambda films: self._go_on(films, loaded),
            failure=lambda words: self._go_on([], loaded, words),
        )

    def _no_bundle(self, words: str, asked: int) -> None:
        if asked == self._asked:
            self.not_ready.emit()
        self.failed.emit(words)

    def _go_on(self, films: list[StoredFilm], loaded: Loaded, trouble: str = "") -> None:
        """Take what this bundle said before, and score the rest."""
        if trouble:
            self.failed.emit(trouble)
        if loaded is self.loaded and self._scorer is not None:
            self.recall(films)
            self._work.mailbox.post(lambda: self._score_waiting(loaded))

    def _score_waiting(self, loaded: Loaded) -> None:
        if loaded is self.loaded and self._scorer is not None:
            self.recalled = True
            self._scorer.submit(self._work.sheet.waiting())

    def _keep_and_post(self, event: TriageEvent, loaded: Loaded) -> None:
        """Keep a verdict, in the scorer's thread, before anybody sees it."""
        if isinstance(event, FilmJudged):
            self._work.memory.judge(event.verdict)
            read = self._work.memory.last_read(event.verdict.sha256)
            self._work.mailbox.post(lambda: self._hear(event.verdict, read, loaded))

    def _hear(self, verdict: Verdict, read: Read | None, loaded: Loaded) -> None:
        if read is not None:
            self._work.sheet.learn(read)
        # What an earlier bundle's scorer still had in hand must not mix with the new bundle's verdicts.
        if loaded is self.loaded:
            self.judged.emit(verdict)
