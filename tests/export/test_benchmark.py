"""The benchmark: contenders take turns, ratios are to onnxruntime's DenseNet, what fails says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cxr_desktop.inference.toy import write_toy_bundle
from cxr_export.benchmark.films import DICOM_SIDE, benchmark_films
from cxr_export.benchmark.process import Measured
from cxr_export.benchmark.run import ORT, TORCH, Benchmark, Contender, Stages, benchmark
from cxr_export.benchmark.table import document, show
from cxr_export.errors import BenchmarkFailed
from cxr_shared.film import Film, read_film
from cxr_shared.findings import Target


def _found() -> Benchmark:
    return Benchmark(
        bundle="chest",
        device="a processor",
        threads=2,
        rounds=2,
        contenders=(
            Contender(TORCH, 1, [54.0, 50.0, 58.0], peak_mb=400.0),
            Contender(ORT, 1, [30.0, 32.0, 31.0], peak_mb=200.0),
            Contender("(c) 15 models with maps, int8, side by side", 15, [24.0, 24.8, 25.0], 300.0, 350.0),
            Contender("(c) 15 models with maps, float32, stacked", 15, failure="the models are not alike"),
        ),
        plan="int8, side by side",
        start_s=1.2,
        stages=(Stages("DICOM, 3000², 12 bits", 20.0, 30.0, 25.0), Stages("PNG", 10.0, 3.0, 25.0)),
        films_source="24 phantoms of 1024²",
        films_per_second=31.5,
        films_counted=120,
        films_refused=1,
        batch_peak_mb=500.0,
    )


def test_ratios_are_of_medians_to_the_same_network_in_onnxruntime() -> None:
    found = document(_found())
    ratios = [each["of_b"] for each in found["contenders"]]
    assert ratios[:3] == pytest.approx([54 / 31, 1.0, 0.8])
    assert ratios[3] is None
    assert found["schema"] == "cxr-benchmark/1"
    json.dumps(found, allow_nan=False)


def test_the_table_holds_every_figure_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    show(_found())
    printed = capsys.readouterr().out
    for words in ("a processor, 2 threads", "0.80×", "1.74×", "the models are not alike", "75.0", "38.0", "31.5 films"):
        assert words in printed
    assert "1 refused" in printed


def test_a_process_that_ends_is_explained() -> None:
    with Measured("this", []) as ended, pytest.raises(BenchmarkFailed, match="ended while it was measured"):
        ended.ask("score", runs=1)


def test_its_films_are_a_large_dicom_and_pngs(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.png").write_bytes(b"")
    made = benchmark_films(tmp_path, tmp_path / "films")
    film = read_film(made.dicom)
    assert isinstance(film, Film)
    assert (film.shape, film.bits, len(made.batch)) == ((DICOM_SIDE, DICOM_SIDE), 12, 1)


def test_a_folder_without_films_is_refused(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    with pytest.raises(BenchmarkFailed, match="holds no PNG"):
        benchmark_films(tmp_path, tmp_path / "films")


@pytest.mark.slow
def test_a_bundle_is_measured_from_file_to_scores(tmp_path: Path) -> None:
    path = tmp_path / "toy.cxr"
    write_toy_bundle(path, {Target.ANOMALY: (4.0, -1.0), Target.EFFUSION: (3.0, -2.0)})
    found = benchmark(path, films=None, rounds=1)
    assert [each.name for each in found.contenders[:2]] == [TORCH, ORT]
    assert all(each.times or each.failure for each in found.contenders)
    assert found.films_counted >= 120
    assert found.films_refused == 0
    assert found.films_per_second > 0
    assert all(stage.total_ms > 0 for stage in found.stages)
