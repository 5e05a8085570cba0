"""The benchmark: contenders take turns, ratios are to onnxruntime's DenseNet, what fails says why."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from cxr_desktop.inference.toy import write_toy_bundle
from cxr_export.benchmark.films import DICOM_SIDE, benchmark_films
from cxr_export.benchmark.process import Measured
from cxr_export.benchmark.run import ORT, TORCH, YARDSTICK, Benchmark, Contender, Stages, benchmark
from cxr_export.benchmark.table import document, show
from cxr_export.benchmark.yardstick import main
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


class SmallYardstick(Measured):
    """In place of DenseNet-121, which takes 20 CPU seconds to be exported and run, a process that answers at once."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        super().__init__("small_yardstick" if module == YARDSTICK else module, arguments)


def _measure(folder: Path) -> Benchmark:
    path = folder / "toy.cxr"
    write_toy_bundle(path, {Target.ANOMALY: (4.0, -1.0), Target.EFFUSION: (3.0, -2.0)})
    found = benchmark(path, films=None, rounds=1)
    assert [each.name for each in found.contenders[:2]] == [TORCH, ORT]
    assert all(each.times or each.failure for each in found.contenders)
    assert found.films_counted >= 120
    assert found.films_refused == 0
    assert found.films_per_second > 0
    assert all(stage.total_ms > 0 for stage in found.stages)
    return found


@pytest.mark.slow
def test_a_bundle_is_measured_from_file_to_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    monkeypatch.setattr("cxr_export.benchmark.run.Measured", SmallYardstick)
    monkeypatch.setattr("cxr_export.benchmark.films._PHANTOMS", 2)
    found = _measure(tmp_path)
    assert found.films_source == "2 phantoms of 1024²"
    assert found.ratio(found.contenders[0]) == pytest.approx(2.0)


@pytest.mark.slow
@pytest.mark.nightly
def test_a_bundle_is_measured_beside_densenet_itself(tmp_path: Path) -> None:
    assert _measure(tmp_path).films_source == "24 phantoms of 1024²"


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_the_yardstick_answers_until_there_are_no_more_orders(
    small_densenet: None, runtime: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    orders = [{"do": "score", "runs": 3}, {"do": "memory"}]
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{json.dumps(order)}\n" for order in orders)))
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # it sends to standard error what others print
    threads = torch.get_num_threads()
    try:
        assert main([runtime, "1"]) == 0
    finally:
        torch.set_num_threads(threads)
    times, memory = map(json.loads, capsys.readouterr().out.splitlines())
    assert len(times["ms"]) == 3
    assert min(times["ms"]) > 0
    assert memory["peak_mb"] is None or memory["peak_mb"] > 0
