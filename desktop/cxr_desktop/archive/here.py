"""Scoring an archive in this process, by the same code as any triage."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from cxr_desktop.archive.fetching import FetchingPool
from cxr_desktop.archive.films import Part
from cxr_desktop.archive.rows import table_of
from cxr_desktop.archive.settled import Decision
from cxr_desktop.inference.engine import Engine
from cxr_desktop.inference.kinds import kind_wanted
from cxr_desktop.inference.triage import FilmJudged, triage
from cxr_desktop.inference.verdict import Verdict
from cxr_desktop.intake.decoding import DecodePool
from cxr_shared.bundle import Bundle

_AT_ONCE: Final = 16
"""Rows of a table: few enough that progress is seen."""


def score_here(
    parts: Iterable[Part],
    bundle: Bundle,
    decision: Decision,
    *,
    make_pool: Callable[[], DecodePool] = DecodePool,
) -> Iterator[Any]:
    """Score parts in order.

    Parameters
    ----------
    parts
        Those to score.
    bundle
        A verified bundle.
    decision
        How to run it.
    make_pool
        Makes the pool of decoders.

    Yields
    ------
    pyarrow.Table
        Rows of one part, in the order in which films were ready.

    Raises
    ------
    InferenceFailedError
        The bundle cannot run here.
    """
    engine = Engine(bundle, kind_wanted(decision.wanted), plan=decision.plan)
    with make_pool() as pool:
        for part in parts:
            yield from _score(part, engine, decision, pool)


def _score(part: Part, engine: Engine, decision: Decision, pool: DecodePool) -> Iterator[Any]:
    targets = tuple(entry.target for entry in engine.bundle.manifest.models)
    judged: list[tuple[int, str, Verdict]] = []
    with contextlib.closing(FetchingPool(pool, part.films)) as films:
        for event in triage(films.paths, engine, decision.provenance, pool=films):
            if not isinstance(event, FilmJudged):
                continue
            number = films.place(event.verdict.source)
            judged.append((number, part.films[number].key, event.verdict))
            if len(judged) == _AT_ONCE:
                yield table_of(part.number, judged, targets)
                judged = []
    if judged:
        yield table_of(part.number, judged, targets)
