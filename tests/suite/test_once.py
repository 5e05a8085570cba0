"""What is made once for a run."""

from __future__ import annotations

from pathlib import Path

import once
import pytest


class _Factory:
    def __init__(self, base: Path) -> None:
        self.base = base

    def getbasetemp(self) -> Path:
        return self.base


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[_Factory]:
    """The factories of two processes of one run."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    return [_Factory(tmp_path / name) for name in ("gw0", "gw1")]


def test_processes_of_a_run_share_what_one_of_them_made(factories: list[_Factory]) -> None:
    made = [once.made_once(each, "films", lambda folder: (folder / "film").touch(exist_ok=False)) for each in factories]
    assert made[0] == made[1]
    assert [path.name for path in made[0].iterdir()] == ["film"]


def test_what_failed_half_way_is_made_anew(factories: list[_Factory]) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        once.made_once(factories[0], "films", fail)
    assert list(once.made_once(factories[1], "films", lambda _: None).iterdir()) == []
