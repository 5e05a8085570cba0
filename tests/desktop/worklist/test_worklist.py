"""Rows, their order and their filters: worked out by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_desktop.inference.lanes import DEFAULT_POLICY, Lane, TriagePolicy
from cxr_desktop.inference.urgency import urgency
from cxr_desktop.inference.verdict import Provenance, Refused, Score, Scored, Timings
from cxr_desktop.intake.prepared import FilmFacts
from cxr_desktop.store.records import Opinion, Read, StoredFilm
from cxr_desktop.worklist.companions import caption, companions
from cxr_desktop.worklist.order import HIDDEN, Column, View, arrange, text
from cxr_desktop.worklist.reading import NotReadableYetError, Readings
from cxr_desktop.worklist.row import Row
from cxr_desktop.worklist.sheet import Sheet
from cxr_shared.film import Identity, ViewPosition
from cxr_shared.findings import Target

HOUR = 3600.0
ORIGIN = Provenance("toy", "b" * 64, "CPU", "as asked", 3, "NOT FOR CLINICAL USE")


def scored(name: str, identity: Identity | None = None, **logits: float) -> Scored:
    """A verdict; thresholds are 0.5, so a positive logit fires."""
    targets = {Target[key.upper()]: value for key, value in logits.items()}
    scores = {target: Score(target, logit, 0.5) for target, logit in targets.items()}
    facts = FilmFacts((10, 10), ViewPosition.PA, None, identity or Identity(), 8, "PNG", f"sha-{name}")
    return Scored(
        source=Path(name),
        facts=facts,
        scores=scores,
        maps={target: np.zeros((1, 1), np.float32) for target in scores},
        peaks={},
        urgency=urgency(scores.values()),
        timings=Timings(),
        provenance=ORIGIN,
    )


def sheet_of(*verdicts: Scored | Refused, at: float = 0.0) -> Sheet:
    sheet = Sheet()
    sheet.add([verdict.source for verdict in verdicts], at=at)
    for verdict in verdicts:
        sheet.judge(verdict)
    return sheet


def names(sheet: Sheet, view: View = View(), now: float = 0.0) -> list[str]:  # noqa: B008
    return [row.source.name for row in arrange(sheet.rows, view, sheet.policy, now=now)]


@pytest.fixture
def sheet() -> Sheet:
    return sheet_of(
        scored("calm", anomaly=-3, hernia=-3),
        scored("hernia", anomaly=3, hernia=3),
        scored("odd", anomaly=-3, hernia=3),
        scored("gas", anomaly=3, pneumothorax=3),
        Refused(Path("lateral"), "lateral-view", "This is a lateral view.", ORIGIN, sha256="sha-lateral"),
        scored("lone", hernia=-3),
    )


def test_lanes_by_hand(sheet: Sheet) -> None:
    assert {row.source.name: row.lane for row in sheet.rows} == {
        "calm": Lane.NORMAL,
        "hernia": Lane.ABNORMAL,
        "odd": Lane.DISAGREEMENT,
        "gas": Lane.URGENT,
        "lateral": Lane.REFUSED,
        "lone": Lane.UNCONFIRMED,
    }


def test_the_triage_order_is_by_lanes_and_never_sorts_a_refused_film_as_normal(sheet: Sheet) -> None:
    assert names(sheet) == ["gas", "hernia", "odd", "lateral", "lone", "calm"]


def test_an_old_film_overtakes_and_a_read_one_goes_last(sheet: Sheet) -> None:
    fresh = scored("fresh", anomaly=3, hernia=2)
    sheet.add([fresh.source], at=45 * HOUR)
    sheet.judge(fresh)
    # After 40 hours at 8 hours a lane the normal film (lane 6) stands among lane 1, the fresh one too; it is graver.
    assert names(sheet, now=40 * HOUR).index("fresh") < names(sheet, now=40 * HOUR).index("calm")
    assert names(sheet, now=48 * HOUR).index("calm") < names(sheet, now=48 * HOUR).index("fresh")
    sheet.rows[3].read = Read("sha-gas", "", {}, finished=True)
    assert names(sheet, now=48 * HOUR)[-1] == "gas"


@given(st.floats(0, 1e6), st.floats(0, 50))
def test_arranging_loses_no_film(now: float, ageing: float) -> None:
    sheet = sheet_of(scored("a", anomaly=1), scored("b", hernia=1), scored("c", mass=-1))
    sheet.follow(TriagePolicy(ageing_hours=ageing))
    assert sorted(names(sheet, now=now)) == ["a", "b", "c"]


def test_filters(sheet: Sheet) -> None:
    assert names(sheet, View(lane=Lane.NORMAL)) == ["calm"]
    assert names(sheet, View(search="HERNIA abnormal")) == ["hernia"]
    assert names(sheet, View(search="lateral view")) == ["lateral"]
    sheet.rows[0].read = Read("sha-calm", "", {}, finished=True)
    assert "calm" not in names(sheet, View(unread=True))


def test_sorting_by_a_column_is_natural_and_turns_around() -> None:
    sheet = sheet_of(scored("film-10"), scored("film-9"))
    assert names(sheet, View(column=Column.FILM)) == ["film-9", "film-10"]
    assert names(sheet, View(column=Column.FILM, descending=True)) == ["film-10", "film-9"]


def test_films_of_a_patient_stand_at_the_place_of_the_most_urgent() -> None:
    one, two = Identity(patient_id="1"), Identity(patient_id="2")
    sheet = sheet_of(
        scored("calm-1", one, anomaly=-3, hernia=-3),
        scored("mild-2", two, anomaly=3, hernia=3),
        scored("grave-1", one, anomaly=3, pneumothorax=3),
    )
    assert names(sheet, View(grouped=True)) == ["grave-1", "calm-1", "mild-2"]


def test_hidden_patient_data_are_neither_shown_nor_found() -> None:
    who = Identity("4711", "Doe^Jane", "058Y", "F", acquired="2026-01-02")
    sheet = sheet_of(scored("doe-jane.dcm", who, hernia=-3))
    row, hidden = sheet.rows[0], View(hidden=True)
    assert [text(row, column, View()) for column in (Column.PATIENT, Column.AGE)] == ["4711 · Doe Jane", "58"]
    shown = " ".join(text(row, column, hidden) for column in Column)
    assert not any(word in shown for word in ("4711", "Doe", "Jane", "58", "2026", "doe"))
    assert text(row, Column.FILM, hidden) == "Film 1"
    assert text(row, Column.PATIENT, hidden) == HIDDEN
    assert names(sheet, dataclasses.replace(hidden, search="doe")) == []


def test_reading_blind_shows_neither_score_nor_lane_nor_order(sheet: Sheet) -> None:
    blind = View(blind=True)
    assert names(sheet, blind) == ["calm", "hernia", "odd", "gas", "lateral", "lone"]
    row = sheet.rows[3]
    assert {text(row, column, blind) for column in (Column.LANE, Column.URGENCY, Column.DISAGREEMENT)} == {"–"}
    assert names(sheet, View(blind=True, lane=Lane.URGENT)) == []
    row.read = Read(row.sha256, "", {}, blind=True)
    assert text(row, Column.LANE, blind) == "urgent"


def test_another_bundle_marks_scores_and_never_mixes_them(sheet: Sheet) -> None:
    sheet.age_verdicts()
    assert {row.lane for row in sheet.rows} == {Lane.WAITING}
    assert sheet.rows[3].state == "older bundle"
    assert sheet.worklist(ORIGIN).verdicts == []
    assert len(sheet.waiting()) == 6
    stored = StoredFilm(Path("gas"), 0.0, "sha-gas", scored("gas", pneumothorax=3), stale=False, read=None)
    sheet.recall([stored])
    assert sheet.rows[3].lane is Lane.URGENT
    assert len(sheet.rows) == 6


def test_other_weights_reorder_and_come_back(sheet: Sheet) -> None:
    sheet.follow(TriagePolicy(weights={Target.PNEUMOTHORAX: 0.1, Target.HERNIA: 1.0, Target.ANOMALY: 0.1}))
    assert names(sheet)[0] == "hernia"
    sheet.follow(DEFAULT_POLICY)
    assert names(sheet)[0] == "gas"


def test_taken_off_and_put_back(sheet: Sheet) -> None:
    row = sheet.rows[1]
    sheet.remove([row])
    assert sheet.row_of(row.source) is None
    assert sheet.new_among([row.source]) == [row.source]
    sheet.put_back([row])
    assert sheet.row_of(row.source) is row


Save = Callable[[Read], Read]


@pytest.fixture
def kept() -> list[Read]:
    return []


@pytest.fixture
def readings(sheet: Sheet, kept: list[Read]) -> Readings:
    def save(read: Read) -> Read:
        kept.append(dataclasses.replace(read, at=f"2026-01-01T00:00:{len(kept):02d}"))
        return kept[-1]

    return Readings(sheet, save)


def test_opinions_are_kept_and_undone_one_by_one(sheet: Sheet, readings: Readings, kept: list[Read]) -> None:
    row = sheet.rows[1]
    readings.say(row, Target.HERNIA, Opinion.AGREE)
    readings.say(row, Target.ANOMALY, Opinion.DISAGREE)
    readings.finish(row, finished=True)
    assert row.read is not None
    assert row.read.opinions == {Target.HERNIA: Opinion.AGREE, Target.ANOMALY: Opinion.DISAGREE}
    assert (row.state, row.read.bundle_sha256) == ("read", ORIGIN.bundle_sha256)
    assert readings.undo() == "marked read"
    assert readings.undo() == "disagree on anomaly"
    assert row.read.opinions == {Target.HERNIA: Opinion.AGREE}
    assert len(kept) == 5  # undoing keeps one more state and takes none away


def test_blind_calls_become_agreement_with_the_models(sheet: Sheet, readings: Readings) -> None:
    row = sheet.rows[2]  # anomaly model says normal, hernia fires
    readings.call(row, Target.HERNIA, seen=False)
    readings.call(row, Target.ANOMALY, seen=False)
    readings.commit(row)
    assert row.read is not None
    assert row.read.blind
    assert row.read.opinions == {Target.HERNIA: Opinion.DISAGREE, Target.ANOMALY: Opinion.AGREE}


def test_a_film_that_was_not_read_yet_keeps_no_opinion(readings: Readings) -> None:
    with pytest.raises(NotReadableYetError, match="not read from its file"):
        readings.finish(Row(1, Path("new")), finished=True)


def test_equal_films_share_one_reading() -> None:
    verdict = scored("a", hernia=1)
    sheet = sheet_of(verdict, dataclasses.replace(verdict, source=Path("copy-of-a")))
    Readings(sheet, lambda read: read).finish(sheet.rows[0], finished=True)
    assert [row.finished for row in sheet.rows] == [True, True]


def test_companions_are_of_the_same_patient_the_same_study_first() -> None:
    def film(name: str, study: str, day: str, patient: str = "7") -> Scored:
        return scored(name, Identity(patient_id=patient, study_uid=study, acquired=day), hernia=-1)

    sheet = sheet_of(
        film("now", "s3", "2026-03-03"),
        film("oldest", "s1", "2024-01-01"),
        film("lateral", "s3", "2026-03-03"),
        film("prior", "s2", "2025-12-31"),
        film("later", "s4", "2026-09-09"),
        film("stranger", "s3", "2026-03-03", patient="8"),
        film("nobody", "s3", "2026-03-03", patient=""),
    )
    now, beside = sheet.rows[0], companions(sheet.rows[0], sheet.rows)
    assert [row.source.name for row in beside] == ["lateral", "prior", "oldest", "later"]
    captions = ["same study", "prior, 2025-12-31", "prior, 2024-01-01", "later, 2026-09-09"]
    assert [caption(now, row) for row in beside] == captions
    hidden = [caption(now, row, hidden=True) for row in beside]
    assert hidden == ["same study", "prior", "prior", "later"]
    assert companions(sheet.rows[-1], sheet.rows) == []


def test_what_was_said_of_another_bundles_scores_is_not_said_of_these(
    sheet: Sheet, readings: Readings, kept: list[Read]
) -> None:
    row = sheet.rows[1]
    readings.say(row, Target.HERNIA, Opinion.DISAGREE)
    readings.write(row, "old fracture")
    other = dataclasses.replace(ORIGIN, bundle_sha256="c" * 64)
    sheet.judge(dataclasses.replace(scored("hernia", anomaly=3, hernia=3), provenance=other))
    assert row.opinions == {}
    readings.say(row, Target.ANOMALY, Opinion.AGREE)
    assert row.opinions == {Target.ANOMALY: Opinion.AGREE}
    assert (kept[-1].bundle_sha256, kept[-1].note) == ("c" * 64, "old fracture")
    assert kept[0].opinions == {Target.HERNIA: Opinion.DISAGREE}


def test_a_film_that_was_read_is_found_by_its_new_state(sheet: Sheet, readings: Readings) -> None:
    assert "hernia" in names(sheet, View(search="scored"))
    readings.finish(sheet.rows[1], finished=True)
    assert "hernia" not in names(sheet, View(search="scored"))
    assert names(sheet, View(column=Column.STATE))[0] == "hernia"  # read, then refused, then scored
