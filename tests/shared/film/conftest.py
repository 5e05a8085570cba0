"""Makes chest films as DICOM, PNG and JPEG files, and reads them."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pytest
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from cxr_shared.film import Film, Refusal, read_film

Samples = npt.NDArray[Any]


class MakeDicom(Protocol):
    def __call__(
        self,
        samples: Samples,
        *,
        syntax: str = ...,
        frame: bytes | None = ...,
        drop: tuple[str, ...] = ...,
        **attributes: object,
    ) -> bytes: ...


def _image_attributes(samples: Samples) -> dict[str, object]:
    bits = 8 * samples.dtype.itemsize
    channels = samples.shape[2] if samples.ndim == 3 else 1
    return {
        "Rows": samples.shape[0],
        "Columns": samples.shape[1],
        "SamplesPerPixel": channels,
        "PhotometricInterpretation": "MONOCHROME2" if channels == 1 else "RGB",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(samples.dtype.kind == "i"),
    } | ({"PlanarConfiguration": 0} if channels == 3 else {})


def _native(samples: Samples, *, big_endian: bool) -> bytes:
    raw = samples.astype(samples.dtype.newbyteorder(">" if big_endian else "<")).tobytes()
    return raw + b"\0" * (len(raw) % 2)


@pytest.fixture(scope="session")
def make_dicom() -> MakeDicom:
    """Give the bytes of a DX chest film of `samples`; keywords set attributes, `drop` leaves some out."""

    def make(
        samples: Samples,
        *,
        syntax: str = uid.ExplicitVRLittleEndian,
        frame: bytes | None = None,
        drop: tuple[str, ...] = (),
        **attributes: object,
    ) -> bytes:
        dataset = Dataset()
        dataset.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
        dataset.SOPInstanceUID = "1.2.3.4"
        settled = {"Modality": "DX", "BodyPartExamined": "CHEST", "ViewPosition": "PA"}
        for name, value in (settled | _image_attributes(samples) | attributes).items():
            if name not in drop:
                setattr(dataset, name, value)
        if "BitsStored" in attributes and "HighBit" not in attributes:
            dataset.HighBit = dataset.BitsStored - 1
        big_endian = syntax == uid.ExplicitVRBigEndian
        if "PixelData" not in drop and "PixelData" not in attributes:
            dataset.PixelData = encapsulate([frame]) if frame else _native(samples, big_endian=big_endian)
            dataset["PixelData"].VR = "OB" if frame or samples.dtype.itemsize == 1 else "OW"
        elif "PixelData" in attributes:
            dataset["PixelData"].VR = "OW"
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = uid.UID(syntax)
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        buffer = io.BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()

    return make


@pytest.fixture(scope="session")
def read_bytes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], Film | Refusal]:
    """Read bytes as a file whose name tells nothing."""
    path = tmp_path_factory.mktemp("films") / "film"

    def read(data: bytes) -> Film | Refusal:
        path.write_bytes(data)
        return read_film(path)

    return read


@pytest.fixture(scope="session")
def film_of(read_bytes: Callable[[bytes], Film | Refusal]) -> Callable[[bytes], Film]:
    """Read bytes that must be a film."""

    def read(data: bytes) -> Film:
        film = read_bytes(data)
        assert isinstance(film, Film), film
        return film

    return read


@pytest.fixture(scope="session")
def refusal_of(read_bytes: Callable[[bytes], Film | Refusal]) -> Callable[[bytes], Refusal]:
    """Read bytes that must be refused."""

    def read(data: bytes) -> Refusal:
        refusal = read_bytes(data)
        assert isinstance(refusal, Refusal)
        return refusal

    return read


@pytest.fixture(scope="session")
def smooth() -> Samples:
    """A (72, 96) uint16 film of 12 bits, smooth enough for lossy codecs, that uses 100..4000."""
    rows, columns = np.mgrid[:72, :96]
    waves = np.sin(rows / 17) + np.cos(columns / 23) + 0.1 * np.sin(columns / 3)
    scaled = (waves - waves.min()) / (waves.max() - waves.min())
    return (100 + np.rint(scaled * 3900)).astype(np.uint16)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[bytes], Path]:
    """Save bytes under a new name."""
    names = itertools.count()

    def save(data: bytes) -> Path:
        path = tmp_path / f"film-{next(names)}"
        path.write_bytes(data)
        return path

    return save
