"""The audit trail: written with each change, and no change of it goes unseen."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cxr_desktop.inference.verdict import Scored
from cxr_desktop.store import AuditBroken, Opinion, Read, Store, StoreError, audit
from cxr_desktop.store.database import Database
from cxr_desktop.store.records import AuditEntry
from cxr_shared.findings import Target

NEW = "b" * 64


@pytest.fixture
def filled(store_path: Path, file: Callable[..., Path], make_scored: Callable[..., Scored]) -> Path:
    store = Store(store_path)
    films = [file("a.png"), file("secret^name.png")]
    store.add_films(films, at=1.0)
    store.save_verdicts([make_scored(film) for film in films])
    store.save_read(Read(make_scored(films[0]).sha256, NEW, {Target.EFFUSION: Opinion.AGREE}, note="secret"))
    store.audit("report-written", kind="pdf", films="2")
    store.remove_films(films[:1])
    store.close()
    return store_path


def test_each_change_is_an_entry_of_counts_and_hashes(filled: Path) -> None:
    store = Store(filled)
    trail = list(store.audit_trail())
    store.verify_audit()
    store.close()
    assert [entry.action for entry in trail] == [
        "store-made", "films-added", "verdicts-saved", "read-saved", "report-written", "films-removed",
    ]  # fmt: skip
    assert [entry.number for entry in trail] == [1, 2, 3, 4, 5, 6]
    assert trail[1].detail == {"films": "2"}
    assert (trail[2].detail["verdicts"], trail[2].detail["bundle"]) == ("2", NEW)
    assert trail[3].detail["film"] == hashlib.sha256(b"a.png").hexdigest()
    assert trail[4].detail == {"kind": "pdf", "films": "2"}
    written = json.dumps([dict(entry.detail) for entry in trail])
    assert not [word for word in ("secret", "PHANTOM", "P1", ".png") if word in written]


def test_the_chain_is_what_its_description_says(filled: Path) -> None:
    store = Store(filled)
    previous = "0" * 64
    for entry in store.audit_trail():
        detail = json.dumps(dict(sorted(entry.detail.items())), separators=(",", ":"))
        text = json.dumps([entry.number, entry.at, entry.action, detail, previous], separators=(",", ":"))
        assert entry.previous == previous
        assert entry.hash == hashlib.sha256(text.encode()).hexdigest()
        previous = entry.hash
    store.close()


@pytest.mark.parametrize("table", ["audit", "reads", "verdicts"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET {} = 'x'", "DELETE FROM {}"])
def test_rows_cannot_be_changed_or_deleted(filled: Path, table: str, verb: str) -> None:
    connection = sqlite3.connect(filled)
    column = {"audit": "at", "reads": "body", "verdicts": "body"}[table]
    with pytest.raises(sqlite3.IntegrityError, match="only added"):
        connection.execute(verb.format(table, column))
    connection.close()


TAMPERING = {
    "an entry's detail": "UPDATE audit SET detail = replace(detail, 'pdf', 'csv') WHERE number = 5",
    "an entry's time": "UPDATE audit SET at = '2020-01-01T00:00:00+00:00' WHERE number = 2",
    "an entry's action": "UPDATE audit SET action = 'nothing' WHERE number = 4",
    "an unreadable detail": "UPDATE audit SET detail = '{' WHERE number = 5",
    "an entry taken out": "DELETE FROM audit WHERE number = 3",
    "the last entry cut off": "DELETE FROM audit WHERE number = 6",
    "the whole trail": "DELETE FROM audit",
    "a forged last entry": "INSERT INTO audit VALUES (7, '', 'forged', '{}', (SELECT hash FROM audit_head), 'x')",
    "a read's opinion": """UPDATE reads SET body = replace(body, '"agree"', '"disagree"')""",
    "a read's time": "UPDATE reads SET at = '2020-01-01T00:00:00+00:00'",
    "a read's seal and body": "UPDATE reads SET body = '{}', seal = x'00'",
    "a read taken out": "DELETE FROM reads",
    "a read put in": "INSERT INTO reads SELECT 9, sha256, bundle_sha256, at, body, seal FROM reads",
    "a verdict's bundle": "UPDATE verdicts SET bundle_sha256 = 'other' WHERE id = 2",
    "a verdict's numbers": "UPDATE verdicts SET numbers = x'00' WHERE id = 1",
    "a verdict taken out": "DELETE FROM verdicts WHERE id = 2",
}


@pytest.mark.parametrize("how", TAMPERING, ids=str)
def test_tampering_is_found(filled: Path, how: str) -> None:
    connection = sqlite3.connect(filled)
    for table in ("audit", "reads", "verdicts"):
        connection.execute(f"DROP TRIGGER {table}_no_update")
        connection.execute(f"DROP TRIGGER {table}_no_delete")
    connection.execute(TAMPERING[how])
    connection.commit()
    connection.close()
    store = Store(filled)
    with pytest.raises(AuditBroken, match="was changed"):
        store.verify_audit()
    store.close()


def test_what_is_added_while_the_trail_is_checked_is_no_tampering(
    filled: Path, make_scored: Callable[..., Scored], file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, film, whole = Store(filled), file("c.png"), audit.trail

    def scoring(database: Database) -> Iterator[AuditEntry]:
        store.save_verdicts([make_scored(film)])
        yield from whole(database)
        store.save_read(Read(make_scored(film).sha256, NEW, {}))

    monkeypatch.setattr(audit, "trail", scoring)
    store.verify_audit()
    monkeypatch.undo()
    store.verify_audit()
    store.close()


def test_a_change_that_fails_leaves_no_entry(store: Store, file: Callable[..., Path]) -> None:
    before = len(list(store.audit_trail()))
    store.close()
    with pytest.raises(StoreError):
        store.add_films([file("a.png")], at=1.0)
    again = Store(store.path)
    assert len(list(again.audit_trail())) == before
    again.close()


def test_nothing_done_is_no_entry(store: Store, file: Callable[..., Path]) -> None:
    film = file("a.png")
    store.add_films([film], at=1.0)
    before = len(list(store.audit_trail()))
    store.add_films([film], at=2.0)
    store.add_films([], at=2.0)
    store.remove_films([film.with_name("other.png")])
    store.save_verdicts([])
    assert len(list(store.audit_trail())) == before
