"""The audit command, by its own process-free entry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cxr_desktop import audit
from cxr_desktop.store import Read, Store, StoreDamaged, StoreError


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "store.sqlite"
    store = Store(path)
    store.add_films([tmp_path / "film.png"], at=1.0)
    store.save_read(Read("a" * 64, "", {}, note="Mrs Doe's old fracture"))
    store.close()
    return path


def test_the_trail_is_printed_checked_and_names_no_patient(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.run(kept, aside=False) == 0
    printed = capsys.readouterr().out
    entries = [json.loads(line) for line in printed.splitlines()]
    assert [entry["number"] for entry in entries] == list(range(1, len(entries) + 1))
    assert len(entries) >= 2
    assert "Doe" not in printed
    assert "film.png" not in printed


def test_a_damaged_store_is_put_aside_and_not_deleted(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept.write_bytes(b"no store at all" * 100)
    with pytest.raises(StoreDamaged):
        audit.run(kept, aside=False)
    assert audit.run(kept, aside=True) == 0
    assert not kept.exists()
    assert [path for path in kept.parent.iterdir() if path.read_bytes().startswith(b"no store")]
    Store(kept).close()


def test_no_store_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(audit.NoStoreError, match="first time"):
        audit.run(tmp_path / "none.sqlite", aside=True)
    assert not issubclass(audit.NoStoreError, StoreError)
