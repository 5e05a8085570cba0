"""Films on their way to the list: searched for in files and folders, watched for, and told when written over."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from cxr_desktop.inference.verdict import Verdict
from cxr_desktop.intake.files import find_films_in_chunks
from cxr_desktop.store.places import FileState, file_states
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.workplace import Workplace

if TYPE_CHECKING:
    from cxr_desktop.intake.watch import FolderWatch


class Arrivals(QObject):
    """Finds films and remembers that they are on the list; what becomes of them is up to who listens.

    Parameters
    ----------
    work
        The list, which is asked and not changed; where films are remembered; the ways between threads.

    Signals
    -------
    found
        list of Path: new films.
    rewritten
        list of Row: films on the list whose files hold another film by now.
    told, failed
        str: something the person should know, or that went wrong.
    """

    found = Signal(list)
    rewritten = Signal(list)
    told = Signal(str)
    failed = Signal(str)

    def __init__(self, work: Workplace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._work = work
        self._watch: FolderWatch | None = None
        self._states: dict[Path, FileState] = {}  # of films that were scored, or about to be, when they arrived again

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Add the films among files and folders."""
        self._work.background.run(lambda: self._search(paths), success=self._searched, failure=self.failed.emit)

    def watch(self, folder: Path) -> None:
        """Add each film that lies in a folder or arrives there, in place of the folder that was watched before."""
        from cxr_desktop.intake.watch import FolderWatch  # brings pydicom, which no start needs

        self.unwatch()
        self._watch = FolderWatch(
            folder,
            lambda films: self._work.mailbox.post(partial(self._arrived, films, file_states(list(map(str, films))))),
            on_trouble=lambda words: self._work.mailbox.post(lambda: self.told.emit(words)),
        ).start()

    def unwatch(self) -> None:
        """Watch no folder."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def is_overtaken(self, verdict: Verdict) -> bool:
        """Whether a film arrived in its file while this verdict on the one before it was being made; asked once."""
        arrived, read = self._states.pop(verdict.source, None), verdict.file_state
        return arrived is not None and read is not None and tuple(arrived) != tuple(read)

    def _arrived(self, films: list[Path], states: list[FileState]) -> None:
        """Add films of the watched folder; those on the list that hold another film by now are told of first."""
        rows = [(self._work.sheet.row_of(film), state) for film, state in zip(films, states, strict=True)]
        again = [row for row, state in rows if row is not None and row.was_read_in_another(state)]
        waiting = [row for row, _ in rows if row is not None and row.verdict is None]
        self._states.update({row.source: state for row, state in rows if row is not None and row in (*again, *waiting)})
        if again:
            self.rewritten.emit(again)
        self.open_paths(films)

    def _search(self, paths: Sequence[Path]) -> bool:
        """Add films as they are found; says whether there was any."""
        found = False
        for chunk in find_films_in_chunks(paths, stopped=self._work.stopped):
            found = True
            self._work.sheet.look_up(chunk)  # asks the disk here, not in the window's thread
            self._work.mailbox.post(partial(self._add, chunk))
        return found

    def _searched(self, found: bool) -> None:  # noqa: FBT001  (what `_search` gives)
        if not found:
            self.told.emit(
                tr("No film was found there. Films are PNG, JPEG or DICOM files, also in a ZIP or on a disc.")
            )

    def _add(self, files: list[Path]) -> None:
        fresh = self._work.sheet.new_among(files)
        if fresh:
            self._work.memory.add(fresh)
            self.found.emit(fresh)
