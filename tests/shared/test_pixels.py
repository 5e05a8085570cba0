"""The one pixel path: the same film gives the same model input, whatever it was saved as."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, JPEG2000Lossless

from cxr_shared.bundle.manifest import InputSpec
from cxr_shared.film import Film, Window, read_film
from cxr_shared.opencv import cv2
from cxr_shared.pixels import PIXEL_PATH_VERSION, model_input

SPEC = InputSpec(size=224)


def _chest(rows=700, columns=600):
    """A 12-bit film with ribs, noise and a border, as a device stores it."""
    generator = np.random.default_rng(11)
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    lungs = np.exp(-(((np.abs(x) - 0.45) / 0.25) ** 2) - (y / 0.6) ** 2)
    ribs = 0.12 * np.sin(28 * y + 6 * np.abs(x))
    body = 0.75 - 0.55 * lungs + ribs * lungs
    body[np.abs(x) > 0.95] = 0.0
    return np.clip(body * 3500 + generator.normal(250, 25, body.shape), 0, 4095).astype(np.uint16)


def _dicom(samples, *, bits, frame=None, **attributes):
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = DigitalXRayImageStorageForPresentation, "1.2.3"
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "DX", "CHEST", "PA"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = *samples.shape, 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8 * samples.itemsize, bits, bits - 1
    dataset.PixelRepresentation = 0
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = samples.tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if frame:
        dataset.compress(frame, generate_instance_uid=False)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture
def read(tmp_path):
    def read_bytes(data: bytes) -> Film:
        path = tmp_path / "film"
        path.write_bytes(data)
        film = read_film(path)
        assert isinstance(film, Film), film
        return film

    return read_bytes


def _png(samples) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("keep_aspect", [False, True])
@pytest.mark.parametrize("window", [(1900, 3400), (1500, 2000)])
def test_png_and_both_kinds_of_dicom_give_one_input(read, window, keep_aspect):
    spec = InputSpec(size=224, keep_aspect=keep_aspect)
    stored = _chest()
    center, width = window
    shown = np.clip((stored - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
    eight = np.rint(shown * 255).astype(np.uint8)
    files = {
        "png": _png(eight),
        "8-bit MONOCHROME1": _dicom(255 - eight, bits=8, PhotometricInterpretation="MONOCHROME1"),
        "8-bit MONOCHROME2": _dicom(eight, bits=8, PhotometricInterpretation="MONOCHROME2"),
        "12-bit MONOCHROME2": _dicom(
            stored, bits=12, PhotometricInterpretation="MONOCHROME2", WindowCenter=center, WindowWidth=width
        ),
        "12-bit MONOCHROME1": _dicom(
            4095 - stored,
            bits=12,
            PhotometricInterpretation="MONOCHROME1",
            PresentationLUTShape="INVERSE",
            WindowCenter=4096 - center,
            WindowWidth=width,
        ),
        "12-bit JPEG 2000": _dicom(
            stored,
            bits=12,
            frame=JPEG2000Lossless,
            PhotometricInterpretation="MONOCHROME2",
            WindowCenter=center,
            WindowWidth=width,
        ),
    }
    inputs = {name: model_input(read(data), spec).astype(int) for name, data in files.items()}
    assert inputs["png"].std() > 20
    for name, pixels in inputs.items():
        difference = np.abs(pixels - inputs["png"])
        assert difference.mean() < 1, name
        assert difference.max() <= 1, name


def test_a_square_png_is_reduced_by_area(read):
    samples = np.random.default_rng(3).integers(0, 256, (1024, 1024), np.uint8)
    expected = cv2.resize(samples, (224, 224), interpolation=cv2.INTER_AREA)
    assert np.array_equal(model_input(read(_png(samples)), SPEC), expected)


@pytest.mark.realdata
def test_nihs_pngs_are_reduced_by_area(real_material: Path):
    for path in sorted((real_material / "nih" / "images").glob("*.png"))[:6]:
        film = read_film(path)
        assert isinstance(film, Film)
        expected = cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (224, 224), interpolation=cv2.INTER_AREA)
        assert np.array_equal(model_input(film, SPEC), expected)


def test_the_aspect_is_kept_with_black_where_asked(read):
    samples = np.full((400, 200), 200, np.uint8)
    samples[0, 0] = 190
    film = read(_png(samples))
    framed = model_input(film, InputSpec(size=64, keep_aspect=True))
    assert framed[:, :16].max() == 0
    assert framed[:, 48:].max() == 0
    assert framed[:, 16:48].min() >= 190
    assert model_input(film, InputSpec(size=64)).min() >= 190


@settings(max_examples=40)
@given(
    rows=st.integers(64, 300),
    columns=st.integers(64, 300),
    size=st.integers(32, 320),
    keep_aspect=st.booleans(),
)
def test_any_film_becomes_a_square(rows, columns, size, keep_aspect):
    pixels = np.linspace(-50, 4000, rows * columns, dtype=np.float32).reshape(rows, columns)
    film = Film(pixels=pixels, vois=(Window(2000, 3000),), bits=12, source=Path("film"))
    result = model_input(film, InputSpec(size=size, keep_aspect=keep_aspect))
    assert result.shape == (size, size)
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous


def test_the_version_is_pinned():
    """Changing what `model_input` gives invalidates caches and bundles: raise the version, then this."""
    pixels = (np.indices((96, 80)).sum(axis=0) * 20).astype(np.float32)
    film = Film(pixels=pixels, vois=(Window(1700, 3000),), bits=12, source=Path("film"))
    reduced = model_input(film, InputSpec(size=32, keep_aspect=True))
    assert PIXEL_PATH_VERSION == 1
    assert int(reduced.sum()) == pytest.approx(113_039, abs=60)  # builds of OpenCV may round differently
