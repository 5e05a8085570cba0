"""What the gate lets through."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from once import made_once

import cxr_export.parity
import cxr_export.precisions
from cxr_export.errors import ExportRefused
from cxr_export.films import CheckFilms, check_films
from cxr_export.graph import Graph
from cxr_export.parity import Trained, accepted_tolerance, logit_cuts, run_onnx, shortfall
from cxr_export.precisions import Files, model_files, parse_precisions
from cxr_export.write import write_bundle
from cxr_shared.bundle import AucChange, Bundle, Calibration, Interval, OperatingPoint, Parity, Tolerance, open_bundle
from cxr_shared.files import write_json
from cxr_shared.findings import Target
from cxr_shared.opencv import cv2
from cxr_trainer.fit.run import Run


def point(name: str, threshold: float) -> OperatingPoint:
    return OperatingPoint(name=name, threshold=threshold, sensitivity=0.9, specificity=0.9)


def interval(value: float) -> Interval:
    return Interval(value=value, low=value - 0.05, high=min(1.0, value + 0.05))


def parity(*, after: float = 0.9, flips: float = 0.0, **fields) -> Parity:
    given = {
        "films": 200,
        "source": "films of the run",
        "max_logit_difference": 0.234,
        "mean_logit_difference": 0.05,
        "max_map_mean_difference": 1e-6,
        "auc": AucChange(before=interval(0.9), after=interval(after)),
        "flips": {"high-sensitivity": 0.2, "balanced": flips},
    }
    return Parity(**(given | fields))


@pytest.fixture
def trained() -> Trained:
    films = CheckFilms(
        np.zeros((1, 4, 4), np.uint8), None, np.array(["1"], object), np.zeros(1, bool), "a film", np.zeros((0, 4, 4))
    )
    return Trained(films, np.zeros(1), {"high-sensitivity": -1.0, "balanced": 0.0})


def test_cuts_are_thresholds_before_calibration() -> None:
    points = [point("balanced", 0.8), point("high-specificity", 1.0), point("high-sensitivity", 0.0)]
    cuts = logit_cuts(points, Calibration(method="platt", slope=2.0, offset=0.5, films=9))
    assert cuts["balanced"] == pytest.approx((math.log(4) - 0.5) / 2)
    assert cuts["high-specificity"] == math.inf
    assert cuts["high-sensitivity"] == -math.inf


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (parity(), None),
        (parity(after=0.8901, flips=0.01), None),
        (parity(after=0.95), None),
        (parity(after=0.889), "AUC on 200 films falls from 0.9000 to 0.8890"),
        (parity(flips=0.015), "3 of 200 films cross the balanced"),
        (parity(unseen_films=116, unseen_flips={"balanced": 1 / 116}), None),
        (
            parity(unseen_films=116, unseen_flips={"balanced": 2 / 116}),
            "2 of 116 films not trained on cross the balanced",
        ),
        (parity(unseen_films=60, unseen_flips={"balanced": 1 / 60}), None),
        (parity(gate_flips=0.015), "3 of 200 films cross the film gate"),
        (parity(auc=None), "cannot be told from 200 films of the run"),
        (parity(max_map_mean_difference=2e-4), "means of its maps"),
    ],
)
def test_a_reduced_precision_passes_or_says_why_not(trained: Trained, measured: Parity, reason: str | None) -> None:
    said = shortfall(measured, trained, Tolerance())
    assert said is None if reason is None else reason in (said or "")


@pytest.mark.parametrize(("largest", "stated"), [(0.234, 0.3), (0.3, 0.3), (1.01, 2.0), (2e-5, 1e-4)])
def test_an_accepted_tolerance_covers_what_was_measured(largest: float, stated: float) -> None:
    assert accepted_tolerance(parity(max_logit_difference=largest), Tolerance()).logit == stated


def test_precisions_are_read_from_a_list() -> None:
    assert parse_precisions("int8, FLOAT16") == ("float32", "float16", "int8")
    assert parse_precisions("") == ("float32",)
    with pytest.raises(ExportRefused, match="no precision 'int4'"):
        parse_precisions("float32,int4")


def _write_run(root: Path, run: Run) -> None:
    """Give a run a data folder: 30 films of 15 patients, bright squares where the finding is, with boxes."""
    data = root / "data"
    (data / "images").mkdir(parents=True)
    generator = np.random.default_rng(5)
    rows, boxes, split = [], [], []
    for i in range(30):
        name, label, part = f"{i:08d}_000.png", i % 2, ("train", "validation", "test")[i // 2 % 3]
        picture = generator.normal(100, 20, (96, 96)) + 60 * generator.random()
        if label:
            picture[20:50, 30:60] += 80
            boxes.append(f"{name},Hernia,30,20,30,30")
        cv2.imwrite(str(data / "images" / name), np.clip(picture, 0, 255).astype(np.uint8))
        rows.append(f"{name},{'Hernia' if label else 'No Finding'},0,{i // 2},50,F,PA")
        split.append((name, str(i // 2), part, label))
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
    (data / "Data_Entry_2017.csv").write_text("\n".join([header, *rows]) + "\n")
    (data / "BBox_List_2017.csv").write_text("\n".join(["Image Index,Finding Label,Bbox [x,y,w,h],,,", *boxes]) + "\n")
    columns = ["image", "patient", "part", "label"]
    pd.DataFrame(split, columns=columns).to_parquet(run.folder / "split.parquet")
    write_json(run.folder / "state" / "session.json", run.session() | {"data": str(data)})


ALL = ("float32", "float16", "int8")


@pytest.fixture(scope="module")
def material(run_maker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with films, its bundle in all precisions, and what was reported."""

    def make(root: Path) -> None:
        run = run_maker(root / "runs", Target.HERNIA)
        _write_run(root, run)
        lines: list[str] = []
        write_bundle([run], root / "one.cxr", precisions=ALL, report=lines.append)
        (root / "report.txt").write_text("\n".join(lines))

    return made_once(tmp_path_factory, "with-films", make)


@pytest.fixture(scope="module")
def run_with_films(material: Path) -> Run:
    (folder,) = (material / "runs").iterdir()
    return Run.open(folder)


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_test_films_come_first_and_are_never_calibrated_on(run_with_films) -> None:
    films = check_films(run_with_films, run_with_films.recipe().input)
    assert films.source == "films of the run (10 test, 10 validation, 10 training)"
    assert films.labels is not None
    split = pd.read_parquet(run_with_films.folder / "split.parquet")
    expected = [split.loc[split["part"] == part, "label"].tolist() for part in ("test", "validation", "train")]
    assert films.labels.tolist() == [label for part in expected for label in part]
    assert len(films.calibration) == 10
    part_of = {film.tobytes(): i // 10 for i, film in enumerate(films.pixels)}  # 0 test, 1 validation, 2 training
    assert {part_of[film.tobytes()] for film in films.calibration} == {1}


@pytest.fixture(scope="module")
def exported(material: Path) -> tuple[Bundle, list[str]]:
    return open_bundle(material / "one.cxr"), (material / "report.txt").read_text().splitlines()


def test_a_bundle_holds_int8_with_its_parity_and_localisation(exported) -> None:
    bundle, lines = exported
    entry = bundle.manifest.models[0]
    tried = {each.precision for each in (*entry.files, *entry.fallbacks)}
    assert set(ALL) <= tried
    assert entry.files[0].parity.max_logit_difference <= 1e-4
    for each in entry.files:
        assert each.parity.unseen_films == 0 or set(each.parity.unseen_flips) == {"balanced"}
    for each in entry.files[1:]:
        assert each.parity.max_logit_difference <= each.tolerance.logit
        assert each.parity.auc is not None
        assert set(each.parity.flips) == {"balanced"}
    (found,) = entry.localisation
    assert found.films == 5
    assert "none of a patient trained or validated on" in found.source
    assert any(line.startswith(("Hernia, int8", "Hernia, mixed")) for line in lines)


def _judged(run, bundle: Bundle, lines: list[str]) -> Files:
    """The files of the bundle's own float32 model, made and judged once more."""
    films = check_films(run, run.recipe().input)
    data = bundle.model(Target.HERNIA)
    trained = Trained(films, run_onnx(data, films.pixels)[0], {"balanced": 0.0})
    return model_files(Target.HERNIA, Graph(data, 18, (2, 2)), trained, precisions=ALL, report=lines.append)


def test_what_fails_falls_back_and_is_said(run_with_films, exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cxr_export.parity, "LARGEST_AUC_LOSS", -1.0)  # no file can gain that much
    lines: list[str] = []
    files = _judged(run_with_films, exported[0], lines)
    assert [each.precision for each in files.entries] == ["float32"]
    assert [each.precision for each in files.fallbacks] == ["float16", "int8", "mixed"]
    assert "AUC on 30 films" in files.fallbacks[1].reason
    assert "8 of 27 layers in float32: its AUC" in files.fallbacks[2].reason
    assert sum("left out" in line for line in lines) == 3


def test_mixed_stands_in_for_int8(run_with_films, exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate refuses the first two offers, float16 and INT8, and takes the third, INT8 but for one layer."""
    said = iter(["it is bad", "it is bad", None])
    monkeypatch.setattr(cxr_export.precisions, "shortfall", lambda *_: next(said))
    lines: list[str] = []
    files = _judged(run_with_films, exported[0], lines)
    assert [each.precision for each in files.entries] == ["float32", "mixed"]
    assert [(each.precision, each.reason) for each in files.fallbacks] == [
        (p, "it is bad") for p in ("float16", "int8")
    ]
    assert "Hernia, mixed (1 of 27 layers in float32)" in lines[-1]
    kinds = Counter(node.op_type for node in onnx.load_model_from_string(files.data["hernia.mixed.onnx"]).graph.node)
    assert kinds["Conv"] == 28


@pytest.mark.slow
def test_the_same_run_gives_the_same_bundle(run_with_films, exported, tmp_path: Path) -> None:
    write_bundle([run_with_films], tmp_path / "one.cxr", precisions=ALL)
    assert (tmp_path / "one.cxr").read_bytes() == exported[0].path.read_bytes()
