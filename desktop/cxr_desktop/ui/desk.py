"""What the window can do, without a widget: open films and bundles, score, show, export."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from PySide6.QtCore import QObject, Signal

from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.lanes import DEFAULT_POLICY, Lane, TriagePolicy
from cxr_desktop.inference.loading import Loaded, judge_providers
from cxr_desktop.inference.trust import open_trusted
from cxr_desktop.inference.verdict import Verdict
from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.intake.demo import demo_bundle, demo_films, demo_folder
from cxr_desktop.intake.pool import MakePool
from cxr_desktop.reports import Reports
from cxr_desktop.store import Store, StoredFilm
from cxr_desktop.ui.arrivals import Arrivals
from cxr_desktop.ui.exporting import begin_export
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.mailbox import Background, Mailbox
from cxr_desktop.ui.memory import Memory
from cxr_desktop.ui.rendering import Pyramid
from cxr_desktop.ui.scoring import Scoring
from cxr_desktop.ui.shelf import Shelf
from cxr_desktop.ui.workplace import Workplace
from cxr_desktop.worklist.reading import Readings
from cxr_desktop.worklist.row import Row
from cxr_desktop.worklist.sheet import Sheet
from cxr_shared.bundle import Bundle

VIEWER_ONLY: Final = (
    "No bundle is open, so films are shown but not scored. Open one with Ctrl+B or drop it here; "
    "`cxr-export onnx RUN --out chest.cxr` makes one of trained runs."
)

T = TypeVar("T")


class Desk(QObject):
    """State and work of one window; every signal is sent in the window's thread.

    `make_pool` makes what decodes the films; by default processes of its own, which end with the window.

    Signals
    -------
    found
        list of Path: new films, to become rows.
    judged
        Verdict of one film; it is kept already where there is a store.
    rewritten
        list of Path: films whose files hold another film by now; what belongs to the old ones is to be put away.
    relisted
        Any row may be another: a list was remembered, or another bundle's verdicts.
    shown
        (Path, Pyramid): the film that `show` asked for last.
    not_shown
        (Path, str): it cannot be shown, and why.
    shown_beside
        (Path, Pyramid | str): the film that `show_beside` asked for, or why it cannot be shown.
    bundle_loading
        str: what is being done with a bundle; nothing when it cannot be used, and the one before, if any, still is.
    bundle_ready
        Loaded: the bundle that scores from now on; every verdict before it is void.
    providers_judged
        list of Judgement: every provider of this system.
    told
        str: something the person should know.
    failed
        str: something that went wrong.
    """

    found = Signal(list)
    judged = Signal(object)
    rewritten = Signal(list)
    relisted = Signal()
    shown = Signal(object, object)
    not_shown = Signal(object, str)
    shown_beside = Signal(object, object)
    bundle_loading = Signal(str)
    bundle_ready = Signal(object)
    providers_judged = Signal(list)
    told = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        store: Store | None = None,
        policy: TriagePolicy = DEFAULT_POLICY,
        make_pool: MakePool = DecodePool,
    ) -> None:
        super().__init__(parent)
        self.sheet = Sheet(policy)
        self.make_pool = make_pool
        self.named: set[Path] = set()  # every path that the person named, which no report of a fault may tell
        self._mailbox = Mailbox(self)
        self._memory = Memory(store, lambda words: self._mailbox.post(lambda: self.failed.emit(words)))
        self.readings = Readings(self.sheet, self._memory.read)
        self._background = Background(self._mailbox)
        self._shelf = Shelf(make_pool(workers=1))
        self._stop = threading.Event()
        self._wanted: Path | None = None
        self.taken_off = self._memory.taken_off
        self._work = Workplace(self.sheet, self._memory, self._mailbox, self._background, self._stop.is_set, make_pool)
        self._arrivals = Arrivals(self._work, self)
        self._scoring = Scoring(self._work, self)
        self._connect()

    @property
    def loaded(self) -> Loaded | None:
        """The bundle that scores; None while the window is a viewer."""
        return self._scoring.loaded

    def _connect(self) -> None:
        arrivals, scoring = self._arrivals, self._scoring
        arrivals.found.connect(self._found)
        arrivals.rewritten.connect(self.start_over)
        scoring.judged.connect(self._judged)
        scoring.relisted.connect(self.relisted)
        scoring.ready.connect(self.bundle_ready)
        scoring.not_ready.connect(lambda: self.bundle_loading.emit(""))
        arrivals.told.connect(self.told)
        for part in (arrivals, scoring):
            part.failed.connect(self.failed)

    def remember(self, bundle_sha256: str = "") -> None:
        """Show the list that was kept, with the scores of one bundle; those of others are marked.

        Parameters
        ----------
        bundle_sha256
            The bundle of last time, which is about to be opened. Without one every score is another bundle's.
        """
        if not self._memory.lasting:
            return

        def films() -> list[StoredFilm]:
            kept = self._memory.films(bundle_sha256)
            return kept if bundle_sha256 else [replace(film, stale=film.verdict is not None) for film in kept]

        self._run(films, success=self._scoring.recall)

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Add the films among files and folders, and score them where a bundle is open."""
        self.named.update(paths)
        self._arrivals.open_paths(paths)

    def watch(self, folder: Path) -> None:
        """Add each film that lies in a folder or arrives there, in place of the folder that was watched before."""
        self._arrivals.watch(folder)

    def unwatch(self) -> None:
        """Watch no folder."""
        self._arrivals.unwatch()

    def open_bundle(self, path: Path, *, wanted: Wanted = Wanted.AUTO) -> None:
        """Verify a bundle, choose its provider, and score every film with it."""
        self.named.add(path)
        self.bundle_loading.emit(tr("verifying {name} and proving its provider…", name=path.name))
        self._scoring.open(lambda: open_trusted(path), wanted)

    def use_bundle(self, bundle: Bundle, *, wanted: Wanted = Wanted.AUTO) -> None:
        """As `open_bundle`, with one that was verified before."""
        self.bundle_loading.emit(tr("proving the provider…"))
        self._scoring.open(lambda: bundle, wanted)

    def show(self, path: Path) -> None:
        """Decode a film for the viewer; a later call overtakes an earlier one."""
        self._wanted = path
        kept = self._shelf.kept(path)
        if kept is not None:
            self.shown.emit(path, kept)
            return
        self._run(
            lambda: self._shelf.read(path) if path == self._wanted else None,
            success=lambda result: self._take(path, result),
        )

    def read_anew(self, path: Path) -> None:
        """As `show`, from the file even where it was read lately."""
        self._shelf.forget(path)
        self.show(path)

    def start_over(self, rows: Sequence[Row]) -> None:
        """Let films wait again whose files hold others by now; nothing of the old ones is shown for the new."""
        films = [row.source for row in rows]
        self.rewritten.emit(films)
        for row in rows:
            row.judge(None, self.sheet.policy)
            row.hear(None)
            self._shelf.forget(row.source)
        self.relisted.emit()
        if self._wanted in films:
            self.show(self._wanted)
        self._scoring.submit(films)

    def open_demo(self) -> None:
        """Add films to try the program with, and open the models that came with them where none are open."""
        models = demo_bundle()
        if models is not None and self.loaded is None:
            self.open_bundle(models)
        self.told.emit(tr("Drawing synthetic demo films; they are no patient's."))
        self._run(lambda: demo_films(demo_folder()), success=self.open_paths)

    def follow(self, policy: TriagePolicy) -> None:
        """Judge every row by another policy."""
        self.sheet.follow(policy)
        weights = ", ".join(f"{target.slug} {weight:g}" for target, weight in sorted(policy.weights.items()))
        self._memory.audit(
            "policy changed",
            weights=weights or "default",
            urgent_from=f"{policy.urgent_from:g}",
            ageing_hours=f"{policy.ageing_hours:g}",
        )

    def remove(self, rows: Sequence[Row]) -> None:
        """Take rows off the list; what was kept of their films stays."""
        self.sheet.remove(rows)
        self._memory.remove([row.source for row in rows])

    def put_back(self, rows: Sequence[Row]) -> None:
        """Undo `remove`."""
        rows = self.sheet.put_back(rows)
        self._memory.add([row.source for row in rows])
        self._scoring.submit([row.source for row in rows if row.lane is Lane.WAITING])

    def show_beside(self, path: Path) -> None:
        """Decode a film to stand beside the one that is shown."""
        self._run(lambda: self._shelf.read(path), success=lambda result: self.shown_beside.emit(path, result))

    def export(self, reports: Reports) -> None:
        """Write what was judged so far."""
        loaded = self.loaded
        if loaded is None:
            self.told.emit(tr(VIEWER_ONLY))
            return
        self.named.update(reports.by_kind.values())
        self.carry_out(begin_export(reports, loaded, self._work))

    def carry_out(self, operation: Callable[[], str]) -> None:
        """Run what touches no widget in the background, and say what it returns."""
        self._run(operation, success=self.told.emit)

    def judge_providers(self) -> None:
        """Prove every provider with the bundle that is open, else with a toy."""
        bundle = self.loaded.bundle if self.loaded else None
        self._run(
            lambda: judge_providers(bundle, stopped=self._stop.is_set),
            success=self.providers_judged.emit,
        )

    def close(self) -> None:
        """End every thread and process; nothing is sent after."""
        self._stop.set()
        self.unwatch()
        self._mailbox.close()
        self._scoring.close()
        self._shelf.close()
        self._background.close()
        self._memory.close()

    def _found(self, films: list[Path]) -> None:
        self.found.emit(films)
        self._scoring.submit(films)

    def _judged(self, verdict: Verdict) -> None:
        if self._arrivals.is_overtaken(verdict):
            self._scoring.submit([verdict.source])
        else:
            self.judged.emit(verdict)

    def _run(self, operation: Callable[[], T], *, success: Callable[[T], None]) -> None:
        self._background.run(operation, success=success, failure=self.failed.emit)

    def _take(self, path: Path, result: Pyramid | str | None) -> None:
        if path != self._wanted or result is None:
            return
        if isinstance(result, Pyramid):
            self.shown.emit(path, result)
        else:
            self.not_shown.emit(path, result)
