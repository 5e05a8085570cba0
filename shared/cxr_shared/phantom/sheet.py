"""Contact sheet of the phantoms: one normal film and one film for each finding, with their boxes.

Run as ``python -m cxr_shared.phantom.sheet OUT.png [SEED]``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from cxr_shared.files import write_bytes
from cxr_shared.findings import FINDINGS, Target
from cxr_shared.opencv import cv2
from cxr_shared.phantom.phantom import Phantom
from cxr_shared.phantom.raster import SIZE
from cxr_shared.phantom.render import render

_COLUMNS: Final = 5
_CAPTION: Final = 22
_GAP: Final = 4
_SEED: Final = 200
_SEVERITY: Final = 0.6


def contact_sheet(seed: int = _SEED, *, tile: int = 300) -> npt.NDArray[np.uint8]:
    """Draw a normal film and one film of each finding, captioned and with thin boxes.

    Parameters
    ----------
    seed
        Number of the first film; the others follow.
    tile
        Width of one film on the sheet in pixels.

    Returns
    -------
    ndarray
        (H, W) uint8, five films a row.
    """
    shown: list[Target | None] = [None, *FINDINGS]
    tiles = []
    for number, finding in enumerate(shown):
        findings = () if finding is None else (finding,)
        phantom = render(seed + number, findings=findings, severity=_SEVERITY)
        caption = "Normal" if finding is None else finding.display
        tiles.append(_tile(phantom, f"{caption}, {phantom.view}", size=tile))
    rows = [np.hstack(tiles[start : start + _COLUMNS]) for start in range(0, len(tiles), _COLUMNS)]
    return np.vstack(rows)


def _tile(phantom: Phantom, caption: str, *, size: int) -> npt.NDArray[np.uint8]:
    film = cv2.resize(phantom.pixels, (size, size), interpolation=cv2.INTER_AREA)
    scale = size / SIZE
    for box in phantom.boxes:
        corner = round(box.x * scale), round(box.y * scale)
        opposite = round((box.x + box.width) * scale), round((box.y + box.height) * scale)
        cv2.rectangle(film, corner, opposite, (255,), 1)
    framed = np.zeros((size + _CAPTION + _GAP, size + _GAP), np.uint8)
    framed[_CAPTION : _CAPTION + size, :size] = film
    cv2.putText(framed, caption, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (230,), 1, cv2.LINE_AA)
    return framed


def main(arguments: list[str]) -> int:
    """Write the sheet to the path in `arguments`, from the seed after it; exit status."""
    if not 1 <= len(arguments) <= 2:
        print("Usage: python -m cxr_shared.phantom.sheet OUT.png [SEED]", file=sys.stderr)
        return 2
    seed = int(arguments[1]) if len(arguments) == 2 else _SEED
    _, data = cv2.imencode(".png", contact_sheet(seed), (cv2.IMWRITE_PNG_COMPRESSION, 9))
    write_bytes(Path(arguments[0]), data.tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
