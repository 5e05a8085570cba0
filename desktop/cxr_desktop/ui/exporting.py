"""Export of the list as reports: recorded in the audit trail, and written on any thread. No widget."""

from __future__ import annotations

from collections.abc import Callable

from cxr_desktop.inference.loading import Loaded
from cxr_desktop.reports import Remarks, Reports
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.workplace import Workplace
from cxr_desktop.worklist.said import said_of


def begin_export(reports: Reports, loaded: Loaded, work: Workplace) -> Callable[[], str]:
    """Capture the list now and return a function that writes it.

    The function returns a sentence for the user and raises the errors of `Reports.write`.
    """
    worklist, readings = work.sheet.worklist(loaded.provenance), said_of(work.sheet.rows)
    work.memory.audit(
        "export",
        kinds=", ".join(reports.by_kind),
        films=str(len(worklist.verdicts)),
        deidentified="yes" if reports.deidentified else "no",
        bundle=loaded.bundle.sha256,
    )

    def write() -> str:
        said: list[str] = []
        remarks = Remarks(said.append, work.stopped)
        paths = reports.write(worklist, loaded.bundle, readings=readings, remarks=remarks, make_pool=work.make_pool)
        waiting = worklist.found - len(worklist.verdicts)
        missing = "" if worklist.complete else tr("; {count} films still wait", count=waiting)
        return " ".join((tr("Wrote {paths}{missing}.", paths=", ".join(map(str, paths)), missing=missing), *said))

    return write
