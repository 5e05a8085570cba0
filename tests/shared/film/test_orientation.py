from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from cxr_shared.film import PatientOrientation
from cxr_shared.film.identity import read_orientation


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["L", "F"], PatientOrientation("L", "F")),
        (["R", "H"], PatientOrientation("R", "H")),
        (["PF", "FA"], PatientOrientation("PF", "FA")),
        (["L", "R"], None),
        (["LR", "F"], None),
        (["L"], None),
        (["", ""], None),
        (["X", "F"], None),
        (None, None),
    ],
)
def test_only_possible_orientations_are_read(written: list[str] | None, read: PatientOrientation | None) -> None:
    dataset = Dataset()
    if written is not None:
        dataset.PatientOrientation = written
    assert read_orientation(dataset) == read
