"""The one way from other threads to the window, and the one way to run something in the background."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Final, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from cxr_desktop.ui.i18n import tr
from cxr_shared.errors import CxrError

T = TypeVar("T")

_log = logging.getLogger(__name__)
_SLICE_S: Final = 0.012
"""Deliveries stop after this long, so that input and painting come in between."""


class Mailbox(QObject):
    """Calls posted from any thread, made in the window's thread in the order in which they were posted."""

    _arrived = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._calls: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._open = True
        self._scheduled = False
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def post(self, call: Callable[[], None]) -> None:
        """Have `call` made in the window's thread; after `close` it is dropped."""
        with self._lock:
            if not self._open:
                return
            self._calls.append(call)
            if not self._scheduled:
                self._scheduled = True
                self._arrived.emit()

    def close(self) -> None:
        """Drop what waits and all that comes later."""
        with self._lock:
            self._open = False
            self._calls.clear()

    def _deliver(self) -> None:
        end = time.monotonic() + _SLICE_S
        while True:
            with self._lock:
                if not self._calls:
                    self._scheduled = False
                    return
                call = self._calls.popleft()
            try:
                call()
            except Exception:
                self._arrived.emit()  # one faulty call does not stop the others
                raise
            if time.monotonic() > end:
                self._arrived.emit()
                return


class Background:
    """Runs operations in threads; each has one way out: `success` or `failure`, in the window's thread.

    Parameters
    ----------
    mailbox
        Where outcomes are posted.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._threads = ThreadPoolExecutor(3, thread_name_prefix="cxr-window")

    def run(self, operation: Callable[[], T], *, success: Callable[[T], None], failure: Callable[[str], None]) -> None:
        """Run `operation`, which touches no widget.

        Parameters
        ----------
        operation
            The work.
        success
            Takes its result.
        failure
            Takes a sentence for the person at the screen.
        """
        self._threads.submit(self._carry_out, operation, success, failure)

    def close(self) -> None:
        """Wait for what runs; what waits is dropped. Interrupt long operations before."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _carry_out(
        self, operation: Callable[[], T], success: Callable[[T], None], failure: Callable[[str], None]
    ) -> None:
        try:
            result = operation()
        except CancelledError:
            return
        except CxrError as error:
            words = str(error)
        except Exception as error:  # noqa: BLE001  (the window goes on, and says that something is wrong)
            _log.error("an operation of the window failed: %s", type(error).__name__)
            words = tr(
                "Something went wrong ({kind}). The window goes on; please report it.", kind=type(error).__name__
            )
        else:
            self._mailbox.post(lambda: success(result))
            return
        self._mailbox.post(lambda: failure(words))
