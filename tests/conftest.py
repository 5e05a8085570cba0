"""Fixtures common to every test, and a home of their own."""

from __future__ import annotations

import getpass
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from warm.runner import Runner

pytest_plugins = ("cpu_budget", "expected_skips", "lanes", "pytester", "ray_cluster")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the lanes have it: results and threads as on any machine
_KEPT = ("CXR_REAL_MATERIAL", "CXR_SCREENSHOTS", "XDG_RUNTIME_DIR")

# How long an example takes on the clock depends on what else the machine does; the limit on CPU seconds stays.
settings.register_profile("suite", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Hide the user's home, whose settings and caches would decide what a test sees, and which no test may change."""
    home = Path(tempfile.mkdtemp(prefix="cxr-home-"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ["HOME"] = os.environ["USERPROFILE"] = str(home)
    for name in [name for name in os.environ if name.startswith(("XDG_", "CXR_")) and name not in _KEPT]:
        del os.environ[name]
    # The list of fonts takes seconds to make, and depends on the system alone.
    os.environ["MPLCONFIGDIR"] = str(Path(tempfile.gettempdir(), f"cxr-tests-matplotlib-{getpass.getuser()}"))


@pytest.fixture(scope="session")
def real_material() -> Path:
    """The folder of real films and golden numbers named by CXR_REAL_MATERIAL; skips where there is none."""
    folder = os.environ.get("CXR_REAL_MATERIAL")
    if not folder or not Path(folder).is_dir():
        pytest.skip("CXR_REAL_MATERIAL names no folder of real films")
    return Path(folder)


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    """Run the product's commands in forks of a process that has imported what they need."""
    import cpu_budget  # a plugin, which pytest imports itself

    with Runner() as found:
        cpu_budget.SERVERS |= found.processes
        yield found
        cpu_budget.SERVERS -= found.processes
