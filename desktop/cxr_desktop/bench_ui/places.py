"""Places of its own for a benchmark, so that the person's list, settings and plans stay as they are. No Qt."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_FILES: Final = {"CXR_STORE": "worklist.sqlite", "CXR_SETTINGS": "settings.json", "CXR_PLANS": "plans"}


@contextlib.contextmanager
def own_places() -> Iterator[Path]:
    """Keep store, settings and plans in a temporary folder for as long as the block runs; children inherit it.

    Yields
    ------
    Path
        The folder.
    """
    before = {name: os.environ.get(name) for name in (*_FILES, "CXR_BUNDLE")}
    with tempfile.TemporaryDirectory(prefix="cxr-bench-", ignore_cleanup_errors=True) as folder:
        os.environ.update({name: str(Path(folder, file)) for name, file in _FILES.items()})
        os.environ.pop("CXR_BUNDLE", None)
        try:
            yield Path(folder)
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
