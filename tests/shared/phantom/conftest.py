"""Films drawn once and looked at by many tests."""

import functools

import numpy as np
import pytest

from cxr_shared.film.film import ViewPosition
from cxr_shared.phantom import render
from cxr_shared.phantom.raster import enlarge
from cxr_shared.phantom.render import compose


@functools.cache
def _film(seed, findings, severity, view):
    return render(seed, findings=findings, severity=severity, view=view)


@functools.cache
def _scene(seed, findings, severity, view):
    return compose(seed, grades=dict.fromkeys(findings, severity), patient=seed, view=view)


@pytest.fixture
def film():
    """Draw a film, or take it from an earlier test."""

    def draw(seed, *findings, severity=0.7, view=ViewPosition.PA):
        return _film(seed, findings, severity, view)

    return draw


@pytest.fixture
def scene():
    """Lay out a film without exposing it."""

    def lay_out(seed, *findings, severity=0.7, view=ViewPosition.PA):
        return _scene(seed, findings, severity, view)

    return lay_out


@pytest.fixture
def grey():
    """Mean grey of a film within a half-resolution region."""

    def mean(phantom, region):
        inside = enlarge(np.asarray(region, np.float32)) > 0.5
        return float(phantom.pixels[inside].mean())

    return mean
