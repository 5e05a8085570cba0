"""A pydicom decoder plugin over imagecodecs (libjpeg-turbo), for what pydicom's own plugins cannot decode.

These are JPEG Extended with 12 bits and JPEG Lossless, for which pydicom itself knows only a GPL-3 package
and GDCM.
"""

from __future__ import annotations

from typing import Final

import imagecodecs
import numpy as np
from pydicom.pixels.decoders.base import DecodeRunner
from pydicom.uid import UID, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

PLUGIN: Final = "cxr-imagecodecs"

DECODER_DEPENDENCIES: Final = dict.fromkeys(
    (JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1), ("imagecodecs>=2024.12.30",)
)


def is_available(uid: UID) -> bool:
    """Whether imagecodecs was built with libjpeg-turbo and `uid` is one of its syntaxes."""
    return bool(uid in DECODER_DEPENDENCIES and imagecodecs.JPEG8.available)


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes:
    """Decode one frame of Pixel Data to little-endian samples, colour by pixel.

    Parameters
    ----------
    source
        The JPEG codestream.
    runner
        pydicom's description of the frame; its Bits Allocated becomes that of the decoded samples.
    """
    samples = imagecodecs.jpeg8_decode(source)
    runner.set_option("bits_allocated", 8 * samples.dtype.itemsize)
    runner.set_option("planar_configuration", 0)
    return np.ascontiguousarray(samples, samples.dtype.newbyteorder("<")).tobytes()
