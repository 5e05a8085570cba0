"""Modality, VOI, polarity and padding, against pydicom's own transforms and the standard's formulas."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence

from cxr_shared.film import RefusalKind, VoiLut, Window, present, read_film


def _lut_item(first, entries, *, bits, vr="US", data_vr="US"):
    item = Dataset()
    item.add_new("LUTDescriptor", vr, [len(entries) % 65536, first, bits])
    data = np.asarray(entries, "<u2").tobytes() if data_vr == "OW" else [int(entry) for entry in entries]
    item.add_new("LUTData", data_vr, data)
    item.LUTExplanation = "a curve"
    return item


def _curve(count, bits):
    """A rising curve that uses all of `bits`."""
    return np.rint(np.linspace(0, 1, count) ** 1.7 * (2**bits - 1)).astype(np.uint16)


VOIS = {
    "linear": {"WindowCenter": 1800.0, "WindowWidth": 2500.0},
    "narrow": {"WindowCenter": 2047.5, "WindowWidth": 2.0},
    "threshold": {"WindowCenter": 2048.0, "WindowWidth": 1.0},
    "exact": {"WindowCenter": 1800.0, "WindowWidth": 2500.0, "VOILUTFunction": "LINEAR_EXACT"},
    "exact-below-one": {"WindowCenter": 2000.2, "WindowWidth": 0.5, "VOILUTFunction": "LINEAR_EXACT"},
    "sigmoid": {"WindowCenter": 1800.0, "WindowWidth": 900.0, "VOILUTFunction": "SIGMOID"},
    "lut": {"VOILUTSequence": Sequence([_lut_item(300, _curve(3000, 12), bits=12)])},
    "lut-16-bit": {"VOILUTSequence": Sequence([_lut_item(0, _curve(4096, 16), bits=16, data_vr="OW")])},
    "lut-8-bit": {"VOILUTSequence": Sequence([_lut_item(0, _curve(4096, 8), bits=8)])},
}


def _dataset(data: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(data))


def _reference(data: bytes) -> np.ndarray:
    """What pydicom displays, scaled to 0..1, before polarity."""
    dataset = _dataset(data)
    shown = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset, prefer_lut=True)
    if "VOILUTSequence" in dataset:
        return shown / (2 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1)
    rescaled = "RescaleSlope" in dataset
    slope, intercept = (dataset.RescaleSlope, dataset.RescaleIntercept) if rescaled else (1, 0)
    low, high = intercept, slope * (2**dataset.BitsStored - 1) + intercept
    return (shown - low) / (high - low)


# pydicom 3.0 counts the entries of an 8-bit LUT in 8 bits, so its answer for one of 4096 entries is wrong
@pytest.mark.parametrize("voi", sorted(VOIS.keys() - {"lut-8-bit"}))
def test_the_presentation_is_pydicoms(make_dicom, film_of, smooth, voi):
    data = make_dicom(smooth, BitsStored=12, **VOIS[voi])
    shown = present(film_of(data))
    assert shown.dtype == np.float32
    assert np.allclose(shown, _reference(data), atol=2e-4)


def test_an_eight_bit_lut_is_its_curve(make_dicom, film_of, smooth):
    shown = present(film_of(make_dicom(smooth, BitsStored=12, **VOIS["lut-8-bit"])))
    assert np.allclose(shown, _curve(4096, 8)[smooth] / 255, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Applying a VOI LUT on a float input")
@pytest.mark.parametrize("voi", ["linear", "exact", "sigmoid", "lut"])
def test_the_presentation_with_a_rescale_is_pydicoms(make_dicom, film_of, smooth, voi):
    data = make_dicom(smooth, BitsStored=12, RescaleSlope=2, RescaleIntercept=-1000, **VOIS[voi])
    film = film_of(data)
    assert np.array_equal(film.pixels, smooth * 2.0 - 1000.0)
    assert np.allclose(present(film), _reference(data), atol=2e-4)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("rescale", [{}, {"RescaleSlope": 1.5, "RescaleIntercept": -700.0}])
@pytest.mark.parametrize("voi", VOIS)
def test_monochrome1_shows_the_inverse(make_dicom, film_of, smooth, voi, rescale, signed):
    samples = smooth.astype(np.int16) - 2048 if signed else smooth
    shared = {"BitsStored": 12, **rescale, **VOIS[voi]}
    shown = present(film_of(make_dicom(samples, **shared)))
    inverse = present(film_of(make_dicom(samples, PhotometricInterpretation="MONOCHROME1", **shared)))
    between_entries = 1 / 200 if rescale and "lut" in voi else 2e-5
    assert np.allclose(inverse, 1.0 - shown, atol=between_entries)


def _mirrored_voi(voi, top):
    """The transform that makes of ``top - x`` the inverse of what `VOIS[voi]` makes of ``x``."""
    attributes = dict(VOIS[voi])
    if "WindowCenter" in attributes:
        offset = 1.0 if "VOILUTFunction" not in attributes else 0.0  # LINEAR is centred half a value lower
        return attributes | {"WindowCenter": top - attributes["WindowCenter"] + offset}
    item = attributes["VOILUTSequence"][0]
    count, first, bits = item.LUTDescriptor
    raw = item.LUTData
    entries = np.frombuffer(raw, "<u2") if isinstance(raw, bytes) else np.array(raw)
    mirrored = (2**bits - 1) - entries[::-1].astype(int)
    return {"VOILUTSequence": Sequence([_lut_item(top - (first + count - 1), mirrored, bits=bits)])}


@pytest.mark.parametrize("voi", VOIS)
def test_monochrome1_of_inverted_pixels_is_monochrome2(make_dicom, film_of, smooth, voi):
    plain = film_of(make_dicom(smooth, BitsStored=12, **VOIS[voi]))
    negative = film_of(
        make_dicom(4095 - smooth, BitsStored=12, PhotometricInterpretation="MONOCHROME1", **_mirrored_voi(voi, 4095))
    )
    assert np.array_equal(plain.pixels, negative.pixels)
    assert np.allclose(present(plain), present(negative), atol=1e-5)


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME2", None, False),
        ("MONOCHROME1", None, True),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME1", "INVERSE", True),  # one inversion, said twice
        ("MONOCHROME1", "IDENTITY", True),  # known of DX objects whose shape is wrong
        ("MONOCHROME2", "INVERSE", True),  # C.11.6
    ],
)
def test_a_film_is_inverted_once_where_either_attribute_says_so(
    make_dicom, film_of, smooth, photometric, shape, inverted
):
    attributes = {"PresentationLUTShape": shape} if shape else {}
    film = film_of(make_dicom(smooth, BitsStored=12, PhotometricInterpretation=photometric, **attributes))
    assert np.array_equal(film.pixels, 4095.0 - smooth if inverted else smooth)


def test_a_lut_is_preferred_and_the_windows_are_kept(make_dicom, film_of, smooth):
    film = film_of(
        make_dicom(
            smooth,
            BitsStored=12,
            WindowCenter=[1000, 2000, 3000],
            WindowWidth=[500, 0, 700],
            WindowCenterWidthExplanation=["lung", "broken", "bone"],
            **VOIS["lut"],
        )
    )
    assert [voi.explanation for voi in film.vois] == ["a curve", "lung", "bone"]
    assert isinstance(film.vois[0], VoiLut)
    assert film.vois[1] == Window(999.5, 499.0, explanation="lung")


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(100, 0), (100, -5), ("", "")])
def test_unusable_windows_are_ignored(make_dicom, film_of, smooth, function, center, width):
    data = make_dicom(smooth, BitsStored=12, WindowCenter=center, WindowWidth=width, VOILUTFunction=function)
    assert film_of(data).vois == ()


@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian])
@pytest.mark.parametrize(("first", "vr"), [(-2000, "SS"), (63536, "US")])
def test_a_luts_first_value_may_be_negative_in_either_vr(make_dicom, film_of, smooth, syntax, first, vr):
    samples = smooth.astype(np.int16) - 2000
    item = _lut_item(first, _curve(4096, 12), bits=12, vr=vr)
    film = film_of(make_dicom(samples, syntax=syntax, BitsStored=16, VOILUTSequence=Sequence([item])))
    assert isinstance(film.vois[0], VoiLut)
    assert film.vois[0].first == -2000
    assert np.allclose(present(film), _curve(4096, 12)[smooth] / 4095, atol=1e-6)


def test_a_luts_descriptor_of_zero_means_65536_entries(make_dicom, film_of, smooth):
    item = _lut_item(0, _curve(65536, 16), bits=16, data_vr="OW")
    assert item.LUTDescriptor[0] == 0
    film = film_of(make_dicom(smooth * 16, VOILUTSequence=Sequence([item])))
    assert isinstance(film.vois[0], VoiLut)
    assert len(film.vois[0].table) == 65536


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian])
def test_eight_bit_lut_entries_may_share_words(make_dicom, film_of, smooth, syntax):
    curve = _curve(4096, 8)
    item = _lut_item(0, curve, bits=8)
    packed = curve.astype(np.uint8)
    if syntax == uid.ExplicitVRBigEndian:
        packed = packed.reshape(-1, 2)[:, ::-1].ravel()
    item.add_new("LUTData", "OW", packed.tobytes())
    film = film_of(make_dicom(smooth, syntax=syntax, BitsStored=12, VOILUTSequence=Sequence([item])))
    assert np.allclose(present(film), curve[smooth] / 255, atol=1e-6)


def test_a_lut_that_declares_more_bits_than_it_uses_is_not_dark(make_dicom, film_of, smooth):
    item = _lut_item(0, _curve(4096, 12), bits=16)
    film = film_of(make_dicom(smooth, BitsStored=12, VOILUTSequence=Sequence([item])))
    assert present(film).max() > 0.9


@pytest.mark.parametrize("broken", ["no-data", "no-descriptor", "short"])
def test_a_broken_lut_is_ignored(make_dicom, film_of, smooth, broken):
    item = _lut_item(0, _curve(4096, 12), bits=12)
    if broken == "no-data":
        del item.LUTData
    elif broken == "no-descriptor":
        del item.LUTDescriptor
    else:
        item.LUTData = [1, 2, 3]
    film = film_of(make_dicom(smooth, BitsStored=12, WindowCenter=100, WindowWidth=50, VOILUTSequence=Sequence([item])))
    assert [type(voi) for voi in film.vois] == [Window]


def test_a_modality_lut_is_applied_as_pydicom_does(make_dicom, film_of, smooth):
    item = _lut_item(200, _curve(3500, 16)[::-1], bits=16)
    item.ModalityLUTType = "US"
    data = make_dicom(smooth, BitsStored=12, ModalityLUTSequence=Sequence([item]))
    dataset = _dataset(data)
    assert np.array_equal(film_of(data).pixels, apply_modality_lut(dataset.pixel_array, dataset))
    inverted = film_of(
        make_dicom(smooth, BitsStored=12, ModalityLUTSequence=Sequence([item]), PhotometricInterpretation="MONOCHROME1")
    )
    assert np.array_equal(inverted.pixels, 2**16 - 1 - film_of(data).pixels)


def test_a_negative_slope_mirrors_the_range(make_dicom, film_of, smooth):
    film = film_of(
        make_dicom(
            smooth,
            BitsStored=12,
            RescaleSlope=-1,
            RescaleIntercept=4095,
            PhotometricInterpretation="MONOCHROME1",
        )
    )
    assert np.array_equal(film.pixels, smooth)


def test_an_absurd_rescale_is_refused(make_dicom, refusal_of, smooth):
    refusal = refusal_of(make_dicom(smooth, RescaleSlope="1e30", RescaleIntercept=0))
    assert refusal.kind is RefusalKind.UNDECODABLE


@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("value", [0, 4095])
def test_padding_becomes_the_lowest_valid_value(make_dicom, film_of, smooth, syntax, photometric, value):
    samples = smooth.copy()
    samples[:, :30] = value
    film = film_of(
        make_dicom(
            samples, syntax=syntax, BitsStored=12, PixelPaddingValue=value, PhotometricInterpretation=photometric
        )
    )
    valid = film.pixels[:, 30:]
    assert np.all(film.pixels[:, :30] == valid.min())
    assert valid.min() > 0


def test_a_padding_range_is_dark_and_signed(make_dicom, film_of, smooth):
    samples = smooth.astype(np.int16) - 1000
    samples[:10] = -2000
    samples[10:20] = -1900
    data = make_dicom(samples, BitsStored=16, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1500)
    film = film_of(data)
    assert film.pixels.min() == film.pixels[20:].min()
    assert np.all(film.pixels[:20] == film.pixels.min())


def test_padding_does_not_move_the_default_presentation(make_dicom, film_of, smooth):
    plain = film_of(make_dicom(smooth, BitsStored=12))
    framed = np.full((200, 220), 4095, np.uint16)
    framed[64:136, 62:158] = smooth
    padded = film_of(make_dicom(framed, BitsStored=12, PixelPaddingValue=4095))
    assert np.allclose(present(padded)[64:136, 62:158], present(plain), atol=1e-3)
    assert present(padded)[0, 0] == 0.0


def test_a_film_of_padding_alone_is_blank(make_dicom, refusal_of):
    refusal = refusal_of(make_dicom(np.full((80, 80), 7, np.uint16), PixelPaddingValue=7))
    assert refusal.kind is RefusalKind.BLANK


def test_bits_above_those_stored_are_ignored(make_dicom, film_of, smooth):
    overlay = smooth | np.where(smooth > 2000, 0xA000, 0x1000).astype(np.uint16)
    assert np.array_equal(film_of(make_dicom(overlay, BitsStored=12)).pixels, smooth)


def test_signs_are_extended_from_the_bits_stored(make_dicom, film_of, smooth):
    samples = smooth.astype(np.int16) - 2048
    dirty = ((samples & 0x0FFF) | 0x5000).astype(np.int16)
    assert np.array_equal(film_of(make_dicom(dirty, BitsStored=12)).pixels, samples)


def test_bits_stored_at_the_high_end_are_moved(make_dicom, film_of, smooth):
    data = make_dicom((smooth << 4) | 0x0005, BitsStored=12, HighBit=15)
    assert np.array_equal(film_of(data).pixels, smooth)


def test_the_file_is_closed_and_the_source_kept(make_dicom, saved, smooth):
    path: Path = saved(make_dicom(smooth))
    film = read_film(path)
    assert film.source == path
    path.unlink()


@settings(max_examples=60)
@given(
    center=st.floats(-3000, 8000),
    width=st.floats(1, 9000),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    photometric=st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
    bits=st.integers(12, 16),
)
def test_any_window_is_monotone_and_in_range(make_dicom, film_of, smooth, center, width, function, photometric, bits):
    attributes = {"WindowCenter": f"{center:.6g}", "WindowWidth": f"{width:.6g}", "VOILUTFunction": function}
    film = film_of(make_dicom(smooth, BitsStored=bits, PhotometricInterpretation=photometric, **attributes))
    shown = present(film).ravel()[np.argsort(film.pixels.ravel(), kind="stable")]
    assert shown.min() >= 0.0
    assert shown.max() <= 1.0
    assert np.all(np.diff(shown) >= -1e-7)
