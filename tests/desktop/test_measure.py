"""What a benchmark asks of the engine."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxr_desktop.inference.engine import Engine
from cxr_desktop.inference.kinds import CPU
from cxr_desktop.inference.measure import serve
from cxr_desktop.inference.providers import Provider
from cxr_desktop.inference.triage import FilmJudged, provenance_of, triage
from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.intake.prepared import FilmFacts, Prepared
from cxr_shared.bundle import Bundle
from cxr_shared.film import Identity, ViewPosition


def _ask(bundle: Path, *orders: dict[str, Any]) -> list[dict[str, Any]]:
    answers = io.StringIO()
    assert serve(bundle, io.StringIO("\n".join(map(json.dumps, orders)) + "\n"), answers) == 0
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_every_order_is_answered_in_figures(bundle_path: Path, films: dict[str, Path]) -> None:
    load = {"do": "load", "layout": "in turn", "precision": "float32"}
    stages = {"do": "stages", "path": str(films["dark"]), "runs": 2}
    batch = {"do": "batch", "paths": [str(path) for path in films.values()], "times": 2}
    plans, loaded, score, staged, batched, memory = _ask(
        bundle_path, {"do": "plans"}, load, {"do": "score", "runs": 3}, stages, batch, {"do": "memory"}
    )
    assert {"layout": "stacked", "precision": "float32"} in plans["plans"]
    assert plans["threads"] >= 1
    assert (loaded["plan"], loaded["ready_ms"] > 0) == ("float32, in turn", True)
    assert len(score["ms"]) == 3
    assert all(len(staged[name]) == 2 and min(staged[name]) > 0 for name in ("read_ms", "pixels_ms", "infer_ms"))
    assert (batched["films"], batched["refused"]) == (8, 2)
    assert memory["peak_mb"] is None or memory["peak_mb"] > 20


def test_without_a_layout_the_plan_of_users_is_loaded(bundle_path: Path) -> None:
    (loaded,) = _ask(bundle_path, {"do": "load"})
    assert loaded["plan"] == "float32, side by side"


def test_what_cannot_be_done_is_said(bundle_path: Path, films: dict[str, Path]) -> None:
    stacked = {"do": "load", "layout": "stacked", "precision": "float32"}
    first, early, _, refused = _ask(
        bundle_path,
        stacked,
        {"do": "score", "runs": 1},
        {"do": "load"},
        {"do": "stages", "path": str(films["broken"]), "runs": 1},
    )
    assert "not alike" in first["failure"]
    assert "Nothing was loaded" in early["failure"]
    assert "image" in refused["failure"]


def test_a_damaged_bundle_ends_it_with_its_reason(tmp_path: Path) -> None:
    answers = io.StringIO()
    assert serve(tmp_path / "none.cxr", io.StringIO(), answers) == 1
    assert "Could not read the bundle" in json.loads(answers.getvalue())["failure"]


class _GreyFilms(DecodePool):
    """Gives grey films without reading anything."""

    def prepare(self, paths: Any, spec: Any, **_: Any) -> Iterator[list[Any]]:
        facts = FilmFacts((640, 320), ViewPosition.PA, None, Identity(), 8, "PNG")
        for path in paths:
            yield [Prepared(path, facts, np.full((spec.size, spec.size), 60, np.uint8), None, 1.0)]


@pytest.mark.parametrize("films", [1500])
def test_memory_does_not_grow_with_the_films(bundle: Bundle, films: int) -> None:
    engine = Engine(bundle, threads=1)
    paths = [Path(f"{number}.png") for number in range(films)]
    with _GreyFilms(workers=1) as pool:
        events = triage(paths, engine, provenance_of(engine, Provider(CPU, "as asked")), pool=pool)
        held = []
        tracemalloc.start()
        for number, event in enumerate(events):
            assert number == 0 or isinstance(event, FilmJudged)
            if number in (films // 3, films):
                held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert held[1] - held[0] < 50 * films  # less than 50 bytes a film; a verdict has some thousand
