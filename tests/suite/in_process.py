"""Run a command of the product in the tests' own process, where starting another would test nothing more."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest


class Ended(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


def command(
    name: str, main: Callable[[], int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Return a function that runs `main` with the given arguments; an exception that passes it fails the test."""

    def run(*arguments: str | Path) -> Ended:
        monkeypatch.setattr("sys.argv", [name, *map(str, arguments)])
        capsys.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # cyclopts doubts an application called from pytest
            try:
                code = main()
            except SystemExit as ended:
                code = int(ended.code or 0)
        return Ended(code, *capsys.readouterr())

    return run
