"""Peers and results for the tests of the clinic's network."""

from __future__ import annotations

from tests.desktop.report.conftest import faults, own_key, phantoms, pool, report_bundle, scored

from .peers_orthanc import orthanc

__all__ = ["faults", "orthanc", "own_key", "phantoms", "pool", "report_bundle", "scored"]
