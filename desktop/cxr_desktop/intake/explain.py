"""Why a path that the search yielded is no film, where the reader alone cannot know: ZIPs and discs.

The search yields such paths only to have them refused. The reason is found anew in the decoding process, so that the
search needs to hand over nothing but paths.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from cxr_desktop.intake.containers import why_not
from cxr_desktop.intake.disc import why_no_disc
from cxr_desktop.intake.names import is_index, is_zip
from cxr_desktop.intake.zip_plan import Plan, read_plan


def reason_for(path: Path) -> str | None:
    """Say why a path gave no film; None where the reader's own words say it.

    Parameters
    ----------
    path
        A file, or ``archive.zip / name`` for a file in a ZIP.
    """
    if is_index(path.name) and path.is_file():
        return why_no_disc(path)
    archive = next((each for each in (path, *path.parents) if is_zip(each.name) and each.is_file()), None)
    if archive is None:
        return None
    status = archive.stat()
    return why_not(path, _plan(archive, status.st_size, status.st_mtime_ns), archive)


@lru_cache(maxsize=1)
def _plan(archive: Path, _size: int, _changed: int) -> Plan:
    """Keep the last ZIP's plan: all members of an encrypted one ask for it."""
    return read_plan(archive)
