"""Scoring many films: decoding in processes, inference here, one event for each step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from cxr_desktop.inference.engine import Engine, InferenceFailedError, Output
from cxr_desktop.inference.heatmap import find_peak
from cxr_desktop.inference.providers import Provider
from cxr_desktop.inference.urgency import urgency
from cxr_desktop.inference.verdict import (
    NOT_A_CHEST_FILM,
    GateReading,
    Provenance,
    Refused,
    Score,
    Scored,
    Timings,
    Verdict,
)
from cxr_desktop.intake.prepared import NotRead, Prepared
from cxr_shared.bundle import InputSpec, Manifest
from cxr_shared.findings import Target


@dataclass(frozen=True, slots=True)
class FilmsFound:
    """The files that will be read, in the order in which they were found."""

    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FilmJudged:
    """One film is done; films come in the order in which they become ready."""

    verdict: Verdict


TriageEvent: TypeAlias = FilmsFound | FilmJudged


class Decoders(Protocol):
    """What decodes films, as `DecodePool` does."""

    @property
    def workers(self) -> int:
        """Number of processes."""

    def prepare(
        self, paths: Iterable[Path], spec: InputSpec, *, thumbnail: int, ahead: int, stopped: Callable[[], bool]
    ) -> Iterator[list[Prepared | NotRead]]:
        """Decode films for the models, see `DecodePool.prepare`."""


def provenance_of(engine: Engine, provider: Provider) -> Provenance:
    """Say what produces the verdicts of `engine`."""
    manifest = engine.bundle.manifest
    return Provenance(
        bundle_name=manifest.name,
        bundle_sha256=engine.bundle.sha256,
        provider=provider.name,
        provider_reason=provider.reason,
        plan=str(engine.plan),
        pixel_path_version=manifest.pixel_path_version,
        notice=manifest.notice,
    )


def triage(
    files: Iterable[Path],
    engine: Engine,
    provenance: Provenance,
    *,
    pool: Decoders,
    thumbnail: int = 0,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[TriageEvent]:
    """Score films.

    Parameters
    ----------
    files
        As `find_films` lists them; no folder is searched and no ZIP is opened here.
    engine
        The loaded bundle.
    provenance
        From `provenance_of`.
    pool
        Decoding processes; the caller closes it.
    thumbnail
        Longer side of the verdicts' thumbnails in pixels; 0 makes none.
    stopped
        Asked often; True ends the iteration after the film in hand.

    Yields
    ------
    FilmsFound, then FilmJudged for each file
        A file that cannot be read, crashes its process, hangs, makes a model fail or does not resemble a frontal
        chest film (the bundle's gate) is `Refused`.
    """
    found = tuple(files)
    yield FilmsFound(found)
    spec = engine.bundle.manifest.input
    ahead = 2 * (pool.workers + engine.batch_size)
    prepared = pool.prepare(found, spec, thumbnail=thumbnail, ahead=ahead, stopped=stopped)
    yield from map(FilmJudged, judge(prepared, engine, provenance, stopped=stopped))


def judge(
    decoded: Iterable[Sequence[Prepared | NotRead]],
    engine: Engine,
    provenance: Provenance,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Verdict]:
    """Give the verdict on each film that was decoded, those that could not be read first among those that came at once.

    Parameters
    ----------
    decoded
        As `Decoders.prepare` yields them.
    engine, provenance, stopped
        As for `triage`.
    """
    for ready in decoded:
        films = [each for each in ready if isinstance(each, Prepared)]
        yield from (_not_read(each, provenance) for each in ready if isinstance(each, NotRead))
        for start in range(0, len(films), engine.batch_size):
            if stopped():
                return
            yield from score_films(films[start : start + engine.batch_size], engine, provenance)


def score_films(films: Sequence[Prepared], engine: Engine, provenance: Provenance) -> list[Verdict]:
    """Score prepared films as one batch; where it fails, each alone, so that a fault costs one film."""
    start = time.perf_counter()
    try:
        outputs = engine.score(np.stack([film.pixels for film in films]))
    except InferenceFailedError as error:
        if len(films) > 1:
            return [verdict for film in films for verdict in score_films([film], engine, provenance)]
        return [_refused(films[0], "inference-failed", str(error), provenance=provenance)]
    infer_ms = (time.perf_counter() - start) * 1e3 / len(films)
    return [
        _verdict(film, index, outputs, engine=engine, provenance=provenance, infer_ms=infer_ms)
        for index, film in enumerate(films)
    ]


def _verdict(
    film: Prepared,
    index: int,
    outputs: dict[Target, Output],
    *,
    engine: Engine,
    provenance: Provenance,
    infer_ms: float,
) -> Verdict:
    manifest = engine.bundle.manifest
    timings, reading = Timings(read=film.read_ms, infer=infer_ms), _gate_reading(manifest, outputs, index)
    if reading is not None and not reading.passed:
        message = _gate_sentence(reading)
        return _refused(film, NOT_A_CHEST_FILM, message, provenance=provenance, timings=timings, gate=reading)
    scores = {
        entry.target: Score(
            target=entry.target,
            logit=float(outputs[entry.target].logits[index]),
            threshold=entry.operating_point.threshold,
            calibration=entry.calibration,
            grid=entry.grid,
            map_peak=entry.map_peak,
            point=entry.operating_point.name,
        )
        for entry in manifest.models
    }
    maps = {target: output.maps[index].copy() for target, output in outputs.items()}
    return Scored(
        source=film.source,
        facts=film.facts,
        scores=scores,
        maps=maps,
        peaks={
            target: find_peak(values, manifest.input, film.facts.shape, grid=scores[target].grid)
            for target, values in maps.items()
        },
        urgency=urgency(scores.values()),
        timings=timings,
        provenance=provenance,
        thumbnail=film.thumbnail,
        gate=reading,
    )


def _gate_reading(manifest: Manifest, outputs: dict[Target, Output], index: int) -> GateReading | None:
    if manifest.gate is None:
        return None
    distances = outputs[manifest.gate.target].distances
    assert distances is not None, "an engine gives the distance of every film wherever its bundle has a gate"
    return GateReading(float(distances[index]), manifest.gate.threshold)


def _gate_sentence(reading: GateReading) -> str:
    return (
        "This does not look like a frontal chest film as the models know them (distance "
        f"{reading.distance:.2f}, at most {reading.threshold:.2f}), so it was not scored. Look at it yourself; if it "
        "is one, see that it is upright, whole and not inverted, and open it again."
    )


def _not_read(film: NotRead, provenance: Provenance) -> Refused:
    return Refused(
        source=film.source,
        kind=film.kind,
        message=film.message,
        provenance=provenance,
        identity=film.identity,
        sha256=film.sha256,
        file_state=film.file_state,
    )


def _refused(
    film: Prepared,
    kind: str,
    message: str,
    *,
    provenance: Provenance,
    timings: Timings | None = None,
    gate: GateReading | None = None,
) -> Refused:
    """Refuse a film that was read: who it shows is known."""
    return Refused(
        source=film.source,
        kind=kind,
        message=message,
        provenance=provenance,
        timings=timings or Timings(read=film.read_ms),
        gate=gate,
        facts=film.facts,
        identity=film.facts.identity,
        sha256=film.facts.sha256,
        file_state=film.facts.file_state,
    )
