"""`cxr-desktop audit`: what the window kept, checked against its audit trail. No Qt."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from cxr_desktop.store import Store, default_store_path, set_aside
from cxr_shared.errors import CxrError


class NoStoreError(CxrError):
    """There is no store at that place."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"There is no store at {path}. The window makes one when it is opened for the first time.")


def run(path: Path | None, *, aside: bool) -> int:
    """Print the trail and check it, or put the store aside; returns 0.

    Raises
    ------
    NoStoreError
        There is none.
    StoreError
        It cannot be read, or something in it was changed: the message names what.
    """
    store_path = path or default_store_path()
    if not store_path.exists():
        raise NoStoreError(store_path)
    if aside:
        print(f"the store is now {set_aside(store_path)}; the window begins a new one")
        return 0
    store = Store(store_path)
    try:
        for entry in store.audit_trail():
            print(json.dumps(dataclasses.asdict(entry), sort_keys=True, default=dict))
        store.verify_audit()
    finally:
        store.close()
    return 0
