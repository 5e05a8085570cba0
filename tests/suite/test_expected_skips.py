"""In CI a skip fails the run unless its reason is listed; elsewhere it is printed."""

from __future__ import annotations

import expected_skips
import pytest

_BODY = {
    "in a test": "import pytest\ndef test_it():\n    pytest.skip({reason!r})\n",
    "by a mark": "import pytest\n@pytest.mark.skipif(True, reason={reason!r})\ndef test_it():\n    pass\n",
    "in a fixture": "import pytest\n@pytest.fixture\ndef need():\n    pytest.skip({reason!r})\n"
    "def test_it(need):\n    pass\n",
    "of a module": "import pytest\npytest.skip({reason!r}, allow_module_level=True)\n",
}
skipped = pytest.mark.parametrize("body", _BODY.values(), ids=_BODY)


def _run(pytester: pytest.Pytester, body: str, reason: str) -> pytest.RunResult:
    pytester.makepyfile(test_it=body.format(reason=reason))
    return pytester.runpytest_inprocess("-p", "expected_skips", "-p", "no:randomly", "-p", "no:cacheprovider")


@skipped
def test_in_ci_a_skip_fails_the_run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    monkeypatch.setenv("CI", "true")
    result = _run(pytester, body, "xdotool is not installed")
    assert result.ret in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
    result.stdout.fnmatch_lines(["*was skipped in CI: *xdotool is not installed. Let .ci/run install*"])


@skipped
def test_elsewhere_it_is_printed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    monkeypatch.delenv("CI", raising=False)
    result = _run(pytester, body, "xdotool is not installed")
    assert result.ret in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    result.stdout.fnmatch_lines(["*1  xdotool is not installed"])


@skipped
def test_what_ci_cannot_have_is_skipped_there(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setenv("CI", "true")
    assert _run(pytester, body, "no CUDA device").parseoutcomes()["skipped"] == 1


def test_an_expected_failure_is_no_skip(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    body = "import pytest\n@pytest.mark.xfail(reason='{reason}')\ndef test_it():\n    assert False\n"
    _run(pytester, body, "a known fault").assert_outcomes(xfailed=1)


def test_the_list_is_short_and_says_why() -> None:
    assert len(expected_skips.EXPECTED) <= 6
    assert all(len(each.why.split()) > 2 for each in expected_skips.EXPECTED)
