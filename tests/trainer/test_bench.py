"""`cxr-trainer bench` on a few small films."""

from __future__ import annotations

import io
import json
import statistics
from pathlib import Path

import pytest
from rich.console import Console

from cxr_shared.errors import UnknownName
from cxr_trainer.bench.contender import Round
from cxr_trainer.bench.measure import Comparison, Speed
from cxr_trainer.bench.table import epoch_sentence, tabulate
from cxr_trainer.commands.bench import run_bench
from cxr_trainer.errors import BenchError


def _run(data: Path | None, *, json_document: bool, films: int = 16, architecture: str = "mobilenetv1") -> None:
    assert not run_bench(
        data,
        films=films,
        batch_size=8,
        rounds=2,
        size=64,
        device="cpu",
        architectures=[architecture],
        json_document=json_document,
    )


@pytest.mark.slow
def test_phantoms_are_measured_and_json_holds_consistent_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    _run(None, json_document=True)
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["films"], document["size"]) == ("cxr-bench/1", 16, 64)
    assert "CPU" in document["device"]
    assert document["memory_bandwidth_gb_per_second"] > 0.1
    (measured,) = document["architectures"]
    for name in ("stock", "ours", "ceiling"):
        speed = measured[name]
        rounds = [each["films"] / each["seconds"] for each in speed["rounds"]]
        assert len(rounds) == 2
        assert {each["films"] for each in speed["rounds"]} == {16}
        assert speed["films_per_second"] == pytest.approx(statistics.median(rounds))
        assert speed["slowest"] == pytest.approx(min(rounds))
        assert speed["fastest"] == pytest.approx(max(rounds))
        assert 0.0 <= speed["starvation"] < 1.0
        assert speed["peak_resident_mb"] > 100
    assert measured["ceiling"]["starvation"] == 0.0
    ours = measured["ours"]["films_per_second"]
    assert measured["ours_over_stock"] == pytest.approx(ours / measured["stock"]["films_per_second"])
    assert measured["ours_over_ceiling"] == pytest.approx(ours / measured["ceiling"]["films_per_second"])
    assert measured["paper_epoch_hours"] == {"ours_estimated": pytest.approx(18_847 / ours / 3600), "paper": 2.5}


def test_table_shows_medians_spreads_and_ratios() -> None:
    def speed(*films_per_second: float, starvation: float = 0.0) -> Speed:
        return Speed(tuple(Round(64, 64 / each, starvation, 1500.0, None) for each in films_per_second))

    speeds = {"stock": speed(9.0, 10.0, 11.0, starvation=0.3), "ours": speed(19.0, 30.0, 25.0), "ceiling": speed(50.0)}
    comparison = Comparison("densenet121", speeds)
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(tabulate(comparison))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in console.export_text().splitlines()]
    assert ["stock", "10.0", "9.0–11.0", "1.00×", "0.20×", "30.0 %", "1.50 GB"] in rows
    assert ["ours", "25.0", "19.0–30.0", "2.50×", "0.50×", "0.0 %", "1.50 GB"] in rows
    assert epoch_sentence(comparison).endswith("would take 12.6 minutes; the paper's took 5 hours.")


def test_what_cannot_be_measured_is_one_sentence(tiny_nih: Path) -> None:
    with pytest.raises(BenchError, match="96 films"):
        _run(tiny_nih, json_document=True, films=97)
    with pytest.raises(BenchError, match="two batches"):
        _run(tiny_nih, json_document=True, films=15)
    with pytest.raises(UnknownName, match="Did you mean 'mobilenetv1'"):
        _run(tiny_nih, json_document=True, architecture="mobilenetv2")
