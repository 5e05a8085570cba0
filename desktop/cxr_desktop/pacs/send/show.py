"""`cxr-desktop outbox`: what waits, why, and what a person decides about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from cxr_desktop.pacs.send.entries import Entry, State
from cxr_desktop.pacs.send.outbox import Outbox

_OPEN: Final = (State.WAITING, State.SENDING, State.UNCONFIRMED, State.REFUSED)


def run(
    folder: Path, *, retry: bool = False, resend: Sequence[int] = (), abandon: Sequence[int] = (), every: bool = False
) -> int:
    """Do what a person decided, then list the outbox.

    Parameters
    ----------
    folder
        The outbox's, such as `config.outbox_path` gives.
    retry
        Send at once what waits or was refused, and ask at once for what is unconfirmed.
    resend
        Numbers of unconfirmed or refused entries that are to be sent again, though the peer may hold them.
    abandon
        Numbers of entries to give up.
    every
        List what was sent and abandoned too.

    Returns
    -------
    int
        0.

    Raises
    ------
    OutboxError
        The outbox cannot be used, such as while a service has it, or an entry cannot be so decided.
    """
    if not (folder / Outbox.FILE).exists():
        print(f"There is no outbox at {folder}: nothing was returned yet.")
        return 0
    with Outbox(folder) as outbox:
        for number in resend:
            outbox.resend(number)
        for number in abandon:
            outbox.abandon(number)
        if retry:
            print(f"{outbox.retry():,} are tried at once when the service runs.")
        _print(outbox.entries(*(() if every else _OPEN)))
        counts = outbox.counts()
    print(", ".join(f"{number:,} {state}" for state, number in counts.items() if number) or "empty")
    return 0


def _print(entries: Iterable[Entry]) -> None:
    for entry in entries:
        when = dt.datetime.fromtimestamp(entry.changed_at, dt.UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        tries = f"{entry.attempts} attempt{'' if entry.attempts == 1 else 's'}"
        reason = f": {entry.reason}" if entry.reason else ""
        print(f"{entry.number:>6}  {when}  {entry.state:<11}  {entry.kind:<3}  {entry.peer}  {tries}{reason}")
