"""The desktop's memory. No Qt."""

from cxr_desktop.store.database import set_aside
from cxr_desktop.store.errors import (
    AuditBroken,
    RecordDamaged,
    StoreClosed,
    StoreDamaged,
    StoreError,
    StoreInUse,
    StoreNewer,
    StoreNotWritable,
)
from cxr_desktop.store.location import default_store_path
from cxr_desktop.store.records import AuditEntry, Opinion, Read, StoredFilm
from cxr_desktop.store.store import Store

__all__ = [
    "AuditBroken",
    "AuditEntry",
    "Opinion",
    "Read",
    "RecordDamaged",
    "Store",
    "StoreClosed",
    "StoreDamaged",
    "StoreError",
    "StoreInUse",
    "StoreNewer",
    "StoreNotWritable",
    "StoredFilm",
    "default_store_path",
    "set_aside",
]
