"""The window in a process that is about to be killed: run by `test_crash`; prints what it shows, as it shows it."""

from __future__ import annotations

import sys
from pathlib import Path

from cxr_desktop import app


def main(bundle: str, folder: str) -> int:
    application = app.make_application()
    window = app.open_window([Path(folder)], Path(bundle))
    model = window.table.films

    def show() -> None:
        """Read what the table shows, and say it; mark every third film as read, as a person would."""
        for row in list(model.shown):
            if row.scored is None or row.number in said:
                continue
            said.add(row.number)
            print("scored", row.source.name, f"{row.urgency:.6f}", flush=True)
            if row.number % 3 == 0 and not row.finished:  # the key would mark a film that was read as unread
                window.table.open(model.place(row) or 0)
                window.reading_actions.mark_read()
                print("read", row.source.name, str(row.finished), flush=True)

    said: set[int] = set()
    model.arranged.connect(show)
    return int(application.exec())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
