"""Real films: every one is read, scored and shown as it was saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxr_desktop.batch import score_all
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.verdict import Scored
from cxr_desktop.intake.prepared import DisplayFilm
from cxr_desktop.intake.reading import display
from cxr_shared.bundle import Bundle
from cxr_shared.opencv import cv2

pytestmark = pytest.mark.realdata


def test_nih_films_and_a_dicom_film_are_scored(real_material: Path, bundle: Bundle) -> None:
    films = sorted((real_material / "nih" / "images").glob("*.png"))[:8]
    worklist = score_all([*films, real_material / "dicom"], bundle, wanted=Wanted.CPU)
    assert len(worklist.verdicts) == 9
    assert all(isinstance(verdict, Scored) for verdict in worklist.verdicts)


def test_an_nih_film_is_shown_with_the_greys_it_was_saved_with(real_material: Path) -> None:
    path = sorted((real_material / "nih" / "images").glob("*.png"))[0]
    saved = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    shown = display(path)
    assert isinstance(shown, DisplayFilm)
    np.testing.assert_array_equal(shown.default_lut[shown.levels], saved)
