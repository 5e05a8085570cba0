"""A sending process that is killed loses nothing and sends nothing twice."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("pynetdicom")
pytest.importorskip("dicomweb_client")

pytestmark = pytest.mark.waiting
_PATH = Path(__file__).parents[2] / "benchmarks" / "outbox_kills.py"


@pytest.fixture(scope="module")
def kills() -> ModuleType:
    spec = importlib.util.spec_from_file_location("outbox_kills", _PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize(
    ("protocol", "number"),
    [
        ("dimse", 1),
        ("web", 1),
        pytest.param("dimse", 8, marks=[pytest.mark.nightly, pytest.mark.slow]),
        pytest.param("web", 8, marks=[pytest.mark.nightly, pytest.mark.slow]),
    ],
)
def test_every_object_arrives_once_however_often_the_sender_is_killed(
    kills: ModuleType, protocol: str, number: int, tmp_path: Path
) -> None:
    found = kills.kill_often(tmp_path / "outbox", protocol, kills=number, objects=12 * number, seed=number)
    assert (found.lost, found.doubled, found.left) == (0, 0, 0), found
    assert found.kills == number
