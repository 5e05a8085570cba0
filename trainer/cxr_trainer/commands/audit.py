"""`cxr-trainer audit`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cxr_shared.files import write_json, write_text
from cxr_trainer.audit.audit import Audit, audit_data
from cxr_trainer.audit.images import Progress as Told
from cxr_trainer.audit.show import markdown, print_tables
from cxr_trainer.audit.tables import audit_tables
from cxr_trainer.errors import DataNotConfigured


def audit_folder(data: Path | None, *, out: Path | None, decode: bool, json_form: bool) -> int:
    """Audit `data`, print what was found and write it into `out`; 0 whatever was found."""
    if data is None:
        raise DataNotConfigured
    with _progress() as told:
        audit = audit_data(data, decode=decode, progress=told)
    if json_form:
        print(json.dumps(asdict(audit), ensure_ascii=False))
    else:
        print_tables(audit_tables(audit))
    if out is not None:
        written = write_audit(audit, out)
        Console(stderr=True).print(
            f"wrote {', '.join(path.name for path in written)} into {out}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    return 0


def write_audit(audit: Audit, out: Path) -> list[Path]:
    """Write ``audit.json``, ``audit.md`` and the figures; returns the files."""
    from cxr_trainer.audit.figures import write_figures

    figures = write_figures(audit.labels, out)
    write_json(out / "audit.json", asdict(audit))
    pictures = "\n".join(f"![{path.stem}]({path.name})" for path in figures if path.suffix == ".svg")
    write_text(out / "audit.md", f"# Audit\n\n{markdown(audit_tables(audit))}\n{pictures}\n")
    return [out / "audit.json", out / "audit.md", *figures]


@contextlib.contextmanager
def _progress() -> Iterator[Told]:
    """Draw a bar on standard error while it is a terminal; in a pipe nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading labels", total=None)

        def told(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield told
