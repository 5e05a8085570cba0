"""Where the store lies by default."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def default_store_path() -> Path:
    """Return the file named by CXR_STORE, else ``worklist.sqlite`` among the user's data of this program."""
    configured = os.environ.get("CXR_STORE")
    return Path(configured) if configured else Path(platformdirs.user_data_dir("cxr-triage")) / "worklist.sqlite"
