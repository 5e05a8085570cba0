"""The limit on a test's CPU seconds can fail a run, and counts what it says."""

from __future__ import annotations

import cpu_budget
import pytest

_BURN = """
import subprocess, sys, time
import pytest

def burn(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass

@pytest.fixture(scope="module")
def wide():
    burn(0.4)

@pytest.fixture
def narrow():
    burn(0.4)
"""


@pytest.fixture
def outcomes(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run a file of tests whose limit is 0.3 CPU seconds; the outcomes and what was printed."""
    monkeypatch.setattr(cpu_budget, "LIMIT_S", 0.3)
    pytester.makeini("[pytest]\nmarkers = slow")

    def run(body: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=_BURN + body)
        return pytester.runpytest_inprocess("-p", "cpu_budget", "-p", "no:randomly", "-p", "no:cacheprovider")

    return run


def test_a_test_above_the_limit_fails_the_run(outcomes) -> None:
    result = outcomes("def test_much():\n    burn(0.4)\ndef test_little():\n    pass\n")
    result.assert_outcomes(passed=2, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*test_much took 0.* CPU seconds*Make it cheaper, or mark it slow."])


def test_child_processes_and_own_fixtures_count(outcomes) -> None:
    child = "import time\nwhile time.process_time() < 0.4: pass"
    body = (
        f"def test_child():\n    subprocess.run([sys.executable, '-c', {child!r}])\ndef test_own(narrow):\n    pass\n"
    )
    outcomes(body).assert_outcomes(passed=2, errors=2)


def test_wider_fixtures_and_slow_tests_are_not_limited(outcomes) -> None:
    body = "def test_shares(wide):\n    pass\n@pytest.mark.slow\ndef test_slow():\n    burn(0.4)\n"
    body += "def test_asks(request):\n    request.getfixturevalue('wide')\n"
    result = outcomes(body)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*most CPU seconds*", "*0.8*test_it.py", "*in all 1 files"])
