"""The documentation's contact sheet."""

import numpy as np

from cxr_shared.opencv import cv2
from cxr_shared.phantom import sheet


def test_the_sheet_holds_fifteen_captioned_tiles(monkeypatch, tmp_path, film):
    monkeypatch.setattr(sheet, "render", lambda seed, *, findings, severity: film(3, *findings, severity=0.6))
    path = tmp_path / "sheet.png"
    assert sheet.main([str(path), "3"]) == 0
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels.dtype == np.uint8
    rows, columns = pixels.shape
    tiles = pixels.reshape(3, rows // 3, 5, columns // 5).swapaxes(1, 2).reshape(15, -1)
    assert (tiles.std(axis=1) > 20).all()
    assert len(np.unique(tiles, axis=0)) == 15


def test_a_wrong_call_says_how(capsys):
    assert sheet.main([]) == 2
    assert "OUT.png" in capsys.readouterr().err
