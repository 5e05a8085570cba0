"""Peers and films for the tests of the clinic's network."""

from __future__ import annotations

from .peers_dcmtk import dcmtk
from .receiving import certificate, make_receiver, phantom, seed, seeds

__all__ = ["certificate", "dcmtk", "make_receiver", "phantom", "seed", "seeds"]
