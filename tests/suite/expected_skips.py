"""Pytest plugin: in CI a skipped test is a failed one, unless its reason stands in `EXPECTED`.

A test that is skipped proves nothing. CI installs all that the tests can use, so what is skipped there is a hole. On a
developer's machine a skip stays a skip; its reason names what to install.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Generator
from typing import NamedTuple

import pytest


class Expected(NamedTuple):
    """A reason that is good in CI too."""

    pattern: str
    why: str


EXPECTED = (
    Expected(r"no CUDA device|no NVIDIA driver", "CI has no graphics card"),
    Expected(r"root reads everything", "CI runs as root"),
    Expected(r"CXR_REAL_MATERIAL names no folder", "the real films are no part of the project"),
)


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Why a report's test or module was skipped; None where it was not."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return None
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return text.removeprefix("Skipped: ")


def is_expected(reason: str) -> bool:
    """Whether CI may skip for this reason."""
    return any(re.search(each.pattern, reason) for each in EXPECTED)


def _fail_unexpected(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = reason_of(report)
    if reason is not None and os.environ.get("CI") and not is_expected(reason):
        report.outcome = "failed"
        report.longrepr = (
            f"{report.nodeid} was skipped in CI: {reason}. Let .ci/run install what it needs, or, if it cannot run "
            "there, add its reason to tests/suite/expected_skips.py."
        )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_unexpected(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_unexpected(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was skipped, by reason."""
    reasons = Counter(filter(None, map(reason_of, terminalreporter.stats.get("skipped", []))))
    if not reasons:
        return
    terminalreporter.section("skipped")
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:5d}  {reason}")
