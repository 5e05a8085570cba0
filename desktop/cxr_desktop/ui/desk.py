"""What the window can do, without a widget: open films and bundles, score, show, export."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from PySide6.QtCore import QObject, Signal

from cxr_desktop.inference.choice import remember_fastest
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.lanes import DEFAULT_POLICY, Lane, TriagePolicy
from cxr_desktop.inference.triage import FilmJudged, TriageEvent
from cxr_desktop.inference.trust import open_trusted
from cxr_desktop.inference.verdict import Verdict
from cxr_desktop.intake.demo import demo_films, demo_folder
from cxr_desktop.intake.files import find_films_in_chunks
from cxr_desktop.reports import Remarks, Reports
from cxr_desktop.store import Store, StoredFilm
from cxr_desktop.store.places import FileState, file_states
from cxr_desktop.store.records import Read
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.loading import Loaded, judge_providers, load
from cxr_desktop.ui.mailbox import Background, Mailbox
from cxr_desktop.ui.memory import Memory
from cxr_desktop.ui.rendering import Pyramid
from cxr_desktop.ui.scorer import Scorer
from cxr_desktop.ui.shelf import Shelf
from cxr_desktop.worklist.reading import Readings
from cxr_desktop.worklist.row import Row
from cxr_desktop.worklist.said import said_of
from cxr_desktop.worklist.sheet import Sheet
from cxr_shared.bundle import Bundle

if TYPE_CHECKING:
    from cxr_desktop.intake.watch import FolderWatch

VIEWER_ONLY: Final = (
    "No bundle is open, so films are shown but not scored. Open one with Ctrl+B or drop it here; "
    "`cxr-export onnx RUN --out chest.cxr` makes one of trained runs."
)
_RECALLED_AT_ONCE: Final = 50

T = TypeVar("T")


class Desk(QObject):
    """State and work of one window; every signal is sent in the window's thread.

    Signals
    -------
    found
        list of Path: new films, to become rows.
    judged
        Verdict of one film; it is kept already where there is a store.
    relisted
        Any row may be another: a list was remembered, or another bundle's verdicts.
    shown
        (Path, Pyramid): the film that `show` asked for last.
    not_shown
        (Path, str): it cannot be shown, and why.
    shown_beside
        (Path, Pyramid | str): the film that `show_beside` asked for, or why it cannot be shown.
    bundle_loading
        str: what is being done with a bundle.
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
        self, parent: QObject | None = None, *, store: Store | None = None, policy: TriagePolicy = DEFAULT_POLICY
    ) -> None:
        super().__init__(parent)
        self.sheet = Sheet(policy)
        self.loaded: Loaded | None = None
        self.named: set[Path] = set()  # every path that the person named, which no report of a fault may tell
        self._mailbox = Mailbox(self)
        self._memory = Memory(store, lambda words: self._mailbox.post(lambda: self.failed.emit(words)))
        self.readings = Readings(self.sheet, self._memory.read)
        self._background = Background(self._mailbox)
        self._shelf = Shelf()
        self._scorer: Scorer | None = None
        self._retired: list[Scorer] = []
        self._recalled = False
        self._stop = threading.Event()
        self._watch: FolderWatch | None = None
        self._wanted: Path | None = None

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

        self._run(films, success=self._recall)

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Add the films among files and folders, and score them where a bundle is open."""
        self.named.update(paths)
        self._run(lambda: self._search(paths), success=self._searched)

    def watch(self, folder: Path) -> None:
        """Add each film that lies in a folder or arrives there, in place of the folder that was watched before."""
        from cxr_desktop.intake.watch import FolderWatch  # brings pydicom, which no start needs

        self.unwatch()
        self._watch = FolderWatch(
            folder,
            lambda films: self._mailbox.post(partial(self._arrived, films, file_states(list(map(str, films))))),
            on_trouble=lambda words: self._mailbox.post(lambda: self.told.emit(words)),
        ).start()

    def _arrived(self, films: list[Path], states: list[FileState]) -> None:
        """Add films of the watched folder; one on the list that holds another film by now waits again."""
        rows = [(self.sheet.row_of(film), state) for film, state in zip(films, states, strict=True)]
        again = [row for row, state in rows if row is not None and row.was_read_in_another(state)]
        for row in again:
            row.judge(None, self.sheet.policy)
            row.hear(None)
            self._shelf.forget(row.source)
        if again:
            self.relisted.emit()
            if self._scorer is not None and self._recalled:
                self._scorer.submit([row.source for row in again])
        self.open_paths(films)

    def unwatch(self) -> None:
        """Watch no folder."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def open_bundle(self, path: Path, *, wanted: Wanted = Wanted.AUTO) -> None:
        """Verify a bundle, choose its provider, and score every film with it."""
        self.named.add(path)
        self.bundle_loading.emit(tr("verifying {name} and proving its provider…", name=path.name))
        self._load(lambda: open_trusted(path), wanted)

    def use_bundle(self, bundle: Bundle, *, wanted: Wanted = Wanted.AUTO) -> None:
        """As `open_bundle`, with one that was verified before."""
        self.bundle_loading.emit(tr("proving the provider…"))
        self._load(lambda: bundle, wanted)

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

    def open_demo(self) -> None:
        """Add films to try the program with."""
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
        if self._scorer is not None and self._recalled:
            self._scorer.submit([row.source for row in rows if row.lane is Lane.WAITING])

    def show_beside(self, path: Path) -> None:
        """Decode a film to stand beside the one that is shown."""
        self._run(lambda: self._shelf.read(path), success=lambda result: self.shown_beside.emit(path, result))

    def export(self, reports: Reports) -> None:
        """Write what was judged so far."""
        loaded = self.loaded
        if loaded is None:
            self.told.emit(tr(VIEWER_ONLY))
            return
        worklist, readings = self.sheet.worklist(loaded.provenance), said_of(self.sheet.rows)

        def write() -> str:
            said: list[str] = []
            remarks = Remarks(said.append, self._stop.is_set)
            paths = reports.write(worklist, loaded.bundle, readings=readings, remarks=remarks)
            waiting = worklist.found - len(worklist.verdicts)
            missing = "" if worklist.complete else tr("; {count} films still wait", count=waiting)
            return " ".join((tr("Wrote {paths}{missing}.", paths=", ".join(map(str, paths)), missing=missing), *said))

        written = {kind: getattr(reports, kind) for kind in ("json", "csv", "html", "pdf", "dicom")}
        kinds = [kind for kind, path in written.items() if path is not None]
        self.named.update(filter(None, written.values()))
        self._memory.audit(
            "export",
            kinds=", ".join(kinds),
            films=str(len(worklist.verdicts)),
            deidentified="yes" if reports.deidentified else "no",
            bundle=loaded.bundle.sha256,
        )
        self.carry_out(write)

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
        for scorer in [*self._retired, *([self._scorer] if self._scorer else [])]:
            scorer.close()
        self._scorer, self._retired = None, []
        self._shelf.close()
        self._background.close()
        self._memory.close()

    def _run(
        self,
        operation: Callable[[], T],
        *,
        success: Callable[[T], None],
        failure: Callable[[str], None] | None = None,
    ) -> None:
        self._background.run(operation, success=success, failure=failure or self.failed.emit)

    def _load(self, read: Callable[[], Bundle], wanted: Wanted) -> None:
        self._run(
            lambda: load(read(), wanted, stopped=self._stop.is_set),
            success=self._use,
            failure=self._no_bundle,
        )

    def _search(self, paths: Sequence[Path]) -> bool:
        """Add films as they are found; says whether there was any."""
        found = False
        for chunk in find_films_in_chunks(paths, stopped=self._stop.is_set):
            found = True
            self.sheet.look_up(chunk)  # asks the disk here, not in the window's thread
            self._mailbox.post(partial(self._add, chunk))
        return found

    def _searched(self, found: bool) -> None:  # noqa: FBT001  (what `_search` gives)
        if not found:
            self.told.emit(
                tr("No film was found there. Films are PNG, JPEG or DICOM files, also in a ZIP or on a disc.")
            )

    def _add(self, files: list[Path]) -> None:
        fresh = self.sheet.new_among(files)
        if not fresh:
            return
        self._memory.add(fresh)
        self.found.emit(fresh)
        if self._scorer is not None and self._recalled:
            self._scorer.submit(fresh)

    def _use(self, loaded: Loaded) -> None:
        if self._scorer is not None:
            self._scorer.stop()
            self._retired.append(self._scorer)
        self.loaded = loaded
        self.sheet.age_verdicts(loaded.bundle.sha256)
        self._recalled = False  # films that come meanwhile are scored with those that wait
        self._scorer = Scorer(
            loaded.engine,
            loaded.provenance,
            on_event=lambda event: self._keep_and_post(event, loaded),
            on_fault=lambda words: self._mailbox.post(lambda: self.failed.emit(words)),
            on_idle=lambda stopped: remember_fastest(loaded.bundle, loaded.provider, stopped=stopped),
        )
        self._memory.audit("bundle opened", bundle=loaded.bundle.sha256, provider=loaded.provider.name)
        self.bundle_ready.emit(loaded)
        self._run(
            lambda: self._memory.films(loaded.bundle.sha256),
            success=lambda films: self._go_on(films, loaded),
            failure=lambda words: self._go_on([], loaded, words),
        )

    def _go_on(self, films: list[StoredFilm], loaded: Loaded, trouble: str = "") -> None:
        """Take what this bundle said before, and score the rest."""
        if trouble:
            self.failed.emit(trouble)
        if loaded is not self.loaded or self._scorer is None:
            return
        self._recall(films)
        self._mailbox.post(lambda: self._score_waiting(loaded))

    def _score_waiting(self, loaded: Loaded) -> None:
        if loaded is self.loaded and self._scorer is not None:
            self._recalled = True
            self._scorer.submit(self.sheet.waiting())

    def _recall(self, films: list[StoredFilm]) -> None:
        for start in range(0, len(films), _RECALLED_AT_ONCE):
            part = films[start : start + _RECALLED_AT_ONCE]
            self._mailbox.post(lambda part=part: self.sheet.recall(part))  # type: ignore[misc]
        self._mailbox.post(self.relisted.emit)

    def _no_bundle(self, words: str) -> None:
        self.bundle_loading.emit("")
        self.failed.emit(words)

    def _keep_and_post(self, event: TriageEvent, loaded: Loaded) -> None:
        """Keep a verdict, in the scorer's thread, before anybody sees it."""
        if isinstance(event, FilmJudged):
            self._memory.judge(event.verdict)
            read = self._memory.last_read(event.verdict.sha256)
            self._mailbox.post(lambda: self._hear(event.verdict, read, loaded))

    def _hear(self, verdict: Verdict, read: Read | None, loaded: Loaded) -> None:
        if read is not None:
            self.sheet.learn(read)
        # What an earlier bundle's scorer still had in hand must not mix with the new bundle's verdicts.
        if loaded is self.loaded:
            self.judged.emit(verdict)

    def _take(self, path: Path, result: Pyramid | str | None) -> None:
        if path != self._wanted or result is None:
            return
        if isinstance(result, Pyramid):
            self.shown.emit(path, result)
        else:
            self.not_shown.emit(path, result)
