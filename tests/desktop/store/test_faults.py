"""A store that is damaged, newer, in use or not writable: said in a sentence, and nothing is lost."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cxr_desktop.inference.verdict import Scored
from cxr_desktop.store import (
    Read,
    RecordDamaged,
    Store,
    StoreClosed,
    StoreDamaged,
    StoreError,
    StoreInUse,
    StoreNewer,
    StoreNotWritable,
    default_store_path,
    set_aside,
)
from cxr_desktop.store.database import Database
from cxr_desktop.store.schema import MIGRATIONS
from cxr_desktop.ui.memory import Memory
from cxr_shared.findings import Target

NEW = "b" * 64
Make = Callable[..., Scored]


@pytest.fixture
def filled(store_path: Path, file: Callable[..., Path], make_scored: Make) -> Path:
    """A closed store of six films with verdicts and a read."""
    store = Store(store_path)
    films = [file(f"{name}.png") for name in "abcdef"]
    store.add_films(films, at=1.0)
    for number, film in enumerate(films):
        store.save_verdicts([make_scored(film, logit=float(number))])
    store.save_read(Read(make_scored(films[0]).sha256, NEW, {}, note="seen"))
    store.close()
    return store_path


def change(path: Path, *statements: str) -> None:
    """Change a store from outside, past its triggers."""
    connection = sqlite3.connect(path)
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")]
    for statement in (*(f"DROP TRIGGER {name}" for name in names), *statements):
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_what_is_no_store_is_left_as_it_was_and_can_be_put_aside(store_path: Path) -> None:
    store_path.parent.mkdir()
    store_path.write_bytes(b"this is a letter, not a database " * 40)
    content = store_path.read_bytes()
    with pytest.raises(StoreDamaged, match="put aside") as caught:
        Store(store_path)
    assert str(store_path) in str(caught.value)
    assert store_path.read_bytes() == content
    kept = set_aside(store_path)
    assert kept.read_bytes() == content
    assert kept.parent == store_path.parent
    Store(store_path).close()


def test_another_programs_database_is_not_touched(store_path: Path) -> None:
    store_path.parent.mkdir()
    connection = sqlite3.connect(store_path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.commit()
    connection.close()
    content = store_path.read_bytes()
    with pytest.raises(StoreDamaged, match="another program"):
        Store(store_path)
    assert store_path.read_bytes() == content


def test_a_truncated_store_is_damaged(filled: Path) -> None:
    with filled.open("r+b") as stream:
        stream.truncate(6000)
    with pytest.raises(StoreDamaged):
        Store(filled).load()


def test_a_flipped_bit_is_an_error_or_costs_a_film_but_never_changes_a_score(filled: Path, tmp_path: Path) -> None:
    generator, content, copy = random.Random(7), filled.read_bytes(), tmp_path / "copy.sqlite"
    known = {float(number): hashlib.sha256(f"{name}.png".encode()).hexdigest() for number, name in enumerate("abcdef")}
    outcomes = set()
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(3):
            damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
        copy.write_bytes(damaged)
        store = None
        try:
            store = Store(copy)
            films = store.load(NEW)
            verdicts = [film.verdict for film in films if film.verdict is not None]
            logits = [each.scores[Target.EFFUSION].logit for each in verdicts]
            assert all(each.sha256 == known[each.scores[Target.EFFUSION].logit] for each in verdicts)
            outcomes.add("whole" if logits == [0, 1, 2, 3, 4, 5] else "some")
        except StoreError as error:
            outcomes.add(type(error).__name__)
        finally:
            if store is not None:
                store.close()
    assert {"whole", "some"} <= outcomes


@pytest.mark.parametrize(
    "how",
    [
        "UPDATE heat_maps SET data = substr(data, 2) WHERE verdict = 3",
        "UPDATE heat_maps SET data = (SELECT data FROM heat_maps WHERE verdict = 4) WHERE verdict = 3",
        "DELETE FROM heat_maps WHERE verdict = 3",
    ],
)
def test_damaged_maps_cost_that_films_maps_alone(filled: Path, how: str) -> None:
    change(filled, how)
    store = Store(filled)
    verdicts = [film.verdict for film in store.load(NEW)]
    assert len(verdicts) == 6
    for number, verdict in enumerate(verdicts, start=1):
        assert isinstance(verdict, Scored)
        assert verdict.scores[Target.EFFUSION].logit == number - 1
        if number == 3:
            with pytest.raises(RecordDamaged, match=r"Score the film again"):
                verdict.maps[Target.EFFUSION]
        else:
            assert verdict.maps[Target.EFFUSION].shape == (3, 2)
    store.close()


def test_a_damaged_verdict_lets_its_film_wait(filled: Path) -> None:
    change(
        filled,
        "UPDATE verdicts SET body = replace(body, 'PHANTOM', 'ANOTHER') WHERE id = 2",
        "UPDATE verdicts SET numbers = (SELECT numbers FROM verdicts WHERE id = 6) WHERE id = 5",
        "UPDATE verdicts SET body = CAST(x'ff00' AS TEXT) WHERE id = 4",
    )
    store = Store(filled)
    films = store.load(NEW)
    assert [film.verdict is None for film in films] == [False, True, False, True, True, False]
    with pytest.raises(RecordDamaged):
        store.history(films[1].sha256)
    store.close()


def test_thresholds_that_were_changed_are_not_shown(filled: Path) -> None:
    change(filled, "UPDATE forms SET body = replace(body, '0.25', '0.95')")
    store = Store(filled)
    assert [film.verdict for film in store.load(NEW)] == [None] * 6
    store.close()


def test_a_newer_schema_is_left_alone(filled: Path) -> None:
    change(filled, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreNewer, match="Update the program"):
        Store(filled)


def test_a_migration_keeps_what_is_there(filled: Path) -> None:
    database = Database(filled, migrations=(*MIGRATIONS, ("ALTER TABLE places ADD COLUMN folder TEXT",)))
    with database.reading() as connection:
        assert connection.execute("SELECT count(*), count(folder) FROM places").fetchone() == (6, 0)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    assert database.migrated
    database.close()


def test_a_migration_that_fails_changes_nothing(filled: Path) -> None:
    bad = ("ALTER TABLE places ADD COLUMN folder TEXT", "ALTER TABLE nowhere ADD COLUMN folder TEXT")
    with pytest.raises(sqlite3.OperationalError):  # the program's fault, not the file's
        Database(filled, migrations=(*MIGRATIONS, bad))
    store = Store(filled)
    assert len(store.load(NEW)) == 6
    store.close()


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ("DROP TABLE thumbnails", "thumbnails.data"),
        ("ALTER TABLE places RENAME COLUMN added_at TO added_by", "places.added_at"),
    ],
)
def test_a_store_without_a_table_or_a_column_is_damaged(filled: Path, how: str, what: str) -> None:
    change(filled, how)
    content = filled.read_bytes()
    with pytest.raises(StoreDamaged, match=what):
        Store(filled)
    assert filled.read_bytes() == content


def test_a_statement_that_is_wrong_is_no_damage_to_the_store(filled: Path) -> None:
    database = Database(filled)
    with pytest.raises(sqlite3.OperationalError, match="no such table"), database.reading() as connection:
        connection.execute("SELECT * FROM nowhere")
    database.close()


def test_a_second_window_is_told_so(store: Store) -> None:
    with pytest.raises(StoreInUse, match="another window"):
        Store(store.path)
    code = (
        "import sys; from pathlib import Path; from cxr_desktop.store import Store, StoreInUse\n"
        "try: Store(Path(sys.argv[1]))\n"
        "except StoreInUse: print('in use')"
    )
    run = [sys.executable, "-c", code, str(store.path)]
    assert subprocess.run(run, capture_output=True, text=True, check=True, timeout=120).stdout == "in use\n"
    store.add_films([Path("still-ours.png")], at=1.0)
    store.close()
    assert subprocess.run(run, capture_output=True, text=True, check=True, timeout=120).stdout == ""


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreNotWritable, match="CXR_STORE"):
        Store(tmp_path / "file" / "worklist.sqlite")
    with pytest.raises(StoreNotWritable):
        Store(tmp_path)


def test_a_full_disk_saves_nothing_and_loses_nothing(
    store: Store, file: Callable[..., Path], make_scored: Make
) -> None:
    films = [file("a.png"), file("b.png")]
    store.add_films(films, at=1.0)
    store.save_verdicts([make_scored(films[0])])
    with store._database.reading() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite then answers as it does on a full disk
    with pytest.raises(StoreNotWritable, match="was not saved"):
        store.save_verdicts([make_scored(films[1])] * 200)
    assert [film.verdict is None for film in store.load(NEW)] == [False, True]
    store.verify_audit()


def test_only_the_owner_can_read_it(store: Store) -> None:
    store.add_films([Path("a.png")], at=1.0)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert set(modes) == {store.path.name, f"{store.path.name}-wal"}


def test_an_opened_store_is_made_private_again(filled: Path) -> None:
    filled.chmod(0o644)
    Store(filled).close()
    assert stat.S_IMODE(filled.stat().st_mode) == 0o600


def test_a_closed_store_says_so(store: Store, file: Callable[..., Path], make_scored: Make) -> None:
    film = file("a.png")
    store.add_films([film], at=1.0)
    store.save_verdicts([make_scored(film)])
    (loaded,) = store.load(NEW)
    store.close()
    store.close()
    assert isinstance(loaded.verdict, Scored)
    with pytest.raises(StoreClosed):
        loaded.verdict.maps[Target.EFFUSION]
    with pytest.raises(StoreClosed):
        store.load()


def test_a_store_without_its_last_writes_to_the_file_is_whole(
    store: Store, file: Callable[..., Path], make_scored: Make, tmp_path: Path
) -> None:
    film = file("a.png")
    store.add_films([film], at=1.0)
    store.save_verdicts([make_scored(film)])
    # As a backup taken while the window is open has it: the file, and the log of what is not in it yet.
    code = "import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2])"  # elsewhere, to keep our locks
    subprocess.run([sys.executable, "-c", code, str(store.path.parent), str(tmp_path / "backup")], check=True)
    backup = Store(tmp_path / "backup" / store.path.name)
    assert [each.verdict is None for each in backup.load(NEW)] == [False]
    backup.close()
    shutil.rmtree(tmp_path / "backup")


def test_the_default_place_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXR_STORE", str(tmp_path / "mine.sqlite"))
    assert default_store_path() == tmp_path / "mine.sqlite"
    monkeypatch.delenv("CXR_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert default_store_path() == tmp_path / "cxr-triage" / "worklist.sqlite"
    assert os.fspath(default_store_path()).endswith("worklist.sqlite")


def test_a_store_that_a_window_has_open_is_not_put_aside(store_path: Path) -> None:
    store = Store(store_path)
    try:
        with pytest.raises(StoreInUse):
            set_aside(store_path)
        assert store_path.exists()
        store.add_films([store_path.with_name("a.png")], at=1.0)
    finally:
        store.close()
    assert set_aside(store_path).exists()
    assert not store_path.exists()


def test_what_is_kept_later_and_fails_by_a_wrong_statement_is_told(store: Store, file: Callable[..., Path]) -> None:
    told: list[str] = []
    memory = Memory(store, told.append)
    with store._database.writing() as connection:
        connection.execute("DROP TABLE places")
    memory.add([file("a.png")])
    memory.close()
    assert len(told) == 1
    assert "fault of this program" in told[0]
