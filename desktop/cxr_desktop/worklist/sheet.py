"""All films of the worklist."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from cxr_desktop.inference.lanes import DEFAULT_POLICY, Lane, TriagePolicy
from cxr_desktop.inference.urgency import urgency
from cxr_desktop.inference.verdict import Provenance, Scored, Verdict
from cxr_desktop.report import Worklist
from cxr_desktop.store.records import Read, StoredFilm
from cxr_desktop.worklist.row import Row


class Sheet:
    """All rows, in the order in which they were added; a film is in it once.

    Parameters
    ----------
    policy
        What lanes and order follow.
    """

    def __init__(self, policy: TriagePolicy = DEFAULT_POLICY) -> None:
        self.rows: list[Row] = []
        self.policy = policy
        self._by_path: dict[str, Row] = {}
        self._real: dict[Path, str] = {}
        self._numbered = 0
        self._bundle = ""
        self._reads: dict[str, Read] = {}  # what was said last, by content
        self._taken_off: set[str] = set()

    def look_up(self, files: Iterable[Path]) -> None:
        """Find the real paths of files, from any thread, so that `add` and `judge` do not wait for a disk."""
        for path in files:
            self._identity(path)

    def new_among(self, files: Iterable[Path]) -> list[Path]:
        """Return those that are in no row yet."""
        fresh = {self._identity(path): path for path in files}
        return [path for identity, path in fresh.items() if identity not in self._by_path]

    def row_of(self, source: Path) -> Row | None:
        """Find the row of a file."""
        return self._by_path.get(self._identity(source))

    def add(self, files: Sequence[Path], *, at: float) -> list[Row]:
        """Append a waiting row for each file; the caller passes what `new_among` returned."""
        rows = [self._next(path, at) for path in files]
        self.put_back(rows)
        return rows

    def recall(self, films: Iterable[StoredFilm]) -> None:
        """Append or renew the rows of films that were remembered.

        What was done since it was remembered stays: films that were taken off, and what readers said.
        """
        for film in films:
            if film.real:
                self._real.setdefault(film.source, film.real)
            row = self.row_of(film.source)
            if row is None:
                if self._identity(film.source) in self._taken_off:
                    continue
                row = self._next(film.source, film.added_at)
                self.put_back([row])
            if film.read is not None:
                self.learn(film.read)
            row.hear(self._reads.get(film.sha256))
            row.judge(self._weighed(film.verdict), self.policy, stale=film.stale)

    def learn(self, read: Read) -> None:
        """Take what was said of a content before, unless more was said since; rows get it when they are judged."""
        self._reads.setdefault(read.sha256, read)

    def judge(self, verdict: Verdict) -> Row | None:
        """Give a row its verdict and return it; None where there is no such row."""
        row = self.row_of(verdict.source)
        if row is not None:
            row.judge(self._weighed(verdict), self.policy)
            self._tell(row)
        return row

    def note_read(self, read: Read) -> list[Row]:
        """Give every row of that content what the reader said, and return them."""
        self._reads[read.sha256] = read
        rows = [row for row in self.rows if row.sha256 and row.sha256 == read.sha256]
        for row in rows:
            row.hear(read)
        return rows

    def remove(self, rows: Iterable[Row]) -> None:
        """Take rows off the list."""
        rows = list(rows)
        leaving = {id(row) for row in rows}
        self._taken_off.update(self._identity(row.source) for row in rows)
        self.rows = [row for row in self.rows if id(row) not in leaving]
        self._by_path = {key: row for key, row in self._by_path.items() if id(row) not in leaving}

    def put_back(self, rows: Iterable[Row]) -> list[Row]:
        """Append rows, and return those that were; a film that was opened anew since has its row already.

        They follow what came meanwhile: another bundle, another policy, and what readers said of the same content.
        """
        back: list[Row] = []
        for row in rows:
            identity = self._identity(row.source)
            if identity in self._by_path:
                continue
            self._taken_off.discard(identity)
            self._by_path[identity] = row
            self.rows.append(row)
            if row.verdict is not None:
                old = row.verdict.provenance.bundle_sha256 != self._bundle if self._bundle else row.stale
                row.judge(_weigh(row.verdict, self.policy), self.policy, stale=old)
                self._tell(row)
            back.append(row)
        return back

    def age_verdicts(self, bundle_sha256: str = "") -> None:
        """Let every row wait again, as another bundle asks for; verdicts stay, marked as another bundle's."""
        self._bundle = bundle_sha256
        for row in self.rows:
            row.judge(row.verdict, self.policy, stale=row.verdict is not None)

    def follow(self, policy: TriagePolicy) -> None:
        """Judge every row anew by another policy."""
        self.policy = policy
        for row in self.rows:
            row.judge(_weigh(row.verdict, policy), policy, stale=row.stale)

    def waiting(self) -> list[Path]:
        """Files that have no verdict of the bundle in use, in the order in which they were added."""
        return [row.source for row in self.rows if row.lane is Lane.WAITING]

    def counts(self) -> Counter[Lane]:
        """Count the rows of each lane."""
        tally = [0] * len(Lane)  # by number: hashing a member of an enumeration calls Python
        for row in self.rows:
            tally[row.lane] += 1
        return Counter({lane: tally[lane] for lane in Lane if tally[lane]})

    def count(self, lane: Lane) -> int:
        """Count the rows in one lane."""
        return self.counts()[lane]

    def worklist(self, provenance: Provenance) -> Worklist:
        """Collect what the bundle in use judged, for a report."""
        verdicts = [row.verdict for row in self.rows if row.verdict is not None and not row.stale]
        return Worklist(provenance, found=len(self.rows), verdicts=verdicts, policy=self.policy)

    def _next(self, source: Path, at: float) -> Row:
        self._numbered += 1
        return Row(self._numbered, source, at)

    def _weighed(self, verdict: Verdict | None) -> Verdict | None:
        """Weigh the scores by the policy; a verdict comes with the default weights."""
        return _weigh(verdict, self.policy) if self.policy.weights else verdict

    def _tell(self, row: Row) -> None:
        """Give a row what was said last of its content, and nothing that was said of another."""
        read = self._reads.get(row.sha256)
        if read is not None or (row.sha256 and row.read is not None and row.read.sha256 != row.sha256):
            row.hear(read)

    def _identity(self, path: Path) -> str:
        """Real path of a file, as it was when it was first asked for."""
        known = self._real.get(path)
        if known is None:
            known = self._real[path] = os.path.realpath(path)
        return known


def _weigh(verdict: Verdict | None, policy: TriagePolicy) -> Verdict | None:
    if not isinstance(verdict, Scored):
        return verdict
    return dataclasses.replace(verdict, urgency=urgency(verdict.scores.values(), policy))
