"""What lies in the user's home decides no test, and no test changes it."""

from __future__ import annotations

import os
import pwd
import tempfile
from pathlib import Path


def test_the_home_is_the_tests_own() -> None:
    assert Path.home() != Path(pwd.getpwuid(os.getuid()).pw_dir)
    assert Path.home().is_relative_to(tempfile.gettempdir())
