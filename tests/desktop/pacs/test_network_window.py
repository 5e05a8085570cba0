"""The window's part of the network, with real dialogs and a real archive."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6")
pytest.importorskip("pynetdicom")

from PySide6.QtCore import QDate, Qt
from PySide6.QtWidgets import QLabel, QMenu
from pytestqt.qtbot import QtBot

from cxr_desktop.inference.lanes import Lane
from cxr_desktop.pacs.config import DimsePeer, network_path, read_network, spool_path
from cxr_desktop.pacs.template import TEMPLATE, write_template
from cxr_desktop.ui.find_dialog import FindDialog
from cxr_desktop.ui.models.found import HIDDEN
from cxr_desktop.ui.window import MainWindow

from .archives import film, store
from .peers_orthanc import Orthanc, running_orthanc

pytestmark = [pytest.mark.waiting, pytest.mark.xdist_group("pacs-window")]

TODAY = date.today()  # noqa: DTZ011  (the reader's own day)
_PATIENCE_MS = 60_000
ENTRIES = ("find_in_archive", "fetch_priors", "receive_films", "return_results")


@dataclass
class Clinic:
    """An Orthanc with today's films and a prior, and the network file that names it."""

    orthanc: Orthanc
    patient: str = "SECRET1"

    def write(self, *, receive: bool = False, web: bool = True) -> None:
        by = (
            f'[peers.web]\nurl = "{self.orthanc.web.url}"\n'
            if web
            else f'[peers.dimse]\nae_title = "ORTHANC"\nhost = "127.0.0.1"\nport = {self.orthanc.dimse_port}\n'
        )
        network_path().write_text(
            f'[receive]\nenabled = {str(receive).lower()}\nport = 0\n[[peers]]\nname = "archive"\n{by}'
            '[return]\nto = "archive"\nobjects = ["SR"]\n'
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as orthanc:
        today = [
            film(patient=f"SECRET{n}", day=TODAY, description="CHEST PA", part="CHEST", seed=n, name="Doe^Jane")
            for n in (1, 2)
        ]
        prior = film(patient="SECRET1", day=TODAY - timedelta(days=90), description="CHEST PA", seed=3)
        hand = film(patient="SECRET3", day=TODAY, part="HAND", seed=4)
        store(orthanc.dimse, [*today, prior, hand])
        yield orthanc


@pytest.fixture
def clinic(running: Orthanc) -> Clinic:
    clinic = Clinic(running)
    clinic.write()
    return clinic


def find(qtbot: QtBot, window: MainWindow) -> FindDialog:
    window.actions_by_name["find_in_archive"].trigger()
    (dialog,) = window.network_actions.finds
    with qtbot.waitSignal(dialog.finding.ended, timeout=_PATIENCE_MS):
        qtbot.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    return dialog


def words_of(dialog: Any) -> str:
    model = dialog.table.model()
    cells = [
        str(model.index(row, column).data(role) or "")
        for row in range(model.rowCount())
        for column in range(model.columnCount())
        for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole)
    ]
    return " ".join([*cells, *(label.text() for label in dialog.findChildren(QLabel)), dialog.windowTitle()])


def test_without_a_network_file_the_entries_say_why_and_the_page_how_to_begin(room: Any, qtbot: QtBot) -> None:
    window = room.open()
    for name in ENTRIES:
        action = window.actions_by_name[name]
        assert not action.isEnabled()
        assert "no network file" in action.toolTip()
    menu = next(
        each for each in window.findChildren(QMenu) if window.actions_by_name["find_in_archive"] in each.actions()
    )
    assert menu.toolTipsVisible()
    window.actions_by_name["show_network"].trigger()
    page = window.network_actions.page
    assert page.template.isVisible()
    qtbot.mouseClick(page.template, Qt.MouseButton.LeftButton)
    assert network_path().read_text("utf-8") == TEMPLATE
    assert not page.template.isVisible()
    assert page.folder.isVisible()
    assert "names no archive" in window.actions_by_name["find_in_archive"].toolTip()
    assert window.actions_by_name["receive_films"].isEnabled()
    page.close()


def test_the_template_turns_nothing_on_and_its_examples_are_right(tmp_path: Path) -> None:
    path = tmp_path / "new" / "network.toml"
    write_template(path)
    config = read_network(path)
    assert (config.receive.enabled, config.peers, config.returns.to) == (False, (), "")
    path.write_text("\n".join(line.removeprefix("#") if line[1:2].strip() else line for line in TEMPLATE.splitlines()))
    filled = read_network(path)
    assert filled.receive.enabled
    assert [peer.name for peer in filled.peers] == ["archive", "old archive"]
    assert filled.returns.to == "source"
    with pytest.raises(Exception, match="already"):
        write_template(path)
    assert filled == read_network(path)


def test_a_damaged_network_file_is_said_and_stops_nothing(room: Any) -> None:
    network_path().write_text("[receive]\nport = 'x'\n")
    window = room.open()
    assert "receive.port" in window.actions_by_name["find_in_archive"].toolTip()
    window.actions_by_name["show_network"].trigger()
    assert any("receive.port" in label.text() for label in window.network_actions.page.findChildren(QLabel))


def test_a_missing_extra_is_said_with_the_line_that_installs_it(
    room: Any, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cxr_desktop.ui.network.find_spec", lambda name: None)
    window = room.open()
    assert "pip install" in window.actions_by_name["find_in_archive"].toolTip()
    assert "[pacs]" in window.actions_by_name["find_in_archive"].toolTip()


@pytest.mark.peer
@pytest.mark.parametrize("web", [True, False])
def test_todays_films_are_found_chosen_fetched_and_scored(room: Any, qtbot: QtBot, clinic: Clinic, web: bool) -> None:
    clinic.write(web=web)
    window = room.open()
    window.desk.use_bundle(room.bundle)
    dialog = find(qtbot, window)
    assert dialog.found.rowCount() == 2
    assert dialog.words.text() == "2 studies; left out: 1 of another part of the body"
    assert not dialog.get.isEnabled()
    dialog.found.setData(dialog.found.index(0, 0), Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole)
    assert dialog.get.text() == "Fetch 1 study"
    with qtbot.waitSignal(dialog.finding.ended, timeout=_PATIENCE_MS):
        qtbot.mouseClick(dialog.get, Qt.MouseButton.LeftButton)
    assert dialog.words.text() == "Fetched 1 film."
    qtbot.waitUntil(lambda: len(window.desk.sheet.rows) == 1, timeout=_PATIENCE_MS)
    qtbot.waitUntil(lambda: not window.desk.sheet.count(Lane.WAITING), timeout=_PATIENCE_MS)
    dialog.all.setChecked(True)
    with qtbot.waitSignal(dialog.finding.ended, timeout=_PATIENCE_MS):
        dialog.fetch()
    assert dialog.words.text() == "Fetched 1 film. 1 was here already."
    qtbot.waitUntil(lambda: len(window.desk.sheet.rows) == 2, timeout=_PATIENCE_MS)


@pytest.mark.peer
def test_patient_data_are_hidden_in_the_dialog_too(room: Any, qtbot: QtBot, clinic: Clinic) -> None:
    window = room.open()
    dialog = find(qtbot, window)
    assert "SECRET1" in words_of(dialog)
    assert "Doe Jane" in words_of(dialog)
    window.actions_by_name["hide_patients"].setChecked(True)
    for secret in ("SECRET", "Doe", "1960", f"{TODAY:%Y-%m-%d}"):
        assert secret not in words_of(dialog)
    assert HIDDEN in words_of(dialog)
    assert dialog.patient.echoMode() is dialog.patient.EchoMode.Password
    dialog.close()
    again = find(qtbot, window)
    assert "SECRET" not in words_of(again)


@pytest.mark.peer
def test_priors_of_the_open_film_are_offered_and_come_onto_the_list(room: Any, qtbot: QtBot, clinic: Clinic) -> None:
    window = room.open()
    window.desk.use_bundle(room.bundle)
    window.actions_by_name["fetch_priors"].trigger()
    assert "No film is open" in window.notice.text
    dialog = find(qtbot, window)
    dialog.found.choose_all(True)
    with qtbot.waitSignal(dialog.finding.ended, timeout=_PATIENCE_MS):
        dialog.fetch()
    dialog.close()
    qtbot.waitUntil(lambda: all_done(window, 2), timeout=_PATIENCE_MS)
    row = next(row for row in window.desk.sheet.rows if row.identity.patient_id == "SECRET1")
    window.table.open(window.table.films.place(row))
    window.actions_by_name["fetch_priors"].trigger()
    (priors,) = window.network_actions.finds
    qtbot.waitUntil(priors.get.isEnabled, timeout=_PATIENCE_MS)
    assert priors.get.text() == "Fetch 1 study"
    with qtbot.waitSignal(priors.finding.ended, timeout=_PATIENCE_MS):
        priors.fetch()
    qtbot.waitUntil(lambda: all_done(window, 3), timeout=_PATIENCE_MS)
    mine = [each for each in window.desk.sheet.rows if each.identity.patient_id == "SECRET1"]
    assert len(mine) == 2
    assert min(each.identity.acquired for each in mine) < row.identity.acquired


def all_done(window: MainWindow, films: int) -> bool:
    return window.table.films.rowCount() == films and not window.desk.sheet.count(Lane.WAITING)


@pytest.mark.peer
def test_an_archive_that_is_gone_is_said_in_the_dialog_and_on_the_page(room: Any, qtbot: QtBot, clinic: Clinic) -> None:
    network_path().write_text('[[peers]]\nname = "gone"\n[peers.web]\nurl = "http://127.0.0.1:9/dicom-web"\n')
    window = room.open()
    window.actions_by_name["find_in_archive"].trigger()
    (dialog,) = window.network_actions.finds
    with qtbot.waitSignal(dialog.finding.broken, timeout=_PATIENCE_MS):
        dialog.search()
    assert "cannot be reached" in dialog.words.text()
    clinic.write()
    window.actions_by_name["show_network"].trigger()
    page = window.network_actions.page
    qtbot.mouseClick(page.tests["archive"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "answered" in page.answers["archive"].text(), timeout=_PATIENCE_MS)


@pytest.mark.peer
def test_received_films_come_onto_the_list_and_again_at_the_next_start(room: Any, qtbot: QtBot, clinic: Clinic) -> None:
    clinic.write(receive=True)
    window = room.open()
    window.network_actions.begin()
    qtbot.waitUntil(lambda: "receiving as CXRTRIAGE on port" in window.status.network, timeout=_PATIENCE_MS)
    assert window.actions_by_name["receive_films"].isChecked()
    port = int(window.status.network.rsplit(" ", 1)[1])
    store(DimsePeer(ae_title="CXRTRIAGE", host="127.0.0.1", port=port), [film(patient="NEW", part="CHEST")])
    qtbot.waitUntil(lambda: len(window.desk.sheet.rows) == 1, timeout=_PATIENCE_MS)
    window.actions_by_name["receive_films"].trigger()
    qtbot.waitUntil(lambda: not window.status.network, timeout=_PATIENCE_MS)
    room.close()
    shutil.rmtree(room.folder)
    room.folder.mkdir()
    window = room.open()
    window.network_actions.begin()
    qtbot.waitUntil(lambda: len(window.desk.sheet.rows) == 1, timeout=_PATIENCE_MS)


def test_a_received_film_that_was_taken_off_the_list_stays_off_and_goes_when_it_is_old(room: Any, qtbot: QtBot) -> None:
    words = "[receive]\nenabled = true\nport = 0\n"
    network_path().write_text(words)
    window = room.open()
    window.network_actions.begin()
    qtbot.waitUntil(lambda: "on port" in window.status.network, timeout=_PATIENCE_MS)
    port = int(window.status.network.rsplit(" ", 1)[1])
    films = [film(patient=f"NEW{n}", part="CHEST", seed=n) for n in (1, 2)]
    store(DimsePeer(ae_title="CXRTRIAGE", host="127.0.0.1", port=port), films)
    qtbot.waitUntil(lambda: len(window.desk.sheet.rows) == 2, timeout=_PATIENCE_MS)
    window.desk.remove(window.desk.sheet.rows[:1])
    listed = window.desk.sheet.rows[0].source
    room.close()
    received = spool_path()
    for hours, left in ((1, 2), (0, 1), (0, 1)):
        network_path().write_text(f"{words}[serve]\nkeep_hours = {hours}\n")
        status = room.open().status
        with qtbot.waitSignal(room.window.network.arrived, timeout=_PATIENCE_MS) as arrived:
            room.window.network_actions.begin()
        assert [path.name for path in arrived.args[0]] == [listed.name]
        assert len(list(received.rglob("*.dcm"))) == left
        qtbot.waitUntil(lambda shown=status: "on port" in shown.network, timeout=_PATIENCE_MS)
        sheet = room.window.desk.sheet
        qtbot.waitUntil(lambda sheet=sheet: len(sheet.rows) == 1, timeout=_PATIENCE_MS)
        assert sheet.rows[0].source.name == listed.name
        room.close()


@pytest.mark.peer
def test_results_are_returned_when_the_person_agrees(
    room: Any, qtbot: QtBot, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = room.open()
    window.desk.use_bundle(room.bundle)
    dialog = find(qtbot, window)
    dialog.found.choose_all(True)
    with qtbot.waitSignal(dialog.finding.ended, timeout=_PATIENCE_MS):
        dialog.fetch()
    qtbot.waitUntil(lambda: all_done(window, 2), timeout=_PATIENCE_MS)
    asked: list[Any] = []

    def answer(chosen: dict[str, int], every: dict[str, int]) -> str:
        asked.append((chosen, every))
        return "all" if len(asked) > 1 else ""

    monkeypatch.setattr(window.dialogs, "which_results", answer)
    window.actions_by_name["return_results"].trigger()
    qtbot.waitUntil(lambda: len(asked) == 1, timeout=_PATIENCE_MS)
    window.actions_by_name["return_results"].trigger()
    qtbot.waitUntil(lambda: "results: 2 sent" in window.status.network, timeout=_PATIENCE_MS)
    assert asked == [({"archive": 1}, {"archive": 2})] * 2
    held = clinic.orthanc.post("/tools/find", b'{"Level": "Series", "Query": {"Modality": "SR"}}')
    assert held.count(b'"') == 4


def test_the_dates_default_to_today(room: Any, clinic: Clinic) -> None:
    window = room.open()
    window.actions_by_name["find_in_archive"].trigger()
    (dialog,) = window.network_actions.finds
    assert (dialog.since.date(), dialog.until.date()) == (QDate.currentDate(), QDate.currentDate())
    dialog.any_date.setChecked(True)
    assert not dialog.since.isEnabled()
