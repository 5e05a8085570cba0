"""Where the programs keep files of their own."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Final

import platformdirs

_PROGRAM: Final = "cxr-triage"


class Kept(Enum):
    """Kinds of files, each with a folder of the system's for it."""

    CACHE = "cache"
    """Made again when it is gone."""
    DATA = "data"
    """What a person would miss."""
    SETTINGS = "settings"


_FOLDERS: Final = {
    Kept.CACHE: platformdirs.user_cache_path,
    Kept.DATA: platformdirs.user_data_path,
    Kept.SETTINGS: platformdirs.user_config_path,
}


def own_place(name: str, *, kept: Kept, variable: str = "") -> Path:
    """Return where a file or folder of the user's is; nothing is made.

    Parameters
    ----------
    name
        Its name in the system's folder for its kind.
    kept
        What kind of files it is or holds.
    variable
        An environment variable that names another place; it counts unless it is empty.
    """
    named = os.environ.get(variable) if variable else None
    return Path(named) if named else _FOLDERS[kept](_PROGRAM) / name
