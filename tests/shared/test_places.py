"""Places of the programs' own files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cxr_shared.places import Kept, own_place

ROOT = Path(__file__).parents[2]


def test_a_variable_names_the_place_unless_it_is_empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usual = own_place("list", kept=Kept.DATA)
    monkeypatch.setenv("CXR_TESTED", str(tmp_path / "elsewhere"))
    assert own_place("list", kept=Kept.DATA, variable="CXR_TESTED") == tmp_path / "elsewhere"
    monkeypatch.setenv("CXR_TESTED", "")
    assert own_place("list", kept=Kept.DATA, variable="CXR_TESTED") == usual
    assert (usual.name, usual.parent.name) == ("list", "cxr-triage")


@pytest.mark.skipif(sys.platform != "linux", reason="the variables of the XDG base directories")
@pytest.mark.parametrize(
    ("kept", "variable"),
    [(Kept.CACHE, "XDG_CACHE_HOME"), (Kept.DATA, "XDG_DATA_HOME"), (Kept.SETTINGS, "XDG_CONFIG_HOME")],
)
def test_each_kind_has_the_systems_folder_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kept: Kept, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    assert own_place("file", kept=kept) == tmp_path / "cxr-triage" / "file"


def test_what_the_programs_are_not_for_is_written_in_one_place() -> None:
    files = [path for part in ("shared", "trainer", "export", "desktop") for path in (ROOT / part).rglob("*.py")]
    assert [path.name for path in files if "NOT FOR CLINICAL USE" in path.read_text("utf-8")] == ["notice.py"]
