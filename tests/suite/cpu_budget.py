"""Pytest plugin: the CPU seconds of each test, a limit on them, and the most expensive files at the run's end.

CPU seconds are user and system time of the test's process and of the child processes that it has waited for. They
hardly depend on what else the machine does, so a limit on them does not fail by chance, as one on wall time would.
Fixtures of a wider scope than the test are not limited: they count for the file whose test needed them first.
"""

from __future__ import annotations

import os
import resource
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

LIMIT_S = 5.0
"""CPU seconds of a test that is not marked ``slow``."""
SHOWN_FILES = 20
SERVERS: set[int] = set()
"""Children that live on from test to test: their time, and that of their children, counts while they run."""
_COST = pytest.StashKey["Cost"]()
_current: list[Cost] = []


class Cost:
    """CPU seconds of one test, and of the wider fixtures that were set up for it."""

    def __init__(self) -> None:
        self.test_s = 0.0
        self.fixtures_s = 0.0


def cpu_seconds() -> float:
    """User and system time of this process, of its children that have ended, and of `SERVERS`."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages) + sum(map(_server_seconds, SERVERS))


def _server_seconds(process: int) -> float:
    """Fields 14 to 17 of proc(5)'s stat; the name before them may hold anything."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_COST] = Cost()
    _current[:] = [item.stash[_COST]]


@pytest.fixture(autouse=True)
def _cpu_cost(request: pytest.FixtureRequest) -> Generator[None]:
    """Set up before every other fixture of the test and torn down after them, but not after wider ones."""
    cost = request.node.stash[_COST]
    before, fixtures = cpu_seconds(), cost.fixtures_s
    yield
    cost.test_s = cpu_seconds() - before - (cost.fixtures_s - fixtures)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
    """Take the time of wider fixtures from the test; one within another is in the outer one's time already."""
    if fixturedef.scope == "function" or not _current:
        return (yield)
    (cost,) = _current
    before = cpu_seconds()
    _current.clear()
    try:
        return (yield)
    finally:
        _current.append(cost)
        cost.fixtures_s += cpu_seconds() - before


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    cost = item.stash.get(_COST, None)
    if call.when != "teardown" or cost is None:
        return report
    report.cpu_s, report.fixtures_cpu_s = cost.test_s, cost.fixtures_s  # type: ignore[attr-defined]
    if cost.test_s > LIMIT_S and report.passed and not item.get_closest_marker("slow"):
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid} took {cost.test_s:.1f} CPU seconds; a test that is not marked slow may take {LIMIT_S:.0f}. "
            "Make it cheaper, or mark it slow."
        )
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the files that took the most CPU time; of a run over several processes, all of them."""
    files: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if hasattr(report, "cpu_s"):
                files[report.nodeid.partition("::")[0]] += report.cpu_s + report.fixtures_cpu_s
    if not files:
        return
    terminalreporter.section("most CPU seconds")
    for name, seconds in files.most_common(SHOWN_FILES):
        terminalreporter.write_line(f"{seconds:8.1f}  {name}")
    terminalreporter.write_line(f"{sum(files.values()):8.1f}  in all {len(files)} files")
