"""What the parts of the desk work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cxr_desktop.intake.pool import MakePool
from cxr_desktop.ui.mailbox import Background, Mailbox
from cxr_desktop.ui.memory import Memory
from cxr_desktop.worklist.sheet import Sheet


@dataclass(frozen=True, slots=True)
class Workplace:
    """The list, the memory and the ways between threads: one of each for a desk.

    Attributes
    ----------
    sheet
        The list.
    memory
        Keeps films, verdicts and readings where there is a store.
    mailbox, background
        The way to the window's thread, and from it.
    stopped
        Whether the window closes.
    make_pool
        Makes the pools that decode films.
    """

    sheet: Sheet
    memory: Memory
    mailbox: Mailbox
    background: Background
    stopped: Callable[[], bool]
    make_pool: MakePool
