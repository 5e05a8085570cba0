"""What the reader says of films: opinions on findings, a note, read or not; each step kept and able to be undone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from cxr_desktop.store.records import Opinion, Read
from cxr_desktop.worklist.row import Row
from cxr_desktop.worklist.sheet import Sheet
from cxr_shared.errors import CxrError
from cxr_shared.findings import Target


class NotReadableYetError(CxrError):
    """A film that was not read from its file cannot have a reading bound to it."""

    def __init__(self) -> None:
        super().__init__("This film was not read from its file yet, so nothing can be kept of it. Wait for its score.")


@dataclass(frozen=True, slots=True)
class _Step:
    """One change: the reading before it and after it."""

    what: str
    before: Read
    after: Read


class Readings:
    """Changes readings, keeps them, and undoes changes.

    Parameters
    ----------
    sheet
        Whose rows show the readings.
    save
        Keeps a reading for good and returns it as kept; raises a `CxrError` where it cannot.
    """

    def __init__(self, sheet: Sheet, save: Callable[[Read], Read]) -> None:
        self._sheet = sheet
        self._save = save
        self._done: list[_Step] = []

    @property
    def undoable(self) -> str:
        """What `undo` would take back, in words; nothing where there is nothing."""
        return self._done[-1].what if self._done else ""

    def say(self, row: Row, target: Target, opinion: Opinion | None) -> None:
        """Agree or disagree with a model; None takes the opinion back.

        Raises
        ------
        NotReadableYetError, CxrError
            There is nothing to bind the reading to, or it could not be kept.
        """
        opinions = {key: value for key, value in row.opinions.items() if key is not target}
        if opinion is not None:
            opinions[target] = opinion
        words = opinion.value if opinion else "no opinion"
        self._change(row, f"{words} on {target.display.lower()}", opinions=opinions)

    def write(self, row: Row, note: str) -> None:
        """Change the note; `say` tells what is raised."""
        if note != self._current(row).note:
            self._change(row, "note", note=note)

    def finish(self, row: Row, *, finished: bool) -> None:
        """Mark as read or unread; `say` tells what is raised."""
        if finished != self._current(row).finished:
            self._change(row, "marked read" if finished else "marked unread", finished=finished)

    def call(self, row: Row, target: Target, *, seen: bool | None) -> None:
        """Say before the scores are shown whether a target is seen; None takes it back. `say` tells what is raised."""
        calls = {key: value for key, value in row.calls.items() if key is not target}
        if seen is not None:
            calls[target] = seen
        words = "no call" if seen is None else "present" if seen else "absent"
        self._change(row, f"{words} on {target.display.lower()}", calls=calls)

    def commit(self, row: Row) -> None:
        """Commit to what was called before the scores were shown: each call agrees with its model or not.

        Raises
        ------
        NotReadableYetError, CxrError
            As `say`.
        """
        scores = row.scored.scores if row.scored else {}
        opinions = {
            target: Opinion.AGREE if seen == scores[target].positive else Opinion.DISAGREE
            for target, seen in row.calls.items()
            if target in scores
        }
        self._change(row, "blind reading", opinions={**row.opinions, **opinions}, blind=True)

    def undo(self) -> str:
        """Take the last change back, as one more reading, and say what it was; nothing where there is nothing.

        Raises
        ------
        CxrError
            It could not be kept.
        """
        if not self._done:
            return ""
        step = self._done[-1]
        self._keep(dataclasses.replace(step.before, at=""))
        self._done.pop()
        return step.what

    def _current(self, row: Row) -> Read:
        if row.read is not None:
            return row.read
        if not row.sha256:
            raise NotReadableYetError
        return Read(sha256=row.sha256, bundle_sha256=_bundle(row), opinions={})

    def _change(self, row: Row, what: str, **changes: object) -> None:
        before = self._current(row)
        fields: dict[str, object] = {
            "bundle_sha256": _bundle(row) or before.bundle_sha256,
            "opinions": row.opinions,  # what was said of another bundle's scores is not said of this one's
            "at": "",
            **changes,
        }
        after = self._keep(dataclasses.replace(before, **fields))  # type: ignore[arg-type]
        self._done.append(_Step(what, before, after))

    def _keep(self, read: Read) -> Read:
        kept = self._save(read)
        self._sheet.note_read(kept)
        return kept


def _bundle(row: Row) -> str:
    return row.verdict.provenance.bundle_sha256 if row.scored and row.verdict else ""
