"""The clinic's network as the window uses it, without a widget; nothing is opened before a person wants it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from PySide6.QtCore import QObject, Signal

from cxr_desktop.inference.verdict import Scored
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.mailbox import Background, Mailbox
from cxr_shared.bundle import Manifest
from cxr_shared.errors import CxrError, MissingExtra

if TYPE_CHECKING:
    from cxr_desktop.intake.pool import MakePool
    from cxr_desktop.pacs.config import NetworkConfig
    from cxr_desktop.pacs.query import Archive
    from cxr_desktop.pacs.receive import Receiver
    from cxr_desktop.pacs.send.outbox import Outbox
    from cxr_desktop.pacs.send.sender import Sender
    from cxr_desktop.pacs.spool import Spool

T = TypeVar("T")

OFF: Final = "The network is off: there is no network file. Network settings… offers one to begin with."
NO_PEER: Final = (
    "The network file names no archive yet. Add one under [[peers]]; Network settings… says where the file is."
)


class Network(QObject):
    """Receives, fetches and returns for one window; every signal is sent in the window's thread.

    `make_pool` makes what decodes the films whose results are returned.

    Signals
    -------
    arrived
        list of Path: films that came, to be opened.
    receiving
        str: what the receiver does, empty while it does not run.
    returning
        str: what the outbox holds, empty where it holds nothing of note.
    told, failed
        str: something the person should know, or that went wrong.
    """

    arrived = Signal(list)
    receiving = Signal(str)
    returning = Signal(str)
    told = Signal(str)
    failed = Signal(str)

    def __init__(self, make_pool: MakePool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._make_pool = make_pool
        self.config: NetworkConfig | None = None
        self.reason = ""
        self._mailbox = Mailbox(self)
        self._background = Background(self._mailbox)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._spool: Spool | None = None
        self._receiver: Receiver | None = None
        self._outbox: Outbox | None = None
        self._sender: Sender | None = None
        self._read: tuple[Path, int] | None = None

    @property
    def path(self) -> Path:
        """Where the network file is, or would be."""
        from cxr_desktop.pacs.config import network_path

        return network_path()

    @property
    def is_receiving(self) -> bool:
        """Whether the receiver runs."""
        return self._receiver is not None

    def look(self) -> NetworkConfig | None:
        """Read the network file where it is another than before; `reason` says why there is none."""
        from cxr_desktop.pacs.config import read_network

        path = self.path
        try:
            state = path, path.stat().st_mtime_ns
        except OSError:
            self.config, self.reason, self._read = None, tr(OFF), None
            return None
        if state != self._read:
            self._read = state
            try:
                self.config, self.reason = read_network(path), ""
            except CxrError as error:
                self.config, self.reason = None, str(error)
        if self.config is not None and find_spec("pynetdicom") is None:
            self.config, self.reason, self._read = None, str(MissingExtra(module="pynetdicom", extra="pacs")), None
        return self.config

    def run(self, operation: Callable[[], T], success: Callable[[T], None], failure: Callable[[str], None]) -> None:
        """Run what touches no widget in the background."""
        self._background.run(operation, success=success, failure=failure)

    def post(self, call: Callable[[], None]) -> None:
        """Have something done in the window's thread."""
        self._mailbox.post(call)

    def closing(self) -> bool:
        """Whether the window closes."""
        return self._closing.is_set()

    def begin(self, taken_off: Callable[[Sequence[Path]], Sequence[Path]]) -> None:
        """Receive and go on returning where the network file says so; a start without one costs nothing.

        Parameters
        ----------
        taken_off
            Tells which of the films received before a person took off the list: they stay off.
        """
        config = self.look()
        if config is None:
            return
        if config.receive.enabled:
            self.receive(on=True)
            self.run(lambda: self._received_before(taken_off), self._arrive, self.failed.emit)
        self.run(
            self._go_on_returning, lambda _: None, lambda _: None
        )  # a service may have the outbox: then it returns

    def _received_before(self, taken_off: Callable[[Sequence[Path]], Sequence[Path]]) -> list[Path]:
        """Films of the spool, but for those off the list, which are deleted once they are as old as `keep_hours`."""
        spool, films = self.spool(), list(self.spool().films())
        old = time.time() - 3600 * self._configured().serve.keep_hours
        off = set(taken_off(films))
        for film in off:
            if film.stat().st_mtime < old:
                spool.remove(film)
        return [film for film in films if film not in off]

    # Fetching

    def archive(self, name: str) -> Archive:
        """Make the archive of a peer of the network file."""
        from cxr_desktop.pacs.query import archive_for

        config = self._configured()
        arrive_at = config.receive.ae_title if self.is_receiving else ""
        return archive_for(config.peer(name), config, moves_arrive_at=arrive_at)

    def spool(self) -> Spool:
        """Open the spool, once."""
        from cxr_desktop.pacs.config import spool_path
        from cxr_desktop.pacs.spool import Spool

        with self._lock:
            if self._spool is None:
                self._spool = Spool(spool_path(), self._configured().receive.quotas)
            return self._spool

    # Receiving

    def receive(self, *, on: bool) -> None:
        """Start or stop the receiver."""
        self.run(self._start_receiver if on else self._stop_receiver, self.receiving.emit, self._not_receiving)

    def _start_receiver(self) -> str:
        from cxr_desktop.pacs.receive import Receiver

        config = self._configured().receive
        if self._receiver is None:
            receiver = Receiver(config, self.spool(), on_film=lambda film: self.post(lambda: self.arrived.emit([film])))
            receiver.start()
            self._receiver = receiver
        return tr("receiving as {title} on port {port}", title=config.ae_title, port=self._receiver.port)

    def _stop_receiver(self) -> str:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.close()
        return ""

    def _not_receiving(self, words: str) -> None:
        self.receiving.emit("")
        self.failed.emit(words)

    def _arrive(self, films: list[Path]) -> None:
        if films:
            self.arrived.emit(films)

    # Returning

    def destinations(self, films: Sequence[Scored]) -> Counter[str]:
        """Count films by the peer that their results would go to; an empty name stands for nowhere."""
        from cxr_desktop.pacs.config import SOURCE
        from cxr_desktop.pacs.errors import PeerUnknown
        from cxr_desktop.pacs.spool import origin_of

        config = self._configured()
        found: Counter[str] = Counter()
        for film in films:
            try:
                to = config.returns.to
                found[config.peer_of(origin_of(film.source)).name if to == SOURCE else to] += 1
            except PeerUnknown:
                found[""] += 1
        return found

    def give_back(self, films: Sequence[Scored], manifest: Manifest) -> None:
        """Queue the results of films and send them."""
        self.run(lambda: self._queue(films, manifest), self.told.emit, self.failed.emit)

    def _queue(self, films: Sequence[Scored], manifest: Manifest) -> str:
        from cxr_desktop.pacs.send.results import queue_results

        outbox, config = self._open_outbox(), self._configured()
        objects, reasons = 0, Counter[str]()
        with closing(self._make_pool(workers=1)) as pool:
            for film in films:
                if self.closing():
                    break
                queued = queue_results(outbox, config, film, manifest, pool)
                objects += queued.added
                reasons.update(filter(None, [queued.reason]))
        if self._sender is not None:
            self._sender.wake()
        self._count()
        said = [tr("{count:,} result objects are on their way.", count=objects)] if objects else []
        said += [
            tr("{count:,} films: {reason}", count=count, reason=reason) for reason, count in reasons.most_common(3)
        ]
        return " ".join(said) or tr("All of these results were returned before.")

    def _go_on_returning(self) -> None:
        from cxr_desktop.pacs.config import outbox_path
        from cxr_desktop.pacs.send.outbox import Outbox

        if (outbox_path() / Outbox.FILE).exists():
            self._open_outbox()

    def _open_outbox(self) -> Outbox:
        from cxr_desktop.pacs.config import outbox_path
        from cxr_desktop.pacs.send.outbox import Outbox
        from cxr_desktop.pacs.send.sender import Sender

        with self._lock:
            if self._outbox is None:
                self._outbox = Outbox(outbox_path())
                self._sender = Sender(self._outbox, self._configured(), on_event=lambda _: self._count())
                self._sender.start()
        self._count()
        return self._outbox

    def _count(self) -> None:
        """Tell what the outbox holds; from any thread."""
        outbox = self._outbox
        if outbox is None or self.closing():
            return
        counts = {state.value: count for state, count in outbox.counts().items()}
        self.post(lambda: self.returning.emit(_said(counts)))

    def close(self) -> None:
        """End everything; what was not sent stays in the outbox, what came in the spool."""
        self._closing.set()
        self._mailbox.close()
        self._background.close()
        self._stop_receiver()
        if self._sender is not None:
            self._sender.close()
        if self._outbox is not None:
            self._outbox.close()

    def _configured(self) -> NetworkConfig:
        from cxr_desktop.pacs.errors import NetworkNotConfigured

        if self.config is None:
            raise NetworkNotConfigured(self.path)
        return self.config


def _said(counts: dict[str, int]) -> str:
    """Say what the outbox holds, without what is zero."""
    words = (
        (counts["waiting"] + counts["sending"], tr("waiting")),
        (counts["sent"], tr("sent")),
        (counts["refused"], tr("refused")),
        (counts["unconfirmed"], tr("unconfirmed")),
    )
    some = ", ".join(f"{count:,} {word}" for count, word in words if count)
    return tr("results: {counts}", counts=some) if some else ""
