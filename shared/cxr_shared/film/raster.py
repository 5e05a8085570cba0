"""Films saved as PNG or JPEG."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, Final

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from cxr_shared.film.codestream import PNG_SIGNATURE, Declared, jpeg_declares, png_declares
from cxr_shared.film.colour import grey_of_rgb
from cxr_shared.film.film import Film, RefusalKind
from cxr_shared.film.grayscale import refuse_blank
from cxr_shared.film.limits import check_dimensions
from cxr_shared.film.refusals import FilmRefusedError

Samples = npt.NDArray[Any]

_JPEG_HEADER_BYTES: Final = 2**22  # metadata, such as a thumbnail or a colour profile, may come first
_DEEP_GREY: Final = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I"})


def read_raster(stream: BinaryIO, path: Path) -> Film:
    """Read a PNG (8 or 16 bit) or JPEG whose content is grey.

    An EXIF orientation is applied, for photographs of films; a gamma or colour profile is not: the values
    are what the film's exporter wrote. An 8-bit image is shown as it is, see `present`.

    Parameters
    ----------
    stream
        The file, open at its start.
    path
        Where it was found.

    Raises
    ------
    FilmRefusedError
        NOT_AN_IMAGE, UNDECODABLE, MULTI_FRAME, COLOUR, TOO_LARGE, TOO_SMALL or BLANK.
    """
    head = stream.read(_JPEG_HEADER_BYTES)
    stream.seek(0)
    container = "PNG" if head.startswith(PNG_SIGNATURE) else "JPEG"
    declared = png_declares(head) if container == "PNG" else jpeg_declares(head)
    if declared is None:
        raise _damaged(container)
    check_dimensions(declared.rows, declared.columns, what="The image")
    if container == "JPEG" and declared.bits != 8:
        raise FilmRefusedError(
            RefusalKind.UNDECODABLE,
            f"This JPEG has {declared.bits} bits a sample; outside DICOM only 8 are read. Save it as a PNG.",
        )
    try:
        samples, bits = _samples(stream, container=container, declared=declared)
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, imagecodecs.PngError) as error:
        raise _damaged(container) from error
    pixels = samples.astype(np.float32)
    refuse_blank(pixels)
    return Film(pixels=pixels, vois=(), bits=bits, source=path, transfer_syntax=container)


def _samples(stream: BinaryIO, *, container: str, declared: Declared) -> tuple[Samples, int]:
    with Image.open(stream, formats=[container]) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise FilmRefusedError(
                RefusalKind.MULTI_FRAME,
                "This image holds several frames; a film has one. Save one of them.",
            )
        if declared.bits == 16 and declared.channels > 1:
            image.load()  # Pillow keeps 8 of 16 colour bits, but checks the checksums
            stream.seek(0)
            return _deep_colour(imagecodecs.png_decode(stream.read())), 16
        upright = ImageOps.exif_transpose(image)
        if upright.mode in _DEEP_GREY:
            return np.asarray(upright).astype(np.uint16), 16
        return _shallow(upright), 8


def _deep_colour(samples: Samples) -> Samples:
    channels = samples.shape[-1]
    if channels in {2, 4}:
        _refuse_transparent(samples[..., -1], opaque=65535)
    if channels < 3:
        return np.ascontiguousarray(samples[..., 0])
    return grey_of_rgb(samples[..., :3], full_scale=65535)


def _shallow(image: Image.Image) -> Samples:
    if image.mode in {"LA", "RGBA", "PA"} or "transparency" in image.info:
        image = image.convert("RGBA")
        _refuse_transparent(np.asarray(image.getchannel("A")), opaque=255)
    if image.mode in {"L", "1"}:
        return np.asarray(image.convert("L"))
    return grey_of_rgb(np.asarray(image.convert("RGB")), full_scale=255)


def _refuse_transparent(alpha: Samples, *, opaque: int) -> None:
    if int(alpha.min()) < opaque:
        raise FilmRefusedError(
            RefusalKind.COLOUR,
            "This image is partly transparent, so its grey levels are undefined. Save it opaque.",
        )


def _damaged(container: str) -> FilmRefusedError:
    return FilmRefusedError(
        RefusalKind.UNDECODABLE, f"This {container} file is damaged or incomplete. Export or copy it again."
    )
