"""What codestreams declare, without decoding them."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_shared.film.codestream import Declared, j2k_declares, jpeg_declares, png_declares

GREY8 = np.zeros((70, 90), np.uint8)
GREY12 = np.full((70, 90), 4095, np.uint16)
RGB8 = np.zeros((70, 90, 3), np.uint8)


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (imagecodecs.png_encode(GREY8), Declared(70, 90, 1, 8)),
        (imagecodecs.png_encode(RGB8.astype(np.uint16)), Declared(70, 90, 3, 16)),
    ],
)
def test_png(data, declared):
    assert png_declares(data) == declared
    assert png_declares(data[:25]) is None


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (imagecodecs.jpeg8_encode(GREY8), Declared(70, 90, 1, 8)),
        (imagecodecs.jpeg8_encode(RGB8), Declared(70, 90, 3, 8)),
        (imagecodecs.jpeg8_encode(GREY12, lossless=True, bitspersample=12), Declared(70, 90, 1, 12)),
        (imagecodecs.jpegls_encode(GREY12), Declared(70, 90, 1, 16)),
        (b"\xff\xd8" + b"\xff" * 3 + b"\xc0\0\x0b\x08\0\x10\0\x20\x01\x01\x11\0", Declared(16, 32, 1, 8)),
    ],
)
def test_jpeg_and_jpeg_ls(data, declared):
    assert jpeg_declares(data) == declared


def test_a_jpeg_whose_scan_comes_first_declares_nothing():
    assert jpeg_declares(b"\xff\xd8\xff\xda\0\x08" + imagecodecs.jpeg8_encode(GREY8)[2:]) is None


@pytest.mark.parametrize("form", ["j2k", "jp2"])
def test_jpeg_2000(form):
    data = imagecodecs.jpeg2k_encode(GREY12, codecformat=form, bitspersample=12)
    assert j2k_declares(data) == Declared(70, 90, 1, 12)


def test_a_jp2_file_is_not_fooled_by_a_codestream_in_another_box():
    data = imagecodecs.jpeg2k_encode(GREY12, codecformat="jp2", bitspersample=12)
    decoy = imagecodecs.jpeg2k_encode(GREY8[:8, :8], codecformat="j2k")
    box = struct.pack(">I4s", 8 + len(decoy), b"uuid") + decoy
    assert j2k_declares(data[:12] + box + data[12:]) == Declared(70, 90, 1, 12)


def test_htj2k():
    assert j2k_declares(imagecodecs.htj2k_encode(GREY12, reversible=True)) == Declared(70, 90, 1, 16)


@settings(max_examples=200)
@given(
    start=st.sampled_from([b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  "]),
    rest=st.binary(max_size=80),
)
def test_any_bytes_are_answered(start, rest):
    for declares in (png_declares, jpeg_declares, j2k_declares):
        declares(start + rest)
