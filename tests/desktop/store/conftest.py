"""Stores, films on the disk, and verdicts about them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from cxr_desktop.inference.urgency import urgency
from cxr_desktop.inference.verdict import GateReading, Peak, Provenance, Refused, Score, Scored, Timings
from cxr_desktop.intake.prepared import FilmFacts
from cxr_desktop.store import Store
from cxr_shared.bundle import Calibration
from cxr_shared.film import Identity, PixelSpacing, SpacingOrigin, ViewPosition
from cxr_shared.findings import Target
from cxr_shared.heat_map import CellGrid

OLD, NEW = "a" * 64, "b" * 64


def provenance(bundle: str = NEW, plan: str = "float32, one after the other") -> Provenance:
    return Provenance("Two", bundle, "CPU", "the only one here", 1, "Not for clinical use.", plan)


def scored(source: Path, *, bundle: str = NEW, logit: float = 1.25, plan: str = "float32") -> Scored:
    """What triage would say about a file of any content."""
    targets = (Target.ANOMALY, Target.EFFUSION)
    calibration = Calibration(method="platt", slope=0.8, offset=-0.1, films=30)
    scores = {target: Score(target, logit, 0.25, calibration, CellGrid(0.5, 1.0), 3.5) for target in targets}
    identity = Identity(patient_id="P1", patient_name="PHANTOM^ONE", acquired="2026-11-23")
    spacing = PixelSpacing(0.14, 0.15, SpacingOrigin.IMAGER_PIXEL_SPACING)
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    return Scored(
        source=source,
        facts=FilmFacts((30, 20), ViewPosition.AP, spacing, identity, 12, "PNG", sha256),
        scores=scores,
        maps={target: np.full((3, 2), logit, np.float32) for target in targets},
        peaks={target: Peak(5.0, 7.5, logit) for target in targets},
        urgency=urgency(scores.values()),
        timings=Timings(12.5, 3.25),
        provenance=provenance(bundle, plan),
        gate=GateReading(1.5, 4.0),
    )


def refused(source: Path, *, bundle: str = NEW, sha256: str = "") -> Refused:
    return Refused(source, "worker-crashed", "The process ended.", provenance(bundle), sha256=sha256)


@pytest.fixture(scope="session")
def make_scored() -> Callable[..., Scored]:
    return scored


@pytest.fixture(scope="session")
def make_refused() -> Callable[..., Refused]:
    return refused


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "worklist.sqlite"


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    opened = Store(store_path)
    yield opened
    opened.close()


@pytest.fixture
def reopen(store: Store) -> Iterator[Callable[[], Store]]:
    """Close the store and open it again, as another day would."""
    opened = [store]

    def again() -> Store:
        opened[-1].close()
        opened.append(Store(store.path))
        return opened[-1]

    yield again
    opened[-1].close()


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Write a small file of its own content."""

    def write(name: str, content: str | None = None) -> Path:
        path = tmp_path / name
        path.write_text(name if content is None else content)
        return path

    return write
