"""PNG and JPEG films."""

from __future__ import annotations

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from cxr_shared.film import Film, RefusalKind, present


@pytest.fixture(scope="module")
def grey(smooth):
    return (smooth >> 4).astype(np.uint8)


def _png(samples, mode=None, **options):
    buffer = io.BytesIO()
    Image.fromarray(samples, mode).save(buffer, "PNG", **options) if mode else Image.fromarray(samples).save(
        buffer, "PNG", **options
    )
    return buffer.getvalue()


def _jpeg(samples, **options):
    buffer = io.BytesIO()
    Image.fromarray(samples).save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


def test_an_eight_bit_png_is_shown_as_it_is(film_of, grey):
    film: Film = film_of(_png(grey))
    assert np.array_equal(film.pixels, grey)
    assert film.pixels.dtype == np.float32
    assert (film.bits, film.transfer_syntax, film.vois) == (8, "PNG", ())
    assert np.allclose(present(film), grey / 255, atol=1e-6)


def test_a_sixteen_bit_png_keeps_its_values(film_of, smooth):
    film = film_of(_png(smooth * 16))
    assert np.array_equal(film.pixels, smooth * 16)
    assert film.bits == 16


@pytest.mark.parametrize("factor", [1, 16])
def test_a_sixteen_bit_png_is_shown_between_percentiles(film_of, smooth, factor):
    shown = present(film_of(_png(smooth * factor)))
    assert shown.min() == 0.0
    assert shown.max() == 1.0
    assert 0.2 < shown.mean() < 0.8


def test_colour_that_is_grey_is_read(film_of, grey):
    assert np.array_equal(film_of(_png(np.dstack([grey] * 3))).pixels, grey)
    assert np.array_equal(film_of(_png(np.dstack([grey] * 3 + [np.full_like(grey, 255)]))).pixels, grey)
    assert np.abs(film_of(_jpeg(np.dstack([grey] * 3))).pixels - grey).mean() < 1.5
    assert np.abs(film_of(_jpeg(grey)).pixels - grey).mean() < 1.5


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bit_colour_that_is_grey_keeps_its_values(film_of, smooth, channels):
    planes = [smooth * 16] * (3 if channels > 2 else 1)
    planes += [np.full_like(smooth, 65535)] * (channels % 2 == 0)
    film = film_of(imagecodecs.png_encode(np.dstack(planes)))
    assert np.array_equal(film.pixels, smooth * 16)
    assert film.bits == 16


def test_a_grey_palette_is_read(film_of, grey):
    image = Image.fromarray(grey).convert("P")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    assert np.array_equal(film_of(buffer.getvalue()).pixels, grey)


def test_colour_is_refused(refusal_of, smooth, grey):
    colour = np.dstack([grey, grey[::-1], grey])
    deep = imagecodecs.png_encode(np.dstack([smooth * 16, smooth[::-1] * 16, smooth * 16]))
    for data in (_png(colour), _jpeg(colour), deep):
        assert refusal_of(data).kind is RefusalKind.COLOUR


def test_transparency_is_refused(refusal_of, smooth, grey):
    alpha = np.full_like(grey, 255)
    alpha[3, 4] = 100
    deep_alpha = np.full_like(smooth, 65535)
    deep_alpha[3, 4] = 9
    for data in (
        _png(np.dstack([grey] * 3 + [alpha])),
        _png(grey, transparency=int(grey[0, 0])),
        imagecodecs.png_encode(np.dstack([smooth * 16] * 3 + [deep_alpha])),
    ):
        assert refusal_of(data).kind is RefusalKind.COLOUR


def test_an_animation_is_refused(refusal_of, grey):
    buffer = io.BytesIO()
    first, second = Image.fromarray(grey), Image.fromarray(grey[::-1].copy())
    first.save(buffer, "PNG", save_all=True, append_images=[second])
    assert refusal_of(buffer.getvalue()).kind is RefusalKind.MULTI_FRAME


def test_an_exif_orientation_is_applied(film_of, grey):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90° clockwise
    film = film_of(_jpeg(grey, exif=exif))
    assert film.shape == grey.shape[::-1]
    assert np.abs(film.pixels - np.rot90(grey, -1)).mean() < 1.5


@pytest.mark.parametrize("part", [0.2, 0.5, 0.95])
def test_truncated_images_are_refused(refusal_of, smooth, grey, part):
    deep = imagecodecs.png_encode(np.dstack([smooth * 16] * 3))
    for data in (_png(grey), _jpeg(grey), _png(smooth * 16), deep):
        refusal = refusal_of(data[: int(len(data) * part)])
        assert refusal.kind is RefusalKind.UNDECODABLE


def test_headers_without_content_are_refused(refusal_of):
    for data in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00\x10JFIF"):
        assert refusal_of(data).kind is RefusalKind.UNDECODABLE


def test_a_blank_image_is_refused(refusal_of, grey):
    assert refusal_of(_png(np.zeros_like(grey))).kind is RefusalKind.BLANK
    assert refusal_of(_png(np.full_like(grey, 255))).kind is RefusalKind.BLANK


def test_twelve_bit_jpegs_are_refused_outside_dicom(refusal_of, smooth):
    refusal = refusal_of(imagecodecs.jpeg8_encode(smooth, level=95, bitspersample=12))
    assert refusal.kind is RefusalKind.UNDECODABLE
    assert "12 bits" in refusal.message


def _bomb(columns, rows):
    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    content = zlib.compress(bytes(100_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("columns", "rows"), [(6001, 6000), (100_000, 100_000), (2**31 - 1, 2**31 - 1)])
def test_a_declared_bomb_is_refused_with_its_numbers(refusal_of, columns, rows):
    refusal = refusal_of(_bomb(columns, rows))
    assert refusal.kind is RefusalKind.TOO_LARGE
    assert f"{columns} × {rows}" in refusal.message


def test_a_jpeg_bomb_is_refused_with_its_numbers(refusal_of, grey):
    data = bytearray(_jpeg(grey))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65000, 65001)
    refusal = refusal_of(bytes(data))
    assert refusal.kind is RefusalKind.TOO_LARGE
    assert "65001 × 65000" in refusal.message


@pytest.mark.parametrize("shape", [(63, 200), (200, 1)])
def test_a_thumbnail_is_refused(refusal_of, shape):
    refusal = refusal_of(_png(np.arange(shape[0] * shape[1], dtype=np.uint8).reshape(shape)))
    assert refusal.kind is RefusalKind.TOO_SMALL


def test_low_bit_depths_are_scaled(film_of):
    board = (np.indices((80, 80)).sum(axis=0) % 2 * 255).astype(np.uint8)
    image = Image.fromarray(board).convert("1")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    assert np.array_equal(film_of(buffer.getvalue()).pixels, board)
