"""`cxr-trainer bench` on a few small films."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from cxr_shared.errors import UnknownName
from cxr_trainer.commands.bench import run_bench
from cxr_trainer.errors import BenchError


def _run(data: Path | None, *, json_document: bool, films: int = 24, architecture: str = "mobilenetv1") -> None:
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


def test_json_holds_consistent_ratios(tiny_nih: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(tiny_nih, json_document=True)
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["films"], document["size"]) == ("cxr-bench/1", 24, 64)
    assert "CPU" in document["device"]
    assert document["memory_bandwidth_gb_per_second"] > 0.1
    (measured,) = document["architectures"]
    for name in ("stock", "ours", "ceiling"):
        speed = measured[name]
        rounds = [each["films"] / each["seconds"] for each in speed["rounds"]]
        assert len(rounds) == 2
        assert {each["films"] for each in speed["rounds"]} == {24}
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


def test_without_data_phantoms_are_measured_and_a_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    _run(None, json_document=False, films=16)
    said = capsys.readouterr().out
    assert "of stock" in said
    assert "starvation" in said
    assert "18,847" in said


def test_what_cannot_be_measured_is_one_sentence(tiny_nih: Path) -> None:
    with pytest.raises(BenchError, match="96 films"):
        _run(tiny_nih, json_document=True, films=97)
    with pytest.raises(BenchError, match="two batches"):
        _run(tiny_nih, json_document=True, films=15)
    with pytest.raises(UnknownName, match="Did you mean 'mobilenetv1'"):
        _run(tiny_nih, json_document=True, architecture="mobilenetv2")
