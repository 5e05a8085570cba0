"""Where the store lies by default."""

from __future__ import annotations

from pathlib import Path

from cxr_shared.places import Kept, own_place


def default_store_path() -> Path:
    """Return the file named by CXR_STORE, else ``worklist.sqlite`` among the user's data of this program."""
    return own_place("worklist.sqlite", kept=Kept.DATA, variable="CXR_STORE")
