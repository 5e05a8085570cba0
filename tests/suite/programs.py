"""Programs that some tests need and that pip does not bring."""

from __future__ import annotations

import shutil

import pytest


def needed(program: str, *, package: str) -> str:
    """Path of a program; skips the test, with Debian's package to install, where there is none."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed: apt-get install {package}")
    return path
