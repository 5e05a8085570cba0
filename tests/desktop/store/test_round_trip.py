"""Whatever a verdict or a read holds, the store gives back the same."""

from __future__ import annotations

import dataclasses
import math
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cxr_desktop.inference.urgency import Urgency
from cxr_desktop.inference.verdict import GateReading, Peak, Provenance, Refused, Score, Scored, Timings, Verdict
from cxr_desktop.intake.prepared import FilmFacts
from cxr_desktop.store import Opinion, Read, Store
from cxr_shared.bundle import Calibration
from cxr_shared.film import Identity, PixelSpacing, SpacingOrigin, ViewPosition
from cxr_shared.findings import Target
from cxr_shared.heat_map import CellGrid

ANY_FLOAT = st.floats(allow_nan=False)  # a NaN has many bit patterns, and JSON keeps one
FINITE = st.floats(allow_nan=False, allow_infinity=False)
# Text of files is anything, lone surrogates and NUL included.
TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
SHA256 = st.binary(min_size=32, max_size=32).map(bytes.hex)
TARGETS = st.lists(st.sampled_from(list(Target)), unique=True, max_size=15).map(tuple)
SLOPE = st.floats(1e-3, 50)
# Shrinking a verdict of fifteen targets takes minutes and says little more.
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)

IDENTITIES = st.builds(Identity, **{each.name: TEXT for each in dataclasses.fields(Identity)})
FACTS = st.builds(
    FilmFacts,
    shape=st.tuples(st.integers(1, 6000), st.integers(1, 6000)),
    view=st.sampled_from(ViewPosition),
    spacing=st.none() | st.builds(PixelSpacing, FINITE, FINITE, st.sampled_from(SpacingOrigin)),
    identity=IDENTITIES,
    bits=st.integers(1, 16),
    transfer_syntax=TEXT,
    sha256=SHA256,
)
PROVENANCES = st.builds(
    Provenance,
    bundle_name=TEXT,
    bundle_sha256=SHA256,
    provider=TEXT,
    provider_reason=TEXT,
    pixel_path_version=st.integers(0, 99),
    notice=TEXT,
    plan=TEXT,
)
TIMINGS = st.builds(Timings, ANY_FLOAT, ANY_FLOAT)
GATES = st.none() | st.builds(GateReading, ANY_FLOAT, ANY_FLOAT)
CALIBRATIONS = st.builds(
    Calibration,
    method=st.sampled_from(("platt", "temperature", "none")),
    slope=SLOPE,
    offset=FINITE,
    films=st.integers(0, 10**6),
)


@st.composite
def maps(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    shape = draw(st.tuples(st.integers(0, 4), st.integers(0, 4)))
    floats = draw(st.lists(st.floats(width=32), min_size=math.prod(shape), max_size=math.prod(shape)))
    return np.array(floats, np.float32).reshape(shape)


THUMBNAILS = st.none() | st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(0, 255)).map(
    lambda each: np.full(each[:2], each[2], np.uint8)
)


@st.composite
def scored(draw: st.DrawFn) -> Scored:
    targets = draw(TARGETS)
    score = st.builds(
        Score,
        target=st.none(),
        logit=ANY_FLOAT,
        threshold=st.floats(0, 1),
        calibration=CALIBRATIONS,
        grid=st.builds(CellGrid, FINITE, FINITE),
        map_peak=st.none() | ANY_FLOAT,
    )
    peak = st.builds(Peak, ANY_FLOAT, ANY_FLOAT, ANY_FLOAT)
    return Scored(
        source=Path("unset"),
        facts=draw(FACTS),
        scores={target: dataclasses.replace(draw(score), target=target) for target in targets},
        maps={target: draw(maps()) for target in draw(TARGETS)},
        peaks={target: draw(peak) for target in draw(TARGETS)},
        urgency=draw(st.builds(Urgency, ANY_FLOAT, ANY_FLOAT, TEXT, TARGETS)),
        timings=draw(TIMINGS),
        provenance=draw(PROVENANCES),
        thumbnail=draw(THUMBNAILS),
        gate=draw(GATES),
    )


REFUSALS = st.builds(
    Refused,
    source=st.just(Path("unset")),
    kind=TEXT,
    message=TEXT,
    provenance=PROVENANCES,
    timings=TIMINGS,
    gate=GATES,
    facts=st.none() | FACTS,
    identity=IDENTITIES,
    sha256=st.just("") | SHA256,
)


def plain(value: Any) -> Any:
    """All of a value as nested tuples, floats and arrays by their bits: equal only where nothing differs."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("<d", value)  # JSON knows one NaN, without sign or payload
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, Calibration):
        return plain(tuple(value.model_dump().values()))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = tuple(plain(getattr(value, each.name)) for each in dataclasses.fields(value))
        return type(value).__name__, parts
    if isinstance(value, Mapping):
        return tuple((key, plain(each)) for key, each in value.items())
    if isinstance(value, (tuple, list)):
        return type(value).__name__, tuple(map(plain, value))
    return type(value).__name__, value


@pytest.fixture(scope="module")
def kept() -> Iterator[Callable[[Verdict], tuple[Verdict, Verdict, Verdict]]]:
    """Save a verdict in a store and return it, as loaded, and as its history has it."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store.sqlite")
        number = iter(range(10**6))

        def keep(verdict: Verdict) -> tuple[Verdict, Verdict, Verdict]:
            verdict = dataclasses.replace(verdict, source=Path(folder) / f"{next(number)}.png")
            store.add_films([verdict.source], at=0.0)
            store.save_verdicts([verdict])
            (film,) = store.load(verdict.provenance.bundle_sha256)
            assert film.verdict is not None
            assert film.sha256 == verdict.sha256
            store.remove_films([verdict.source])
            return verdict, film.verdict, store.history(verdict.sha256)[-1] if verdict.sha256 else film.verdict

        yield keep
        store.close()


@settings(max_examples=40, phases=NO_SHRINKING, suppress_health_check=list(HealthCheck))
@given(verdict=scored() | REFUSALS)
def test_a_verdict_comes_back_to_the_bit(verdict: Verdict, kept: Callable[[Verdict], tuple[Verdict, ...]]) -> None:
    saved, loaded, remembered = kept(verdict)
    assert plain(loaded) == plain(saved)
    assert plain(remembered) == plain(saved)


@pytest.fixture(scope="module")
def reads_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("reads") / "store.sqlite")
    yield store
    store.close()


@settings(max_examples=40, phases=NO_SHRINKING, suppress_health_check=list(HealthCheck))
@given(
    sha256=SHA256,
    bundle=SHA256 | st.just(""),
    opinions=st.dictionaries(st.sampled_from(Target), st.sampled_from(Opinion)),
    note=TEXT,
    finished=st.booleans(),
    blind=st.booleans(),
)
def test_a_read_comes_back_as_it_was(
    sha256: str,
    bundle: str,
    opinions: dict[Target, Opinion],
    note: str,
    finished: bool,
    blind: bool,
    reads_store: Store,
) -> None:
    store = reads_store
    read = store.save_read(Read(sha256, bundle, opinions, note=note, finished=finished, blind=blind))
    assert store.reads(sha256)[-1] == read
    assert dataclasses.replace(read, at="") == Read(sha256, bundle, opinions, note, finished, blind)
