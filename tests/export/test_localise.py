"""Maps against boxes, with answers worked out by hand."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cxr_export.errors import ExportRefused
from cxr_export.localise import find_box, localise, read_boxes, to_square
from cxr_shared.bundle import InputSpec
from cxr_shared.findings import Target
from cxr_shared.heat_map import EVEN, CellGrid
from cxr_trainer.fit.run import Run

HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"


def test_boxes_are_read_as_nih_writes_them(tmp_path: Path) -> None:
    text = HEADER + "a.png,Infiltrate,1.5,2,3,4,,,\nb.png,Pleural_Thickening,5,6,7,8\nc.png,Tube,1,1,1,1\n"
    with gzip.open(tmp_path / "boxes.csv.gz", "wt") as stream:
        stream.write(text)
    boxes = read_boxes(tmp_path / "boxes.csv.gz")
    assert boxes["finding"].tolist() == [Target.INFILTRATION, Target.PLEURAL_THICKENING]
    assert boxes.loc[0, ["x", "y", "width", "height"]].tolist() == [1.5, 2, 3, 4]


def test_a_box_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text(HEADER + "a.png,Mass,left,2,3,4\n")
    with pytest.raises(ExportRefused, match=r"boxes\.csv.*Repair or remove"):
        read_boxes(tmp_path / "boxes.csv")


def test_corners_are_fractions_of_the_square() -> None:
    corners = np.array([[100.0, 50.0, 300.0, 150.0]])
    np.testing.assert_allclose(to_square(corners, (200, 400), keep_aspect=False), [[0.25, 0.25, 0.75, 0.75]])
    np.testing.assert_allclose(to_square(corners, (200, 400), keep_aspect=True), [[0.25, 0.375, 0.75, 0.625]])


def test_a_peak_in_the_box_is_a_hit() -> None:
    heat = np.full((4, 4), -1.0, np.float32)
    heat[1, 2] = 2.0  # looks at x = 0.625, y = 0.375
    inside, beside = np.array([[0.6, 0.3, 0.7, 0.4]]), np.array([[0.1, 0.3, 0.6, 0.4]])
    assert find_box(heat, inside, EVEN, size=80)[0]
    assert not find_box(heat, beside, EVEN, size=80)[0]
    assert find_box(heat, np.concatenate([beside, inside]), EVEN, size=80)[0]
    assert find_box(heat, np.array([[0.45, 0.2, 0.55, 0.3]]), CellGrid(shift=-0.5), size=80)[0], (
        "half a cell up and left"
    )


def test_iou_counts_the_upper_half() -> None:
    """The left half of the film at 2, the right at 0.5, bilinear between: 1.25 and so half of 2 near the middle."""
    heat = np.full((2, 2), 0.0, np.float32)
    heat[:, 0] = 2.0  # between the centres at 1/4 and 3/4 it falls from 2 to 0, through 1 at 1/2
    left = np.array([[0.0, 0.0, 0.5, 1.0]])
    assert find_box(heat, left, EVEN, size=400)[1] == pytest.approx(1.0, abs=0.01)
    assert find_box(heat, np.array([[0.0, 0.0, 0.25, 1.0]]), EVEN, size=400)[1] == pytest.approx(0.5, abs=0.01)
    assert find_box(heat, np.array([[0.0, 0.0, 1.0, 1.0]]), EVEN, size=400)[1] == pytest.approx(0.5, abs=0.01)


def test_a_map_that_is_nowhere_above_zero_covers_nothing() -> None:
    heat = np.full((3, 3), -2.0, np.float32)
    assert find_box(heat, np.array([[0.0, 0.0, 1.0, 1.0]]), EVEN, size=30) == (True, 0.0)


def test_boxes_of_other_films_than_those_at_hand_measure_nothing(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NIH's table holds boxes of 880 films; a part of the set may hold none of them for a finding."""
    finding = run.target.value
    table = f"Image Index,Finding Label,Bbox [x,y,w,h],,,\nelsewhere.png,{finding},1,1,20,20\n"
    (tmp_path / "BBox_List_2017.csv").write_text(table)
    films = pd.DataFrame({"image": ["here.png"], "patient": ["1"], "path": [str(tmp_path / "here.png")]})
    catalog = SimpleNamespace(root=tmp_path, films=films)
    monkeypatch.setattr("cxr_export.localise.run_catalog", lambda _: catalog)
    assert localise(run, InputSpec(size=64), maps=_never, grid=EVEN) == ()


def _never(_: object) -> np.ndarray:
    raise AssertionError("no film is to be scored")
