"""What the smoke tests feed the program: a bundle of toys, and films in every form that it says it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom import dcmread, uid
from pydicom.encaps import encapsulate

from cxr_desktop.inference.toy import write_toy_bundle
from cxr_shared.findings import Target
from cxr_shared.opencv import cv2
from cxr_shared.phantom import render, write_phantoms

Encode: TypeAlias = Callable[[npt.NDArray[np.uint16]], bytes]

_BY_HAND: Final[Mapping[str, Encode]] = {
    uid.JPEGLosslessSV1: lambda grey: bytes(
        imagecodecs.jpeg8_encode(grey, lossless=True, predictor=1, bitspersample=12)
    ),
    uid.JPEGExtended12Bit: lambda grey: bytes(imagecodecs.jpeg8_encode(grey, level=95, bitspersample=12)),
}
_BY_PYDICOM: Final = (uid.RLELossless, uid.JPEG2000Lossless, uid.JPEGLSLossless)
DICOM_FILMS: Final = 1 + len(_BY_HAND) + len(_BY_PYDICOM)
FILMS: Final = 2 + DICOM_FILMS


def write(folder: Path) -> tuple[Path, Path]:
    """Write `chest.cxr`, `films/` and an empty `films-none/` into a folder, and return the paths of the first two.

    The films are one PNG, one JPEG, and one DICOM file for each way in which its pixels may be stored.
    """
    films = folder / "films"
    films.mkdir(parents=True)
    (folder / "films-none").mkdir()
    bundle = folder / "chest.cxr"
    write_toy_bundle(bundle, dict.fromkeys(Target, (3.0, -2.0)))
    picture = render(5, findings=[Target.PNEUMOTHORAX]).pixels
    for name in ("film.png", "film.jpg"):
        if not cv2.imwrite(str(films / name), picture):
            raise OSError(f"{films / name} could not be written")
    (plain,) = write_phantoms(folder / "phantoms", films=1, seed=9, dicom=True, workers=1).images
    (films / "plain.dcm").write_bytes(plain.read_bytes())
    for syntax in (*_BY_HAND, *_BY_PYDICOM):
        _write_compressed(plain, films / f"{uid.UID(syntax).keyword}.dcm", syntax)
    return bundle, films


def _write_compressed(plain: Path, target: Path, syntax: str) -> None:
    dataset: Any = dcmread(plain)
    if syntax in _BY_PYDICOM:
        dataset.compress(syntax)
    else:
        grey = dataset.pixel_array.astype(np.uint16)
        dataset.PixelData = encapsulate([_BY_HAND[syntax](grey)])
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = uid.UID(syntax)
    dataset.save_as(target, enforce_file_format=True)
