from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cxr_desktop.batch import score_all
from cxr_desktop.inference.engine import Engine, InferenceFailedError, Output
from cxr_desktop.inference.kinds import CPU as ON_THE_CPU
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.lanes import Lane, lane_of
from cxr_desktop.inference.providers import Provider
from cxr_desktop.inference.triage import FilmJudged, FilmsFound, TriageEvent, provenance_of, score_films, triage
from cxr_desktop.inference.verdict import Refused, Scored
from cxr_desktop.intake.pool import MakePool
from cxr_desktop.intake.prepared import FilmFacts, Prepared
from cxr_shared.bundle import Bundle
from cxr_shared.errors import BundleUnsupported
from cxr_shared.film import Identity, ViewPosition
from cxr_shared.findings import Target
from cxr_shared.logistic import sigmoid

CPU = Provider(ON_THE_CPU, "as asked")


def _prepared(name: str, grey: int) -> Prepared:
    facts = FilmFacts((640, 320), ViewPosition.PA, None, Identity(), 8, "PNG")
    return Prepared(Path(name), facts, np.full((64, 64), grey, np.uint8), None, 1.0)


def test_films_become_verdicts_with_all_that_a_verdict_holds(bundle: Bundle, films: dict[str, Path]) -> None:
    worklist = score_all(films.values(), bundle, wanted=Wanted.CPU)
    verdicts = {verdict.source.stem: verdict for verdict in worklist.verdicts}
    dark, broken = verdicts["dark"], verdicts["broken"]
    assert isinstance(dark, Scored)
    assert isinstance(broken, Refused)
    assert dark.scores[Target.PNEUMOTHORAX].positive
    assert not dark.scores[Target.EFFUSION].positive
    assert dark.urgency.why.startswith("pneumothorax")
    assert dark.facts.shape == (320, 256)
    assert dark.timings.read > 0
    assert dark.provenance.bundle_sha256 == bundle.sha256
    assert (broken.kind, broken.message.endswith(".")) == ("not-an-image", True)
    for target, score in dark.scores.items():
        assert dark.maps[target].mean() == pytest.approx(score.logit, abs=1e-4)


def test_the_order_is_urgent_then_unscored_then_the_rest(
    bundle: Bundle, films: dict[str, Path], warm_pools: MakePool
) -> None:
    ordered = score_all(films.values(), bundle, wanted=Wanted.CPU, make_pool=warm_pools).ordered()
    assert [verdict.source.stem for verdict in ordered] == ["dark", "bright", "broken", "middle"]
    assert [lane_of(verdict) for verdict in ordered] == [Lane.URGENT, Lane.URGENT, Lane.REFUSED, Lane.UNCONFIRMED]


def test_equal_films_give_equal_verdicts(bundle: Bundle, films: dict[str, Path], warm_pools: MakePool) -> None:
    first, second = (
        score_all([films["dark"]], bundle, wanted=Wanted.CPU, make_pool=warm_pools).verdicts[0] for _ in range(2)
    )
    assert isinstance(first, Scored)
    assert isinstance(second, Scored)
    assert first.scores == second.scores
    assert first.peaks == second.peaks
    assert first.urgency == second.urgency


def test_events_say_what_was_found_before_the_first_verdict(
    bundle: Bundle, films: dict[str, Path], warm_pools: MakePool
) -> None:
    events: list[TriageEvent] = []
    score_all([films["dark"].parent], bundle, wanted=Wanted.CPU, on_event=events.append, make_pool=warm_pools)
    found, *judged = events
    assert isinstance(found, FilmsFound)
    assert [path.stem for path in found.files] == ["bright", "broken", "dark", "middle"]
    assert len([event for event in judged if isinstance(event, FilmJudged)]) == 4


def test_ctrl_c_keeps_what_was_done(bundle: Bundle, films: dict[str, Path]) -> None:
    def interrupt(event: TriageEvent) -> None:
        if isinstance(event, FilmJudged):
            raise KeyboardInterrupt

    worklist = score_all(films.values(), bundle, wanted=Wanted.CPU, on_event=interrupt)
    assert (len(worklist.verdicts), worklist.found, worklist.complete) == (1, 4, False)


def test_stopping_ends_after_the_film_in_hand(bundle: Bundle, films: dict[str, Path], warm_pools: MakePool) -> None:
    engine = Engine(bundle, threads=1)
    stop = threading.Event()
    pool = warm_pools(workers=1)
    events = triage(films.values(), engine, provenance_of(engine, CPU), pool=pool, stopped=stop.is_set)
    assert isinstance(next(events), FilmsFound)
    assert isinstance(next(events), FilmJudged)
    stop.set()
    assert len(list(events)) <= 1


class _FailsOn(Engine):
    """An engine whose models fail on a batch that holds a film of one grey."""

    batch_size = 4

    def __init__(self, bundle: Bundle, bad: int) -> None:
        super().__init__(bundle, threads=1)
        self._bad = bad

    def score(self, batch: np.ndarray) -> dict[Target, Output]:
        if (batch == self._bad).any():
            raise InferenceFailedError("The model of mass failed (no memory).")
        return super().score(batch)


def test_a_failing_batch_costs_only_the_film_that_fails(bundle: Bundle) -> None:
    engine = _FailsOn(bundle, bad=7)
    verdicts = score_films(
        [_prepared("a", 20), _prepared("b", 7), _prepared("c", 200)], engine, provenance_of(engine, CPU)
    )
    assert [type(verdict) for verdict in verdicts] == [Scored, Refused, Scored]
    failed = verdicts[1]
    assert isinstance(failed, Refused)
    assert failed.kind == "inference-failed"
    assert lane_of(failed) is Lane.REFUSED


def test_peaks_are_in_film_pixels(bundle: Bundle) -> None:
    engine = Engine(bundle, threads=1)
    film = _prepared("a", 100)
    film.pixels[40:60, 0:20] = 250
    (verdict,) = score_films([film], engine, provenance_of(engine, CPU))
    assert isinstance(verdict, Scored)
    peak = verdict.peaks[Target.EFFUSION]
    assert (peak.x, peak.y) == (80.0, 480.0)


def test_a_batch_scores_as_its_films_alone(bundle: Bundle) -> None:
    engine = Engine(bundle, threads=1)
    batch = np.random.default_rng(0).integers(0, 256, (5, 64, 64), np.uint8)
    together = engine.score(batch)
    for index in range(5):
        alone = engine.score(batch[index : index + 1])
        for target, output in together.items():
            assert alone[target].logits[0] == pytest.approx(output.logits[index], abs=1e-5)
            assert 0 <= sigmoid(float(output.logits[index])) <= 1


@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((1, 64, 64), np.float32),
        np.zeros((1, 32, 64), np.uint8),
        np.zeros((64, 64), np.uint8),
        np.zeros((0, 64, 64), np.uint8),
    ],
)
def test_other_batches_are_refused(bundle: Bundle, batch: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a batch is uint8"):
        Engine(bundle, threads=1).score(batch)


def _with(bundle: Bundle, change: Callable[[Bundle], dict[str, object]]) -> Bundle:
    return dataclasses.replace(bundle, manifest=bundle.manifest.model_copy(update=change(bundle)))


def test_a_bundle_of_another_pixel_path_is_refused(bundle: Bundle) -> None:
    with pytest.raises(BundleUnsupported, match="pixel path 999"):
        Engine(_with(bundle, lambda _: {"pixel_path_version": 999}))


def test_an_answer_of_another_shape_fails_in_words(bundle: Bundle) -> None:
    entries = tuple(entry.model_copy(update={"map_shape": (3, 3)}) for entry in bundle.manifest.models)
    engine = Engine(_with(bundle, lambda _: {"models": entries}), threads=1)
    with pytest.raises(InferenceFailedError, match="another shape than its manifest"):
        engine.score(np.zeros((1, 64, 64), np.uint8))
