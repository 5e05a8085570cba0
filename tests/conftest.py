"""Fixtures common to every test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ("cpu_budget", "expected_skips", "pytester")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(scope="session")
def real_material() -> Path:
    """The folder of real films and golden numbers named by CXR_REAL_MATERIAL; skips where there is none."""
    folder = os.environ.get("CXR_REAL_MATERIAL")
    if not folder or not Path(folder).is_dir():
        pytest.skip("CXR_REAL_MATERIAL names no folder of real films")
    return Path(folder)
