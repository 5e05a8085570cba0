"""Files that are no films, lie about themselves or are damaged: a refusal each, never an exception."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import uid
from pydicom.data import get_testdata_file

from cxr_shared.film import Film, Refusal, RefusalKind, read_film


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"Dear colleague,\nthe film is attached.\n" * 20, "no image"),
        (b"GIF89a" + bytes(200), "GIF"),
        (b"%PDF-1.7" + bytes(200), "PDF"),
        (b"II*\0" + bytes(200), "TIFF"),
        (b"BM" + bytes(200), "BMP"),
        (bytes(128) + b"DICM", "no pixel data"),
        (bytes(400), "no image"),
    ],
    ids=["empty", "text", "gif", "pdf", "tiff", "bmp", "bare-dicom", "zeros"],
)
def test_what_is_no_image_is_said_to_be_none(refusal_of, content, said):
    refusal = refusal_of(content)
    assert refusal.kind is RefusalKind.NOT_AN_IMAGE
    assert said in refusal.message


@pytest.mark.parametrize("name", ["test-SR.dcm", "waveform_ecg.dcm", "rtstruct.dcm"])
def test_dicom_without_pixels_is_no_image(name):
    refusal = read_film(Path(str(get_testdata_file(name, download=False))))
    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.NOT_AN_IMAGE


def test_a_dicomdir_is_no_image():
    folder = Path(str(get_testdata_file("MR_small.dcm", download=False))).parent
    refusal = read_film(folder / "dicomdirtests" / "DICOMDIR")
    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.NOT_AN_IMAGE
    assert "DICOMDIR" in refusal.message


def test_paths_that_cannot_be_read_are_refused(tmp_path, make_dicom, saved, smooth):
    locked = saved(make_dicom(smooth))
    locked.chmod(0)
    paths = [tmp_path / "missing", tmp_path, Path("/dev/null"), tmp_path / "nul\0byte"]
    if os.geteuid() != 0:
        paths.append(locked)
    for path in paths:
        refusal = read_film(path)
        assert isinstance(refusal, Refusal)
        assert refusal.kind is RefusalKind.UNREADABLE
        assert refusal.source == path


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    refusal = read_film(tmp_path / "pipe")
    assert isinstance(refusal, Refusal)


def test_a_declared_size_is_refused_with_its_numbers(make_dicom, refusal_of, smooth):
    refusal = refusal_of(make_dicom(smooth, Rows=60_000, Columns=60_001))
    assert refusal.kind is RefusalKind.TOO_LARGE
    assert "60001 × 60000" in refusal.message


def test_a_thumbnail_is_refused(make_dicom, refusal_of):
    assert refusal_of(make_dicom(np.eye(32, dtype=np.uint16))).kind is RefusalKind.TOO_SMALL


@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (uid.JPEGBaseline8Bit, lambda samples: imagecodecs.jpeg8_encode((samples >> 4).astype(np.uint8))),
        (uid.JPEGLosslessSV1, lambda samples: imagecodecs.jpeg8_encode(samples, lossless=True, bitspersample=12)),
        (uid.JPEGLSLossless, imagecodecs.jpegls_encode),
        (uid.JPEG2000Lossless, lambda samples: imagecodecs.jpeg2k_encode(samples, codecformat="j2k")),
        (uid.HTJ2KLossless, lambda samples: imagecodecs.htj2k_encode(samples, reversible=True)),
    ],
)
def test_a_codestream_larger_than_its_attributes_is_refused_with_its_numbers(
    make_dicom, refusal_of, smooth, syntax, encode
):
    other = refusal_of(make_dicom(smooth, syntax=syntax, frame=encode(np.vstack([smooth, smooth]))))
    assert other.kind is RefusalKind.UNDECODABLE
    assert "96 × 144" in other.message
    assert "96 × 72" in other.message
    large = np.tile(smooth, (90, 65))
    bomb = refusal_of(make_dicom(smooth, syntax=syntax, frame=encode(large)))
    assert bomb.kind is RefusalKind.TOO_LARGE
    assert "6240 × 6480" in bomb.message


def _deflated(content):
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def test_a_deflated_bomb_is_refused(make_dicom, refusal_of, monkeypatch, smooth):
    monkeypatch.setattr("cxr_shared.film.limits.MAX_FILE_BYTES", 2**20)
    monkeypatch.setattr("cxr_shared.film.header.MAX_FILE_BYTES", 2**20)
    data = make_dicom(smooth, syntax=uid.DeflatedExplicitVRLittleEndian)
    meta = data[: data.index(uid.DeflatedExplicitVRLittleEndian.encode()) + 22]
    refusal = refusal_of(meta + _deflated(bytes(2**26)))
    assert refusal.kind is RefusalKind.TOO_LARGE


def test_a_damaged_deflated_set_is_refused_by_name(make_dicom, refusal_of, smooth):
    data = make_dicom(smooth, syntax=uid.DeflatedExplicitVRLittleEndian)
    meta = data[: data.index(uid.DeflatedExplicitVRLittleEndian.encode()) + 22]
    refusal = refusal_of(meta + b"\xff" * 500)
    assert refusal.kind is RefusalKind.UNDECODABLE
    assert "Deflated" in refusal.message


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.write(bytes(128) + b"DICM")
        stream.truncate(2**40)
    refusal = read_film(path)
    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.TOO_LARGE


def test_an_endless_header_is_refused(refusal_of):
    element = struct.pack("<HH2sHI", 0x0009, 0x1001, b"OB", 0, 2**24) + bytes(2**24)
    assert refusal_of(bytes(128) + b"DICM" + element).kind is RefusalKind.TOO_LARGE


def test_deep_nesting_is_refused(refusal_of):
    opening = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF)
    opening += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    assert isinstance(refusal_of(bytes(128) + b"DICM" + opening * 20_000), Refusal)


@pytest.mark.parametrize(
    "attributes",
    [
        {"Rows": 0},
        {"BitsAllocated": 32},
        {"BitsAllocated": 1, "BitsStored": 1},
        {"BitsStored": 17},
        {"SamplesPerPixel": 2},
        {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0},
        {"drop": ("Rows",)},
        {"drop": ("BitsAllocated",)},
        {"PixelData": b"\0\0"},
    ],
    ids=str,
)
def test_contradictory_descriptions_are_undecodable(make_dicom, refusal_of, smooth, attributes):
    assert refusal_of(make_dicom(smooth, **attributes)).kind is RefusalKind.UNDECODABLE


def test_a_blank_film_is_refused(make_dicom, refusal_of):
    assert refusal_of(make_dicom(np.full((80, 80), 9, np.uint16))).kind is RefusalKind.BLANK


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_grey_in_colour_is_read_and_colour_refused(make_dicom, read_bytes, smooth, photometric, planar):
    grey = (smooth >> 4).astype(np.uint8)
    neutral = grey if photometric == "RGB" else np.full_like(grey, 128)
    for others, kind in (((neutral, neutral), None), ((neutral, grey[::-1]), RefusalKind.COLOUR)):
        planes = [grey, *others]
        stored = np.stack(planes) if planar else np.dstack(planes)
        data = make_dicom(
            np.dstack(planes),
            PhotometricInterpretation=photometric,
            PlanarConfiguration=planar,
            PixelData=stored.tobytes(),
        )
        result = read_bytes(data)
        assert (result.kind if isinstance(result, Refusal) else None) is kind
        if isinstance(result, Film):
            assert np.array_equal(result.pixels, grey)


@pytest.mark.parametrize("grey", [True, False])
def test_palettes_are_read_where_they_are_grey(make_dicom, read_bytes, smooth, grey):
    samples = (smooth >> 4).astype(np.uint8)
    ramp = np.arange(256, dtype=np.uint16) * 257
    attributes = {f"{name}PaletteColorLookupTableDescriptor": [256, 0, 16] for name in ("Red", "Green", "Blue")}
    for name in ("Red", "Green", "Blue"):
        table = ramp if grey or name != "Blue" else ramp[::-1]
        attributes[f"{name}PaletteColorLookupTableData"] = table.tobytes()
    result = read_bytes(make_dicom(samples, PhotometricInterpretation="PALETTE COLOR", **attributes))
    if grey:
        assert isinstance(result, Film)
        assert np.array_equal(result.pixels, samples)
    else:
        assert isinstance(result, Refusal)
        assert result.kind is RefusalKind.COLOUR


def test_a_palette_without_tables_is_undecodable(make_dicom, refusal_of, smooth):
    samples = (smooth >> 4).astype(np.uint8)
    refusal = refusal_of(make_dicom(samples, PhotometricInterpretation="PALETTE COLOR"))
    assert refusal.kind is RefusalKind.UNDECODABLE


def test_running_out_of_memory_is_a_refusal(make_dicom, refusal_of, monkeypatch, smooth):
    def exhausted(*_args, **_options):
        raise MemoryError

    monkeypatch.setattr("cxr_shared.film.dicom.decode", exhausted)
    assert refusal_of(make_dicom(smooth)).kind is RefusalKind.TOO_LARGE


def test_an_unforeseen_exception_is_a_refusal_without_its_text(make_dicom, refusal_of, monkeypatch, smooth):
    def surprised(*_args, **_options):
        raise SystemError("Doe^Jane")

    monkeypatch.setattr("cxr_shared.film.dicom.decode", surprised)
    refusal = refusal_of(make_dicom(smooth))
    assert refusal.kind is RefusalKind.UNREADABLE
    assert "Doe" not in refusal.message


def test_patient_data_in_bad_values_is_neither_warned_of_nor_logged(make_dicom, film_of, smooth, caplog, recwarn):
    data = make_dicom(smooth, PatientAge="058Y", StudyTime="123456", WindowCenter=2000, WindowWidth=100)
    damaged = data.replace(b"058Y", b"Jane").replace(b"123456", b"Doe^Ja").replace(b"2000", b"Doe^")
    recwarn.clear()
    film = film_of(damaged)
    assert film.vois == ()
    assert film.identity.patient_age == "Jane"
    assert not caplog.records
    assert not recwarn.list


# mutated files


@pytest.fixture(scope="module")
def seeds(make_dicom, smooth):
    grey = (smooth >> 4).astype(np.uint8)
    png, jpeg = io.BytesIO(), io.BytesIO()
    Image.fromarray(grey).save(png, "PNG")
    Image.fromarray(grey).save(jpeg, "JPEG")
    shared = {"BitsStored": 12, "WindowCenter": 2000, "WindowWidth": 3000, "PixelPaddingValue": 0}
    rle = imagecodecs.packbits_encode
    planes = [rle((smooth >> 8).astype(np.uint8).tobytes()), rle(smooth.astype(np.uint8).tobytes())]
    header = struct.pack("<16I", 2, 64, 64 + len(planes[0]), *[0] * 13)
    return [
        png.getvalue(),
        jpeg.getvalue(),
        make_dicom(smooth, **shared),
        make_dicom(smooth, syntax=uid.ImplicitVRLittleEndian, **shared),
        make_dicom(smooth, syntax=uid.RLELossless, frame=header + b"".join(planes), **shared),
        make_dicom(smooth, syntax=uid.JPEGLSLossless, frame=imagecodecs.jpegls_encode(smooth), **shared),
        make_dicom(
            smooth, syntax=uid.JPEG2000Lossless, frame=imagecodecs.jpeg2k_encode(smooth, codecformat="j2k"), **shared
        ),
        make_dicom(
            smooth,
            syntax=uid.JPEGLosslessSV1,
            frame=imagecodecs.jpeg8_encode(smooth, lossless=True, bitspersample=12),
            **shared,
        ),
    ]


def test_every_seed_is_a_film(seeds, film_of):
    for seed in seeds:
        film_of(seed)


@settings(max_examples=400)
@given(data=st.data())
def test_mutated_files_give_a_result(seeds, read_bytes, data):
    mutated = bytearray(data.draw(st.sampled_from(seeds)))
    header = min(len(mutated) - 1, 900)
    anywhere = st.one_of(st.integers(0, header), st.integers(0, len(mutated) - 1))
    for position, value in data.draw(st.lists(st.tuples(anywhere, st.integers(0, 255)), min_size=1, max_size=8)):
        mutated[position] = value
    if data.draw(st.booleans()):
        del mutated[data.draw(anywhere) :]
    result = read_bytes(bytes(mutated))
    assert isinstance(result, Film | Refusal)
    if isinstance(result, Film):
        assert np.isfinite(result.pixels).all()


@settings(max_examples=150)
@given(
    head=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", bytes(128) + b"DICM"]),
    body=st.binary(max_size=600),
)
def test_random_bytes_give_a_refusal(refusal_of, head, body):
    refusal_of(head + body)
