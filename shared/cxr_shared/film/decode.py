"""Pixel Data (7FE0,0010) → stored values, through named codecs only, DICOM PS3.5 section 8.

pydicom would try whatever codec is installed; each syntax has one here, so that neither GDCM nor a GPL codec
is ever used and the same file gives the same pixels everywhere.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy.typing as npt
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder

from cxr_shared.film import imagecodecs_plugin
from cxr_shared.film.codestream import Declared, j2k_declares, jpeg_declares
from cxr_shared.film.film import RefusalKind
from cxr_shared.film.header import PixelElement
from cxr_shared.film.limits import check_dimensions
from cxr_shared.film.refusals import FilmRefusedError, undecodable
from cxr_shared.film.tags import code, integer

Samples = npt.NDArray[Any]

_NATIVE: Final = frozenset(
    {
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
        uid.DeflatedExplicitVRLittleEndian,
    }
)
_PLUGINS: Final = {
    uid.RLELossless: "pylibjpeg",
    uid.JPEGBaseline8Bit: "pillow",
    uid.JPEGExtended12Bit: imagecodecs_plugin.PLUGIN,
    uid.JPEGLossless: imagecodecs_plugin.PLUGIN,
    uid.JPEGLosslessSV1: imagecodecs_plugin.PLUGIN,
    uid.JPEGLSLossless: "pyjpegls",
    uid.JPEGLSNearLossless: "pyjpegls",
    uid.JPEG2000Lossless: "pylibjpeg",
    uid.JPEG2000: "pylibjpeg",
    uid.HTJ2KLossless: "pylibjpeg",
    uid.HTJ2KLosslessRPCL: "pylibjpeg",
    uid.HTJ2K: "pylibjpeg",
}
_DECLARES: Final[dict[str, Callable[[bytes], Declared | None]]] = {
    **dict.fromkeys((*uid.JPEGTransferSyntaxes, *uid.JPEGLSTransferSyntaxes), jpeg_declares),
    **dict.fromkeys(uid.JPEG2000TransferSyntaxes, j2k_declares),
}
_DECODING_FAILS: Final = (
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    LookupError,
    OSError,
    EOFError,
    struct.error,
)
_END_OF_IMAGE: Final = b"\xff\xd9"
"""Ends JPEG, JPEG-LS and JPEG 2000 codestreams and occurs nowhere in their data; the codecs do without it and
show grey, or a blurred film, where the rest is missing."""
_TRAILER_BYTES: Final = 1024
SYNTAXES: Final = frozenset({*_NATIVE, *_PLUGINS})
"""Transfer syntaxes that are decoded."""


@dataclass(frozen=True, slots=True)
class Format:
    """The Image Pixel module, DICOM PS3.3 C.7.6.3."""

    rows: int
    columns: int
    channels: int
    allocated: int
    bits: int
    high_bit: int
    signed: bool
    photometric: str
    planar: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """Samples (H, W) or (H, W, 3) and the photometric interpretation that they have after decoding."""

    samples: Samples
    photometric: str


def read_format(dataset: Dataset) -> Format:
    """Read and check the Image Pixel module, before any pixel is.

    Raises
    ------
    FilmRefusedError
        UNDECODABLE where it is incomplete or contradicts itself, TOO_LARGE, TOO_SMALL.
    """
    rows, columns = integer(dataset, "Rows", 0) or 0, integer(dataset, "Columns", 0) or 0
    allocated = integer(dataset, "BitsAllocated", 0) or 0
    bits = integer(dataset, "BitsStored", allocated) or 0
    channels = integer(dataset, "SamplesPerPixel", 1) or 1
    depth_is_film = allocated in {8, 16} and 1 <= bits <= allocated
    if rows < 1 or columns < 1 or not depth_is_film or channels not in {1, 3}:
        raise FilmRefusedError(
            RefusalKind.UNDECODABLE,
            f"The image is described as {columns} × {rows} pixels of {channels} channels with {bits} of "
            f"{allocated} bits; films of 8 or 16 bits are read. Export it again.",
        )
    check_dimensions(rows, columns)
    high_bit = integer(dataset, "HighBit", bits - 1)
    return Format(
        rows=rows,
        columns=columns,
        channels=channels,
        allocated=allocated,
        bits=bits,
        high_bit=high_bit if high_bit is not None and bits - 1 <= high_bit < allocated else bits - 1,
        signed=integer(dataset, "PixelRepresentation", 0) == 1,
        photometric=code(dataset, "PhotometricInterpretation") or "MONOCHROME2",
        planar=integer(dataset, "PlanarConfiguration", 0) or 0,
    )


def decode(pixels: PixelElement, layout: Format, syntax: uid.UID) -> Decoded:
    """Decode the first frame.

    Parameters
    ----------
    pixels
        The element as stored.
    layout
        Checked Image Pixel module.
    syntax
        Transfer syntax; without a codec in the table above it is refused.

    Raises
    ------
    FilmRefusedError
        UNDECODABLE, naming the transfer syntax, or TOO_LARGE by what the codestream itself declares.
    """
    if syntax not in SYNTAXES:
        raise undecodable(syntax, "is not supported")
    try:
        if syntax in _DECLARES:
            _check_codestream(pixels.value, layout, syntax)
        samples, properties = get_decoder(syntax).as_array(pixels.value, index=0, **_options(pixels, layout, syntax))
    except BaseException as error:
        # A panic of the RLE codec, which is written in Rust, is no Exception, and its class cannot be imported.
        if not isinstance(error, _DECODING_FAILS) and type(error).__name__ != "PanicException":
            raise
        raise undecodable(syntax, "could not be decoded: the image is damaged or incomplete") from error
    stored = samples if syntax in _DECLARES else stored_values(samples, layout)
    return Decoded(_low_bits(stored, layout), str(properties["photometric_interpretation"]))


def stored_values(samples: Samples, layout: Format) -> Samples:
    """Move the stored bits to the low end where High Bit (0028,0102) says that they lie higher."""
    shift = layout.high_bit - (layout.bits - 1)
    shifted: Samples = samples >> shift if shift else samples
    return shifted


def _low_bits(samples: Samples, layout: Format) -> Samples:
    """Clear what lies above Bits Stored (overlays of old devices, PS3.5 8.1.2), and extend the sign."""
    unused = 8 * samples.dtype.itemsize - layout.bits
    if unused <= 0:
        return samples
    if not layout.signed:
        masked: Samples = samples & samples.dtype.type(2**layout.bits - 1)
        return masked
    extended: Samples = (samples << unused) >> unused
    return extended


def _check_codestream(data: bytes, layout: Format, syntax: uid.UID) -> None:
    """Check that the codestream is whole and of the size that the Image Pixel module says."""
    frame = get_frame(data, 0, number_of_frames=1)
    declared = _DECLARES[syntax](frame)
    if declared is None:
        raise undecodable(syntax, "could not be decoded: its codestream has no valid header")
    if _END_OF_IMAGE not in frame[-_TRAILER_BYTES:]:
        raise undecodable(syntax, "could not be decoded: its codestream is incomplete")
    check_dimensions(declared.rows, declared.columns, what="The codestream")
    found = (declared.rows, declared.columns, declared.channels)
    if found != (layout.rows, layout.columns, layout.channels):
        raise undecodable(
            syntax,
            f"could not be decoded: the codestream holds {declared.columns} × {declared.rows} pixels of "
            f"{declared.channels} channels, the attributes say {layout.columns} × {layout.rows} "
            f"of {layout.channels}",
        )


def _options(pixels: PixelElement, layout: Format, syntax: uid.UID) -> dict[str, Any]:
    options: dict[str, Any] = {
        "raw": True,
        "rows": layout.rows,
        "columns": layout.columns,
        "number_of_frames": 1,
        "samples_per_pixel": layout.channels,
        "bits_allocated": layout.allocated,
        "bits_stored": layout.bits,
        "pixel_representation": int(layout.signed),
        "photometric_interpretation": layout.photometric,
        "pixel_keyword": "PixelData",
        "pixel_vr": pixels.vr,
    }
    if layout.channels > 1:
        options["planar_configuration"] = layout.planar
    if syntax not in uid.JPEG2000TransferSyntaxes and syntax not in uid.JPEGLSTransferSyntaxes:
        options["correct_unused_bits"] = False  # done here, with High Bit and without a second copy
    if syntax in _PLUGINS:
        options["decoding_plugin"] = _PLUGINS[syntax]
    if syntax in _NATIVE:
        options["view_only"] = True  # what follows copies, so one copy of a film of 18 MB is enough
    return options


def _register_plugin() -> None:
    for syntax in imagecodecs_plugin.DECODER_DEPENDENCIES:
        decoder = get_decoder(syntax)
        if imagecodecs_plugin.PLUGIN not in decoder.available_plugins:
            decoder.add_plugin(imagecodecs_plugin.PLUGIN, (imagecodecs_plugin.__name__, "decode_frame"))


_register_plugin()
