"""The film gate, on a toy whose distance is one less the mean grey: films darker than a quarter are refused."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from cxr_desktop import selftest
from cxr_desktop.batch import Reports, score_all
from cxr_desktop.inference.engine import Engine
from cxr_desktop.inference.kinds import CPU as ON_THE_CPU
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.lanes import Lane, lane_of
from cxr_desktop.inference.providers import Provider
from cxr_desktop.inference.toy import write_toy_bundle
from cxr_desktop.inference.triage import provenance_of, score_films
from cxr_desktop.inference.verdict import NOT_A_CHEST_FILM, GateReading, Refused, Scored
from cxr_desktop.intake.pool import MakePool
from cxr_desktop.intake.prepared import FilmFacts, Prepared
from cxr_shared.bundle import Bundle, open_bundle
from cxr_shared.film import Identity, ViewPosition
from cxr_shared.findings import Target

METERS = {Target.ANOMALY: (4.0, -1.0), Target.EFFUSION: (12.0, -8.0)}
CPU = Provider(ON_THE_CPU, "as asked")


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("bundle") / "gated.cxr"
    write_toy_bundle(path, METERS, size=64, darkest=0.25)
    return open_bundle(path)


def _prepared(grey: int) -> Prepared:
    facts = FilmFacts((64, 64), ViewPosition.PA, None, Identity(), 8, "PNG")
    return Prepared(Path(f"{grey}.png"), facts, np.full((64, 64), grey, np.uint8), None, 1.0)


def test_what_is_no_chest_film_is_refused_in_a_sentence_and_its_neighbours_are_scored(gated: Bundle) -> None:
    engine = Engine(gated, threads=1)
    bright, dark = score_films([_prepared(204), _prepared(51)], engine, provenance_of(engine, CPU))
    assert isinstance(bright, Scored)
    assert isinstance(dark, Refused)
    assert bright.gate == GateReading(pytest.approx(0.2, abs=1e-6), 0.75)  # type: ignore[arg-type]
    assert dark.gate == GateReading(pytest.approx(0.8, abs=1e-6), 0.75)  # type: ignore[arg-type]
    assert (dark.kind, lane_of(dark)) == (NOT_A_CHEST_FILM, Lane.REFUSED)
    assert "distance 0.80, at most 0.75" in dark.message
    assert "Look at it yourself" in dark.message
    assert dark.timings.read == 1.0


def test_reports_say_how_far_each_film_was(
    gated: Bundle, films: dict[str, Path], tmp_path: Path, warm_pools: MakePool
) -> None:
    worklist = score_all(
        [films["bright"], films["dark"], films["broken"]], gated, wanted=Wanted.CPU, make_pool=warm_pools
    )
    reports = Reports(json=tmp_path / "w.json", csv=tmp_path / "w.csv", html=tmp_path / "w.html")
    reports.write(worklist, gated)
    document = json.loads((tmp_path / "w.json").read_text())
    bright, broken, dark = sorted(document["films"], key=lambda film: film["file"])
    assert bright["gate"] == {"distance": pytest.approx(1 - 220 / 255, abs=0.02), "threshold": 0.75}
    assert dark["gate"]["distance"] == pytest.approx(1 - 40 / 255, abs=0.02)
    assert dark["refusal"]["kind"] == "not-a-chest-film"
    assert "gate" not in broken, "a file that was not read was not measured"
    assert document["counts"]["refused"] == 2
    with (tmp_path / "w.csv").open(newline="") as stream:
        rows = {Path(row["file"]).stem: row for row in csv.DictReader(stream)}
    assert float(rows["dark"]["gate_distance"]) == pytest.approx(dark["gate"]["distance"], abs=1e-4)
    assert (rows["dark"]["refusal"], rows["dark"]["effusion"]) == ("not-a-chest-film", "")
    assert rows["broken"]["gate_distance"] == ""
    assert "does not look like a frontal chest film" in (tmp_path / "w.html").read_text()


def test_a_gate_that_gives_no_distance_lets_nothing_through(gated: Bundle) -> None:
    """Effusion's file has no output of that name: the film fails, and is not scored as if it had passed."""
    assert gated.manifest.gate is not None
    wrong = gated.manifest.gate.model_copy(update={"target": Target.EFFUSION})
    engine = Engine(dataclasses.replace(gated, manifest=gated.manifest.model_copy(update={"gate": wrong})), threads=1)
    (verdict,) = score_films([_prepared(204)], engine, provenance_of(engine, CPU))
    assert isinstance(verdict, Refused)
    assert verdict.kind == "inference-failed"


def test_a_bundle_without_a_gate_scores_any_picture(bundle: Bundle) -> None:
    engine = Engine(bundle, threads=1)
    (verdict,) = score_films([_prepared(0)], engine, provenance_of(engine, CPU))
    assert isinstance(verdict, Scored)
    assert verdict.gate is None


def test_the_self_test_passes_where_the_gate_knows_no_phantoms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "strict.cxr"
    write_toy_bundle(path, METERS, size=64, darkest=1.0)
    assert selftest.run(path, window=False) == 0
    assert "film gate knows no phantoms" in capsys.readouterr().out
