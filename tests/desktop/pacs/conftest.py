"""Peers, films and results for the tests of the clinic's network."""

from __future__ import annotations

from tests.desktop.report.conftest import change, faults, own_key, phantoms, pool, report_bundle, scored

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
