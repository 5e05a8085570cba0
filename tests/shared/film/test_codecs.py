"""One film through every transfer syntax, and pydicom's own test files made chest films."""

from __future__ import annotations

import io
import os
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate

from cxr_shared.film import RefusalKind
from cxr_shared.film import decode as decoding
from cxr_shared.film.header import read_header, read_pixels


def _lossless_jpeg(samples, predictor, bits=12):
    return imagecodecs.jpeg8_encode(samples, lossless=True, predictor=predictor, bitspersample=bits)


def _j2k(samples, **options):
    return imagecodecs.jpeg2k_encode(samples, codecformat="j2k", bitspersample=12, **options)


LOSSLESS = {
    uid.JPEGLosslessSV1: lambda samples: _lossless_jpeg(samples, 1),
    uid.JPEGLossless: lambda samples: _lossless_jpeg(samples, 6),
    uid.JPEGLSLossless: imagecodecs.jpegls_encode,
    uid.JPEG2000Lossless: lambda samples: _j2k(samples, reversible=True),
    uid.JPEG2000: lambda samples: _j2k(samples, reversible=True),
    uid.HTJ2KLossless: lambda samples: imagecodecs.htj2k_encode(samples, reversible=True),
    uid.HTJ2KLosslessRPCL: lambda samples: imagecodecs.htj2k_encode(samples, reversible=True, tlm=True),
}
LOSSY = {
    uid.JPEGExtended12Bit: lambda samples: imagecodecs.jpeg8_encode(samples, level=95, bitspersample=12),
    uid.JPEGLSNearLossless: lambda samples: imagecodecs.jpegls_encode(samples, level=3),
    uid.JPEG2000: lambda samples: _j2k(samples, reversible=False, level=60),
    uid.HTJ2K: lambda samples: imagecodecs.htj2k_encode(samples, level=0.0005, reversible=False),
}


@pytest.mark.parametrize(
    "syntax",
    [
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
        uid.DeflatedExplicitVRLittleEndian,
    ],
    ids=lambda syntax: syntax.keyword,
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_native_syntaxes_give_the_stored_values(make_dicom, film_of, smooth, syntax, dtype):
    samples = (smooth >> 4).astype(dtype) if dtype == np.uint8 else smooth.astype(dtype)
    if dtype == np.int16:
        samples = samples - 2000
    film = film_of(make_dicom(samples, syntax=syntax))
    assert film.pixels.dtype == np.float32
    assert np.array_equal(film.pixels, samples)
    assert film.transfer_syntax == syntax


def test_eight_bits_in_big_endian_words_are_swapped(make_dicom, film_of, smooth):
    samples = (smooth >> 4).astype(np.uint8)
    data = make_dicom(samples, syntax=uid.ExplicitVRBigEndian, PixelData=samples.reshape(-1, 2)[:, ::-1].tobytes())
    assert b"OW" in data
    assert np.array_equal(film_of(data).pixels, samples)


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.keyword)
def test_lossless_syntaxes_give_the_stored_values(make_dicom, film_of, smooth, syntax):
    data = make_dicom(smooth, syntax=syntax, frame=LOSSLESS[syntax](smooth), BitsStored=12)
    assert np.array_equal(film_of(data).pixels, smooth)


@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_lossless_jpeg_has_every_predictor_and_depth(make_dicom, film_of, smooth, predictor, bits):
    samples = (smooth >> 4).astype(np.uint8) if bits == 8 else smooth & (2**bits - 1)
    data = make_dicom(samples, syntax=uid.JPEGLossless, frame=_lossless_jpeg(samples, predictor, bits), BitsStored=bits)
    assert np.array_equal(film_of(data).pixels, samples)


@pytest.mark.parametrize("syntax", LOSSY, ids=lambda syntax: syntax.keyword)
def test_lossy_syntaxes_give_nearly_the_stored_values(make_dicom, film_of, smooth, syntax):
    data = make_dicom(smooth, syntax=syntax, frame=LOSSY[syntax](smooth), BitsStored=12)
    error = np.abs(film_of(data).pixels - smooth)
    assert error.mean() < 6
    assert error.max() < 40


def test_baseline_jpeg_gives_nearly_the_stored_values(make_dicom, film_of, smooth):
    samples = (smooth >> 4).astype(np.uint8)
    frame = imagecodecs.jpeg8_encode(samples, level=95)
    film = film_of(make_dicom(samples, syntax=uid.JPEGBaseline8Bit, frame=frame))
    assert np.abs(film.pixels - samples).mean() < 1
    same = film_of(make_dicom(samples, syntax=uid.JPEGExtended12Bit, frame=frame))
    assert np.abs(same.pixels - film.pixels).max() <= 1  # two builds of libjpeg-turbo


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_rle_gives_the_stored_values(make_dicom, film_of, smooth, dtype):
    samples = (smooth >> 4).astype(dtype) if dtype == np.uint8 else smooth.astype(dtype)
    dataset = pydicom.dcmread(io.BytesIO(make_dicom(samples)))
    dataset.compress(uid.RLELossless)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    assert np.array_equal(film_of(buffer.getvalue()).pixels, samples)


@pytest.mark.parametrize("syntax", [uid.JPEGLosslessSV1, uid.JPEG2000Lossless, uid.JPEGLSLossless])
def test_signed_values_survive_codecs(make_dicom, film_of, smooth, syntax):
    samples = smooth.astype(np.int16) - 2000
    twos_complement = (samples & 0x0FFF).astype(np.uint16)  # 12 bits, as devices hand them to the codec
    data = make_dicom(samples, syntax=syntax, frame=LOSSLESS[syntax](twos_complement), BitsStored=12)
    assert np.array_equal(film_of(data).pixels, samples)


def test_a_codestream_in_several_fragments_is_joined(make_dicom, film_of, smooth):
    frame = LOSSLESS[uid.JPEG2000Lossless](smooth)
    pixel_data = encapsulate([frame], fragments_per_frame=4)
    data = make_dicom(smooth, syntax=uid.JPEG2000Lossless, frame=frame, BitsStored=12)
    whole = pydicom.dcmread(io.BytesIO(data))
    whole.PixelData = pixel_data
    buffer = io.BytesIO()
    whole.save_as(buffer)
    assert np.array_equal(film_of(buffer.getvalue()).pixels, smooth)


def test_jpeg_2000_in_a_jp2_file_is_read(make_dicom, film_of, smooth):
    frame = imagecodecs.jpeg2k_encode(smooth, codecformat="jp2", bitspersample=12, reversible=True)
    assert frame[4:8] == b"jP  "
    data = make_dicom(smooth, syntax=uid.JPEG2000Lossless, frame=frame, BitsStored=12)
    assert np.array_equal(film_of(data).pixels, smooth)


def test_each_syntax_has_one_permissive_codec():
    plugins = set(decoding._PLUGINS.values())
    assert plugins == {"pylibjpeg", "pillow", "pyjpegls", "cxr-imagecodecs"}
    jpeg = {syntax for syntax, plugin in decoding._PLUGINS.items() if plugin == "pylibjpeg"}
    assert jpeg.isdisjoint(uid.JPEGTransferSyntaxes)  # there, pylibjpeg would mean the GPL-3 libjpeg
    assert jpeg.isdisjoint(uid.JPEGLSTransferSyntaxes)


def test_an_unknown_syntax_is_named(make_dicom, refusal_of, smooth):
    refusal = refusal_of(make_dicom(smooth, syntax=uid.MPEG2MPML, frame=b"\0" * 64))
    assert refusal.kind is RefusalKind.UNDECODABLE
    assert uid.MPEG2MPML.name in refusal.message
    assert uid.MPEG2MPML in refusal.message


@pytest.mark.parametrize("syntax", {**LOSSLESS, **LOSSY}, ids=lambda syntax: syntax.keyword)
def test_a_truncated_codestream_is_refused_by_name(make_dicom, refusal_of, smooth, syntax):
    frame = {**LOSSLESS, **LOSSY}[syntax](smooth)
    refusal = refusal_of(make_dicom(smooth, syntax=syntax, frame=frame[: len(frame) // 2], BitsStored=12))
    assert refusal.kind is RefusalKind.UNDECODABLE
    assert str(syntax) in refusal.message


@pytest.mark.parametrize("part", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.JPEGLosslessSV1])
def test_a_truncated_file_is_refused_as_incomplete(make_dicom, refusal_of, smooth, syntax, part):
    frame = LOSSLESS[syntax](smooth) if syntax in LOSSLESS else None
    data = make_dicom(smooth, syntax=syntax, frame=frame, BitsStored=12)
    header = data.index(b"\xe0\x7f\x10\x00") + 12
    refusal = refusal_of(data[: header + int(part * (len(data) - header))])
    assert refusal.kind is RefusalKind.UNDECODABLE
    assert str(syntax) in refusal.message


# pydicom's own files


def _as_chest_film(name: str, **attributes: object) -> tuple[bytes, pydicom.Dataset]:
    path = get_testdata_file(name, download=False)
    assert path is not None
    dataset = pydicom.dcmread(path)
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "DX", "CHEST", "PA"
    for keyword in ("PatientOrientation", "ImagePositionPatient", "SeriesDescription"):
        if keyword in dataset:
            delattr(dataset, keyword)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue(), dataset


@pytest.mark.parametrize(
    "name",
    [
        "MR_small.dcm",
        "MR_small_padded.dcm",
        "MR_small_implicit.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_expb.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
    ],
)
def test_pydicoms_twins_decode_to_the_same_values(film_of, name):
    reference = pydicom.dcmread(get_testdata_file("MR_small.dcm", download=False)).pixel_array
    data, _ = _as_chest_film(name)
    film = film_of(data)
    assert np.array_equal(film.pixels, reference)


def test_pydicoms_deflated_file_decodes(film_of):
    data, dataset = _as_chest_film("image_dfl.dcm")
    assert dataset.file_meta.TransferSyntaxUID == uid.DeflatedExplicitVRLittleEndian
    assert np.array_equal(film_of(data).pixels, dataset.pixel_array)


def test_pydicoms_two_lossy_codings_of_one_scan_agree(film_of):
    jpeg, _ = _as_chest_film("JPEG-lossy.dcm")
    j2k, _ = _as_chest_film("JPEG2000.dcm")
    jpeg_film, j2k_film = film_of(jpeg), film_of(j2k)
    assert jpeg_film.transfer_syntax == uid.JPEGExtended12Bit
    assert j2k_film.transfer_syntax == uid.JPEG2000
    assert np.corrcoef(jpeg_film.pixels.ravel(), j2k_film.pixels.ravel())[0, 1] > 0.95
    assert (jpeg_film.pixels[420, 140], jpeg_film.pixels[230, 120]) == (244, 95)  # as pydicom's own tests have


@pytest.mark.parametrize("name", ["693_J2KI.dcm", "J2K_pixelrep_mismatch.dcm"])
def test_pydicoms_jpeg_2000_files_decode_as_pillow_does(film_of, name):
    data, dataset = _as_chest_film(name, RescaleIntercept=0, RescaleSlope=1)
    dataset.pixel_array_options(decoding_plugin="pillow")
    padding = dataset.get("PixelPaddingValue")
    reference = dataset.pixel_array.astype(np.float32)
    valid = reference != padding if padding is not None else np.ones(reference.shape, bool)
    assert np.abs(film_of(data).pixels - reference)[valid].max() <= 1


@pytest.mark.parametrize("name", ["JPEGLSNearLossless_08.dcm", "JPEGLSNearLossless_16.dcm"])
def test_pydicoms_near_lossless_files_decode(film_of, monkeypatch, name):
    monkeypatch.setattr("cxr_shared.film.limits.MIN_SIDE", 1)
    data, dataset = _as_chest_film(name)
    assert np.array_equal(film_of(data).pixels, dataset.pixel_array)


@pytest.mark.parametrize(
    "name",
    [
        "SC_rgb_jpeg_gdcm.dcm",  # lossless JPEG
        "SC_rgb_rle.dcm",
        "SC_rgb_gdcm_KY.dcm",  # JPEG 2000
        "SC_rgb_jls_lossy_line.dcm",
        "SC_rgb_dcmtk_+eb+cr.dcm",
        "SC_rgb_dcmtk_+eb+cy+s4.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
        "examples_palette.dcm",
        "examples_jpeg2k.dcm",
    ],
)
def test_pydicoms_colour_files_decode_and_are_colour(refusal_of, name):
    data, _ = _as_chest_film(name)
    assert refusal_of(data).kind is RefusalKind.COLOUR


def test_every_file_of_pydicom_gives_a_result(read_bytes):
    folder = Path(str(get_testdata_file("MR_small.dcm", download=False))).parent
    files = [path for path in folder.iterdir() if path.is_file() and os.access(path, os.R_OK)]
    assert len(files) > 60
    for path in files:
        read_bytes(path.read_bytes())


def _decoded(name):
    with Path(str(get_testdata_file(name, download=False))).open("rb") as stream:
        header = read_header(stream)
        return decoding.decode(read_pixels(header), decoding.read_format(header.dataset), header.transfer_syntax)


def test_colour_in_lossless_jpeg_is_not_converted():
    lossless, twin = _decoded("SC_rgb_jpeg_gdcm.dcm"), _decoded("SC_rgb_rle.dcm")
    assert lossless.photometric == twin.photometric == "RGB"
    assert np.array_equal(lossless.samples, twin.samples)


@pytest.mark.parametrize(
    ("syntax", "photometric", "encode"),
    [
        (uid.JPEGBaseline8Bit, "YBR_FULL_422", lambda rgb: imagecodecs.jpeg8_encode(rgb, level=95)),
        (uid.JPEGBaseline8Bit, "YBR_FULL", lambda rgb: imagecodecs.jpeg8_encode(rgb, level=95, subsampling="444")),
        (
            uid.JPEG2000Lossless,
            "YBR_RCT",
            lambda rgb: imagecodecs.jpeg2k_encode(rgb, codecformat="j2k", reversible=True),
        ),
        (uid.JPEG2000, "YBR_ICT", lambda rgb: imagecodecs.jpeg2k_encode(rgb, codecformat="j2k", level=60)),
        (uid.JPEGLSLossless, "RGB", imagecodecs.jpegls_encode),
        (uid.HTJ2KLossless, "YBR_RCT", lambda rgb: imagecodecs.htj2k_encode(rgb, reversible=True)),
    ],
    ids=lambda value: value if isinstance(value, str) else "encoded",
)
def test_grey_films_in_compressed_colour_are_read(make_dicom, film_of, smooth, syntax, photometric, encode):
    grey = (smooth >> 4).astype(np.uint8)
    rgb = np.ascontiguousarray(np.dstack([grey] * 3))
    film = film_of(make_dicom(rgb, syntax=syntax, frame=encode(rgb), PhotometricInterpretation=photometric))
    assert np.abs(film.pixels - grey).mean() < 1.5
