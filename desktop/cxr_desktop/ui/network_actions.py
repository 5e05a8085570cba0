"""The entries of the Network menu."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QMenu, QWidget

from cxr_desktop.inference.verdict import Scored
from cxr_desktop.ui.desk import VIEWER_ONLY, Desk
from cxr_desktop.ui.dialogs import Dialogs
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.network import NO_PEER, Network
from cxr_desktop.ui.widgets.list_pane import ListPane
from cxr_desktop.ui.widgets.status import StatusLine
from cxr_desktop.worklist.row import Row
from cxr_shared.errors import CxrError

if TYPE_CHECKING:
    from cxr_desktop.pacs.config import NetworkConfig, Peer
    from cxr_desktop.ui.find_dialog import FindDialog
    from cxr_desktop.ui.network_dialog import NetworkDialog, Page

_ENTRIES: Final = ("find_in_archive", "fetch_priors", "receive_films", "return_results")
_NO_FILM: Final = "No film is open. Open one first."
_NOTHING_SCORED: Final = "None of these films is scored, so there is no result to return."
_NOWHERE: Final = "These results go nowhere: the network file names no archive for them. Set `to` under [return] in it."


class Networks(Protocol):
    """What these actions need of the window."""

    desk: Desk
    dialogs: Dialogs
    list: ListPane
    status: StatusLine
    network: Network
    actions_by_name: dict[str, QAction]

    @property
    def row(self) -> Row | None:
        """The film that is open."""

    def tell(self, words: str) -> None:
        """Say something to the person."""


class NetworkActions:
    """Handlers of the Network menu.

    Parameters
    ----------
    window
        The window, whose `network` does the work.
    """

    def __init__(self, window: Networks) -> None:
        self._window = window
        self.page: NetworkDialog | None = None
        self.finds: list[FindDialog] = []

    def follow(self) -> None:
        """Show on the entries what can be done, whenever their menu opens, and what is being done in the status."""
        window, network = self._window, self._window.network
        for menu in self._menus():
            menu.setToolTipsVisible(True)
            menu.aboutToShow.connect(self.look)
        network.arrived.connect(window.desk.open_paths)
        network.told.connect(window.desk.told)
        network.failed.connect(window.desk.failed)
        network.receiving.connect(self._receiving)
        network.returning.connect(window.status.show_results)
        window.actions_by_name["hide_patients"].toggled.connect(self._hide)
        self.look()

    def look(self) -> None:
        """Read the network file if it changed, and enable what can be done."""
        network = self._window.network
        config = network.look()
        for name in _ENTRIES:
            reason = self._reason_against(name, config)
            action = self._window.actions_by_name[name]
            action.setEnabled(not reason)
            action.setToolTip(reason)

    def begin(self) -> None:
        """Do what the network file says is done from the start."""
        self._window.network.begin(self._window.desk.taken_off)

    def find_in_archive(self) -> None:
        """Show the dialog that finds films."""
        self._find()

    def fetch_priors(self) -> None:
        """Show the earlier films of the open film's patient, chosen to be fetched."""
        row = self._window.row
        if row is None:
            self._window.tell(tr(_NO_FILM))
            return
        dialog = self._find(row)
        if dialog is not None:
            dialog.search()

    def receive_films(self, on: bool) -> None:  # noqa: FBT001  (a Qt slot)
        """Start or stop the receiver."""
        self._window.network.receive(on=on)

    def return_results(self) -> None:
        """Ask which films' results are returned, and queue them."""
        window = self._window
        loaded = window.desk.loaded
        if loaded is None:
            window.tell(tr(VIEWER_ONLY))
            return
        chosen, every = _scored(window.list.table.selected), _scored(window.desk.sheet.rows)
        if not every:
            window.tell(tr(_NOTHING_SCORED))
            return
        manifest, network = loaded.bundle.manifest, window.network

        def ask(to: tuple[dict[str, int], dict[str, int]]) -> None:
            some, all_ = ({name: count for name, count in each.items() if name} for each in to)
            if not all_:
                window.tell(tr(_NOWHERE))
                return
            answer = window.dialogs.which_results(some, all_)
            films = {"chosen": chosen, "all": every}.get(answer)
            if films:
                network.give_back(films, manifest)

        network.run(
            lambda: (dict(network.destinations(chosen)), dict(network.destinations(every))),
            ask,
            window.desk.failed.emit,
        )

    def show_network(self) -> None:
        """Show what the network file says, and how to begin."""
        from cxr_desktop.ui.network_dialog import NetworkDialog

        assert isinstance(self._window, QWidget)
        if self.page is None:
            page = self.page = NetworkDialog(self._window)
            page.destroyed.connect(self._page_gone)
            page.template_wanted.connect(self._write_template)
            page.folder_wanted.connect(self._open_folder)
            page.reread_wanted.connect(self._reread)
            page.test_wanted.connect(self._test)
        self._reread()
        self.page.show()
        self.page.raise_()

    def close_dialogs(self) -> None:
        """Close the dialogs that were opened here."""
        for dialog in (*self.finds, self.page):
            if dialog is not None:
                dialog.close()

    def _find(self, row: Row | None = None) -> FindDialog | None:
        from cxr_desktop.ui.find_dialog import FindDialog
        from cxr_desktop.ui.finding import Finding

        window = self._window
        assert isinstance(window, QWidget)
        config = window.network.look()
        if config is None or not config.peers:
            window.tell(window.network.reason or tr(NO_PEER))
            return None
        finding = Finding(window.network, window.network)
        ask = None if row is None else lambda peer: finding.priors(peer, row.source)
        dialog = FindDialog(finding, _names(config, row), ask=ask, parent=window)
        dialog.hide_patients(window.actions_by_name["hide_patients"].isChecked())
        self.finds.append(dialog)
        dialog.closed.connect(self._find_closed)
        dialog.show()
        return dialog

    def _find_closed(self, dialog: FindDialog) -> None:
        self.finds.remove(dialog)

    def _receiving(self, words: str) -> None:
        self._window.status.show_receiving(words)
        action = self._window.actions_by_name["receive_films"]
        action.blockSignals(True)  # noqa: FBT003  (Qt's order)
        action.setChecked(bool(words))
        action.blockSignals(False)  # noqa: FBT003

    def _reason_against(self, name: str, config: NetworkConfig | None) -> str:
        if config is None:
            return self._window.network.reason
        if name in ("find_in_archive", "fetch_priors") and not config.peers:
            return tr(NO_PEER)
        return tr(_NOWHERE) if name == "return_results" and not config.returns.to else ""

    def _hide(self, hidden: bool) -> None:  # noqa: FBT001  (a Qt slot)
        for dialog in self.finds:
            dialog.hide_patients(hidden)

    def _menus(self) -> list[QMenu]:
        assert isinstance(self._window, QWidget)
        entry = self._window.actions_by_name[_ENTRIES[0]]
        return [menu for menu in self._window.findChildren(QMenu) if entry in menu.actions()]

    def _reread(self) -> None:
        self.look()
        if self.page is not None:
            self.page.show_page(page_of(self._window.network))

    def _write_template(self) -> None:
        from cxr_desktop.pacs.template import write_template

        try:
            write_template(self._window.network.path)
        except CxrError as error:
            self._window.desk.failed.emit(str(error))
        self._reread()

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._window.network.path.parent)))

    def _test(self, name: str) -> None:
        network = self._window.network
        network.run(
            lambda: network.archive(name).check(),
            lambda words: self._answered(name, words, good=True),
            lambda words: self._answered(name, words, good=False),
        )

    def _answered(self, name: str, words: str, *, good: bool) -> None:
        if self.page is not None:
            self.page.show_answer(name, words, good=good)

    def _page_gone(self, _dialog: QObject) -> None:
        self.page = None


def page_of(network: Network) -> Page:
    """Put what the network file says into words."""
    from cxr_desktop.ui.network_dialog import Page

    config = network.config
    rows: list[tuple[str, str]] = []
    if config is not None:
        receive = config.receive
        where = tr("as {title} on {host} port {port}", title=receive.ae_title, host=receive.host, port=receive.port)
        at_start = tr("{where}, from the start", where=where)
        rows = [
            (tr("Receiving"), at_start if receive.enabled else tr("{where}, when it is turned on", where=where)),
            (tr("Returning"), _where_to(config)),
        ]
    peers = [(peer.name, _how(peer)) for peer in config.peers] if config is not None else []
    return Page(str(network.path), network.path.exists(), network.reason, rows, peers)


def _where_to(config: NetworkConfig) -> str:
    from cxr_desktop.pacs.config import SOURCE

    if config.returns.to == SOURCE:
        return tr("to the archive that each film came from")
    return tr("to {archive}", archive=config.returns.to) if config.returns.to else tr("nowhere")


def _how(peer: Peer) -> str:
    web = peer.web.url if peer.web else ""
    dimse = f"{peer.dimse.ae_title} · {peer.dimse.host}:{peer.dimse.port}" if peer.dimse else ""
    return "\n".join(filter(None, (web, dimse)))


def _names(config: NetworkConfig, row: Row | None) -> list[str]:
    """Names of the archives; the one that the open film came from is the first."""
    from cxr_desktop.pacs.errors import PeerUnknown
    from cxr_desktop.pacs.spool import origin_of

    names = [peer.name for peer in config.peers]
    try:
        first = config.peer_of(origin_of(row.source)).name if row is not None else ""
    except PeerUnknown:
        first = ""
    return sorted(names, key=lambda name: name != first)


def _scored(rows: Sequence[Row]) -> list[Scored]:
    return [row.scored for row in rows if row.scored is not None]
