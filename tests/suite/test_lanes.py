"""Both lanes run, each test in one of them, and a failure in either fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import lanes
import pytest

_TESTS = """
import pytest
def test_computes():
    pass
@pytest.mark.waiting
def test_waits():
    assert {waits}
@pytest.mark.nightly
def test_much():
    assert {much}
"""


@pytest.fixture
def run(pytester: pytest.Pytester):
    """Run both lanes on a small file of tests with one process each."""
    pytester.makeini("[pytest]\nmarkers =\n    waiting\n    nightly")

    def run(*options: str, waits: bool = True, much: bool = True) -> subprocess.CompletedProcess[str]:
        (tests := pytester.path / "tests").mkdir(exist_ok=True)
        tests.joinpath("test_it.py").write_text(_TESTS.format(waits=waits, much=much))
        plugins = ("-p", "xdist", "-p", "randomly", "-n", "0", "-p", "no:cacheprovider")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        kept["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # for speed
        words = [sys.executable, lanes.__file__, *plugins, *options]
        return subprocess.run(words, capture_output=True, text=True, check=False, cwd=pytester.path, env=kept)

    return run


def test_every_test_is_in_one_lane_and_nightly_ones_are_left_out(run) -> None:
    done = run(much=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 passed, 0 failed, 0 skipped" in done.stdout.splitlines()


def test_all_of_them_are_run_on_request(run) -> None:
    assert "3 passed, 0 failed, 0 skipped" in run("--nightly", "--seed", "1").stdout.splitlines()
    assert run("--nightly", much=False).returncode == 1


def test_a_failure_of_either_lane_fails_the_run(run) -> None:
    done = run(waits=False)
    assert done.returncode == 1
    assert "1 passed, 1 failed, 0 skipped" in done.stdout.splitlines()


def test_a_mark_that_its_file_does_not_show_is_refused() -> None:
    with pytest.raises(pytest.UsageError, match="is marked waiting"):
        lanes.pytest_collection_modifyitems([_Marked()])


class _Marked:
    """Stands for a test that a plugin has marked."""

    nodeid, path = "tests/shared/test_files.py::test_it", Path(__file__).parents[1] / "shared" / "test_files.py"

    def get_closest_marker(self, name: str) -> bool:
        return name == "waiting"


def test_no_test_at_all_fails_the_run(run) -> None:
    assert run("-k", "nothing").returncode == 1


@pytest.mark.parametrize(
    ("closing", "found"),
    [
        (
            "== 2 failed, 7 passed, 1 skipped, 3 warnings in 5.10s (0:01:05) ==",
            {"failed": 2, "passed": 7, "skipped": 1},
        ),
        ("== 3 passed, 2 errors in 1s ==", {"passed": 3, "error": 2}),
        ("no tests ran in 0.01s", {}),
    ],
)
def test_the_closing_line_is_read(closing: str, found: dict[str, int]) -> None:
    assert lanes.counts(f"1 passed before\n{closing}\n" if found else closing) == found


def test_the_makefile_runs_the_lanes() -> None:
    assert "tests/suite/lanes.py" in (Path(__file__).parents[2] / "Makefile").read_text()
