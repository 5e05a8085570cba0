"""What is said of a film goes to the peer that the network file names, or the reason why not is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest

from cxr_desktop.inference.verdict import Scored
from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.pacs.config import DimsePeer, NetworkConfig, Peer, ReturnConfig, WebPeer
from cxr_desktop.pacs.send import show
from cxr_desktop.pacs.send.entries import Outcome, State
from cxr_desktop.pacs.send.errors import EntryUnknown, OutboxInUse
from cxr_desktop.pacs.send.outbox import Outbox
from cxr_desktop.pacs.send.results import Queued, queue_results
from cxr_desktop.report import Worklist
from cxr_shared.bundle import Bundle

from .material import small_object

PEERS = (
    Peer(name="archive", dimse=DimsePeer(ae_title="PACS", host="127.0.0.1", port=1)),
    Peer(name="web", web=WebPeer(url="https://pacs.example")),
)
Queue = Callable[..., Queued]


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox") as outbox:
        yield outbox


@pytest.fixture
def queue(outbox: Outbox, scored: Worklist, report_bundle: Bundle, pool: DecodePool) -> Queue:
    """Queue a film's results, its file being another one where that is given."""

    def run(to: str, *, film: Path | None = None, objects: tuple[str, ...] = ("SR",)) -> Queued:
        verdict = scored.verdicts[0]
        assert isinstance(verdict, Scored)
        if film is not None:
            verdict = dataclasses.replace(verdict, source=film)
        config = NetworkConfig(peers=PEERS, returns=ReturnConfig(to=to, objects=objects))  # type: ignore[arg-type]
        return queue_results(outbox, config, verdict, report_bundle.manifest, pool)

    return run


def test_a_film_goes_to_the_peer_that_is_named_once(queue: Queue, outbox: Outbox, scored: Worklist) -> None:
    assert queue("archive") == Queued("archive", 1)
    assert queue("archive") == Queued("archive", 0)
    assert queue("web") == Queued("web", 1)
    assert [(entry.peer, entry.kind) for entry in outbox.entries()] == [("archive", "SR"), ("web", "SR")]
    verdict = scored.verdicts[0]
    assert isinstance(verdict, Scored)
    assert {entry.film for entry in outbox.entries()} == {verdict.sha256}


def test_kinds_are_those_that_are_named(queue: Queue, outbox: Outbox) -> None:
    queue("archive", objects=("SC", "SEG"))
    assert {entry.kind for entry in outbox.entries()} == {"SC", "SEG"}
    queue("archive", objects=("SR", "SC", "SEG"))
    assert {entry.kind for entry in outbox.entries()} == {"SR", "SC", "SEG"}


@pytest.mark.parametrize(("origin", "peer"), [("PACS", "archive"), ("web", "web")])
def test_a_film_goes_back_to_where_it_came_from(
    queue: Queue, change: Callable[..., Path], origin: str, peer: str
) -> None:
    film = change("film.dcm")
    dataset = pydicom.dcmread(film)
    dataset.file_meta.SourceApplicationEntityTitle = origin
    dataset.save_as(film)
    assert queue("source", film=film).peer == peer


def test_reasons_are_given_without_the_films_name(queue: Queue, change: Callable[..., Path], tmp_path: Path) -> None:
    film = change("Doe-Jane.dcm")
    dataset = pydicom.dcmread(film)
    dataset.file_meta.SourceApplicationEntityTitle = "STRANGER"
    dataset.save_as(film)
    (tmp_path / "Doe-Jane.png").write_bytes(b"\x89PNG no film")
    unknown = change("Doe-Jane-2.dcm")
    reasons = {
        "returned nowhere": queue(""),
        "'STRANGER'": queue("source", film=film),
        "does not say where it came from": queue("source", film=unknown),
        "is no DICOM file": queue("archive", film=tmp_path / "Doe-Jane.png"),
        "could not be read again": queue("archive", film=tmp_path / "gone.dcm"),
        "no valid StudyInstanceUID": queue("archive", film=change("Doe-3.dcm", StudyInstanceUID=None)),
    }
    for words, queued in reasons.items():
        assert words in queued.reason
        assert queued.added == 0
        assert "Doe" not in queued.reason


def fill(folder: Path) -> None:
    with Outbox(folder) as outbox:
        outbox.add([small_object() for _ in range(4)], to="pacs", film="f" * 64)
        for number, state in ((1, State.SENT), (2, State.REFUSED), (3, State.UNCONFIRMED)):
            outbox.begin(number)
            outbox.record(Outcome(number, state, f"because {number}"))


def test_the_list_shows_what_is_open_and_names_no_patient(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    assert show.run(tmp_path) == 0
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["2", "3", "4"]
    assert "refused" in lines[0]
    assert lines[0].endswith("pacs  1 attempt: because 2")
    assert lines[-1] == "1 waiting, 1 unconfirmed, 1 sent, 1 refused"
    assert "SECRET" not in shown.upper()
    show.run(tmp_path, every=True)
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_a_person_decides_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    show.run(tmp_path, retry=True, resend=[3], abandon=[4])
    assert "3 waiting" not in capsys.readouterr().out.splitlines()[-1]
    with Outbox(tmp_path) as outbox:
        assert [entry.state for entry in outbox.entries()] == [
            State.SENT,
            State.WAITING,
            State.WAITING,
            State.ABANDONED,
        ]
    with pytest.raises(EntryUnknown, match="no entry 99"):
        show.run(tmp_path, abandon=[99])


def test_the_list_says_when_there_is_none_or_another_has_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show.run(tmp_path / "none") == 0
    assert "nothing was returned yet" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()
    with Outbox(tmp_path), pytest.raises(OutboxInUse):
        show.run(tmp_path)
