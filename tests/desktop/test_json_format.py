"""The worklist's JSON file is what its published description says.

A model leaves out what it does not know, so a file that comes back whole holds nothing that is not described.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cxr_desktop.batch import Reports, score_all
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.lanes import Lane
from cxr_desktop.inference.verdict import GateReading, Refused
from cxr_desktop.intake.pool import MakePool
from cxr_desktop.report import Worklist
from cxr_desktop.report.film_page import Reading
from cxr_desktop.report.json_file import SCHEMA, worklist_document
from cxr_desktop.report.json_format import LaneName, WorklistFile
from cxr_shared.bundle import Bundle
from cxr_shared.film import RefusalKind


def read_whole(document: dict[str, Any]) -> WorklistFile:
    text = json.dumps(document, allow_nan=False)
    read = WorklistFile.model_validate_json(text)
    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == json.loads(text)
    return read


@pytest.fixture
def worklist(bundle: Bundle, films: dict[str, Path], make_dicom: Callable[..., Path], warm_pools: MakePool) -> Worklist:
    dicom = make_dicom(films["dark"].parent / "film.dcm")
    lateral = make_dicom(films["dark"].parent / "lateral.dcm", orientation=("A", "F"))
    return score_all([*films.values(), dicom, lateral], bundle, wanted=Wanted.CPU, make_pool=warm_pools)


def test_scored_and_refused_films_are_described(worklist: Worklist) -> None:
    read = read_whole(worklist_document(worklist))
    assert read.schema_ == SCHEMA
    assert {film.state for film in read.films} == {"scored", "refused"}
    assert any(film.identity.sop_uid for film in read.films)


def test_what_readers_said_and_the_films_distance_are_described(worklist: Worklist) -> None:
    read = next(verdict.source for verdict in worklist.ordered())
    said = {read: Reading("Read", ("Pneumothorax: agree",), "a note")}
    far = Refused(Path("cat.png"), "not-a-chest-film", "Too far.", worklist.provenance, gate=GateReading(9.0, 1.5))
    worklist.add(far)
    worklist.found += 1
    document = read_whole(worklist_document(worklist, said))
    assert [film.reading.note for film in document.films if film.reading] == ["a note"]
    assert [film.gate.distance for film in document.films if film.gate] == [9.0]


def test_a_deidentified_file_is_described(
    worklist: Worklist, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXR_PSEUDONYM_KEY", str(tmp_path / "key"))
    Reports(json=tmp_path / "w.json", deidentified=True).write(worklist, bundle)
    assert read_whole(json.loads((tmp_path / "w.json").read_text("utf-8"))).deidentified


def test_each_lane_of_a_scored_list_has_its_name_in_the_description() -> None:
    assert set(LaneName.__args__) == {lane.words for lane in Lane if lane is not Lane.WAITING}  # type: ignore[attr-defined]


def test_refusals_named_in_the_description_exist() -> None:
    from cxr_desktop.report.json_format import RefusalEntry

    text = str(RefusalEntry.model_fields["kind"].description)
    assert {RefusalKind.LATERAL.value, RefusalKind.UNDECODABLE.value} <= set(
        text.replace("`", " ").replace(",", " ").split()
    )
