"""Synthetic frontal chest films with findings, boxes and severity."""

from __future__ import annotations

from cxr_shared.phantom.phantom import Box, Phantom
from cxr_shared.phantom.render import render
from cxr_shared.phantom.write import PhantomSet, write_phantoms

__all__ = ["Box", "Phantom", "PhantomSet", "render", "write_phantoms"]
