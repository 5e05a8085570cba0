"""Real films, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import uid

from cxr_shared.film import Film, PixelSpacing, SpacingOrigin, ViewPosition, default_window, present, read_film
from cxr_shared.opencv import cv2

pytestmark = pytest.mark.realdata


def test_a_jpeg_baseline_film_is_read(real_material: Path):
    path = real_material / "dicom" / "chest_pa_jpeg.dcm"
    film = read_film(path)
    assert isinstance(film, Film)
    assert film.shape == (1024, 1024)
    assert film.view is ViewPosition.PA
    assert film.spacing == PixelSpacing(0.168, 0.168, SpacingOrigin.PIXEL_SPACING)
    assert film.transfer_syntax == uid.JPEGBaseline8Bit
    assert film.identity.patient_sex == "M"
    reference = pydicom.dcmread(path).pixel_array
    assert np.array_equal(film.pixels, reference)
    assert np.allclose(present(film), reference / 255, atol=1e-6)


def test_nihs_films_are_shown_as_they_are(real_material: Path):
    paths = sorted((real_material / "nih" / "images").glob("*.png"))[:6]
    assert paths
    for path in paths:
        film = read_film(path)
        assert isinstance(film, Film), film
        assert film.shape == (1024, 1024)
        reference = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert np.array_equal(np.rint(present(film) * 255), reference)
        assert default_window(film).width == 255
