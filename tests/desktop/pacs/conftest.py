"""Peers, films and results for the tests of the clinic's network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.desktop.report.conftest import change, faults, own_key, phantoms, report_bundle, scored

from cxr_desktop.intake.decoding import DecodePool

from .peers_dcmtk import dcmtk
from .peers_orthanc import orthanc
from .receiving import certificate, make_receiver, phantom, seed, seeds

__all__ = [
    "certificate",
    "change",
    "dcmtk",
    "faults",
    "make_receiver",
    "orthanc",
    "own_key",
    "phantom",
    "phantoms",
    "pool",
    "report_bundle",
    "scored",
    "seed",
    "seeds",
]


@pytest.fixture(scope="module")
def pool(phantoms: tuple[Path, ...]) -> Iterator[DecodePool]:
    """Decodes for all tests of a module; its process runs before a test counts those that it leaves behind."""
    with DecodePool(workers=1) as pool:
        pool.display(phantoms[0])
        yield pool
