"""Finding films in an archive and fetching them, by DIMSE (C-FIND, C-GET, C-MOVE) or DICOMweb (QIDO-RS, WADO-RS)."""

from cxr_desktop.pacs.query.archive import Archive, archive_for
from cxr_desktop.pacs.query.model import (
    Fetched,
    Found,
    Identified,
    LeftOut,
    Progress,
    Query,
    TooManyFound,
)

__all__ = [
    "Archive",
    "Fetched",
    "Found",
    "Identified",
    "LeftOut",
    "Progress",
    "Query",
    "TooManyFound",
    "archive_for",
]
