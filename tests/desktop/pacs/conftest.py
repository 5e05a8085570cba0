"""Peers and results for the tests of the clinic's network."""

from __future__ import annotations

from tests.desktop.report.conftest import change, faults, own_key, phantoms, pool, report_bundle, scored

from .peers_orthanc import orthanc

__all__ = ["change", "faults", "orthanc", "own_key", "phantoms", "pool", "report_bundle", "scored"]
