"""Man pages, from the command line's own words."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from cxr_installer.stamp import version

_FILES: Final = (
    ("~/.config/cxr-triage", "settings"),
    ("~/.local/share/cxr-triage", "worklist, scores, readings, audit trail and the key of pseudonyms"),
    ("~/.cache/cxr-triage", "unpacked ZIPs, demo films, measured plans"),
)


def restructured(*, epoch: int) -> str:
    """Return cxr-desktop(1) as reStructuredText, in the form that docutils's manpage writer takes."""
    from cxr_desktop.cli import app

    day = dt.datetime.fromtimestamp(epoch, dt.UTC).date().isoformat()
    title = "cxr-desktop"
    subtitle = "triage of chest films; research use only, NOT FOR CLINICAL USE"
    body = app.generate_docs(output_format="rst", recursive=True, heading_level=1, usage_name="cxr-desktop")
    head = [
        "=" * len(title), title, "=" * len(title), "", "-" * len(subtitle), subtitle, "-" * len(subtitle), "",
        f":Date: {day}", f":Version: {version()}", ":Manual section: 1", ":Manual group: cxr-triage", "",
    ]  # fmt: skip
    files = ["FILES", "=====", "", *(line for name, what in _FILES for line in (f"*{name}*", f"    {what}", ""))]
    return "\n".join([*head, _sections(body), "", *files])


def _sections(body: str) -> str:
    """Drop what stands before the description: labels for cross-references and the title, which the page has."""
    for_the_web = (".. _", ".. contents", "   :local:", "   :depth:")
    lines = [line for line in body.splitlines() if not line.startswith(for_the_web)]
    while lines and (not lines[0].strip() or lines[0].startswith(("=", "cxr-desktop"))):
        lines.pop(0)
    return "\n".join(["DESCRIPTION", "===========", "", *lines])


def roff(*, epoch: int) -> str:
    """Return cxr-desktop(1) in troff."""
    from docutils.core import publish_string

    settings: dict[str, Any] = {"report_level": 3, "halt_level": 3, "output_encoding": "unicode"}
    page = publish_string(restructured(epoch=epoch), writer="manpage", settings_overrides=settings)
    return str(page)
