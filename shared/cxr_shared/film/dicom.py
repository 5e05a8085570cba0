"""Films saved as DICOM: CR, DX, and radiographs captured as RG, OT or SC."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from cxr_shared.film.acceptance import check_chest_film, check_frontal, view_of
from cxr_shared.film.colour import Samples, grey_of_rgb, grey_of_ybr
from cxr_shared.film.decode import Decoded, Format, decode, read_format
from cxr_shared.film.film import Film, Identity, RefusalKind
from cxr_shared.film.grayscale import Grey, normalise, refuse_blank
from cxr_shared.film.header import Header, read_header, read_pixels
from cxr_shared.film.identity import read_identity, read_orientation, read_spacing
from cxr_shared.film.refusals import FilmRefusedError
from cxr_shared.film.tags import code


def read_dicom(stream: BinaryIO, path: Path, *, any_view: bool = False) -> Film:
    """Read one chest film.

    Everything that can refuse it without its pixels does so before they are read.

    Parameters
    ----------
    stream
        The file, open at its start.
    path
        Where it was found.
    any_view
        Whether a lateral film is read as well.

    Raises
    ------
    FilmRefusedError
        Any kind; it says whose film it is, as far as that was read.
    """
    header = read_header(stream)
    identity = read_identity(header.dataset)
    try:
        return _read(header, path, identity=identity, any_view=any_view)
    except FilmRefusedError as refused:
        refused.identity = identity
        raise


def _read(header: Header, path: Path, *, identity: Identity, any_view: bool) -> Film:
    dataset = header.dataset
    check_chest_film(dataset)
    view = view_of(dataset)
    if not any_view:
        check_frontal(view)
    layout = read_format(dataset)
    grey = _grey(decode(read_pixels(header), layout, header.transfer_syntax), dataset, layout)
    return Film(
        pixels=grey.pixels,
        vois=grey.vois,
        bits=layout.bits,
        source=path,
        view=view,
        spacing=read_spacing(dataset),
        identity=identity,
        transfer_syntax=str(header.transfer_syntax),
        burned_in=code(dataset, "BurnedInAnnotation") == "YES",
        orientation=read_orientation(dataset),
    )


def _grey(decoded: Decoded, dataset: Dataset, layout: Format) -> Grey:
    """Normalise what is grey; a grey film in colour is shown as it is, without a VOI (PS3.3 C.11.2)."""
    photometric, samples = decoded.photometric, decoded.samples
    if photometric in {"MONOCHROME1", "MONOCHROME2"} and samples.ndim == 2:
        return normalise(samples, dataset, bits=layout.bits, signed=layout.signed)
    full_scale = 2**layout.bits - 1
    if photometric == "PALETTE COLOR" and samples.ndim == 2:
        grey = _grey_of_palette(samples, dataset, full_scale=full_scale)
    elif photometric == "RGB" and samples.ndim == 3:
        grey = grey_of_rgb(samples, full_scale=full_scale)
    elif photometric in {"YBR_FULL", "YBR_FULL_422"} and samples.ndim == 3:
        grey = grey_of_ybr(samples, full_scale=full_scale)
    else:
        raise FilmRefusedError(
            RefusalKind.COLOUR,
            "Its colour space is not one that films use. Export it as MONOCHROME2.",
        )
    pixels = grey.astype("float32")
    refuse_blank(pixels)
    return Grey(pixels, ())


def _grey_of_palette(samples: Samples, dataset: Dataset, *, full_scale: int) -> Samples:
    """Look the colours up and scale them to the film's own range, since palettes often have 16 bits."""
    try:
        rgb = apply_color_lut(samples, dataset)
    except (ValueError, AttributeError, KeyError, IndexError) as error:
        raise FilmRefusedError(
            RefusalKind.UNDECODABLE, "The colour palette is damaged. Export the film as MONOCHROME2."
        ) from error
    top = 2 ** (8 * rgb.dtype.itemsize) - 1
    grey = grey_of_rgb(rgb, full_scale=top)
    return grey if top == full_scale else (grey * (full_scale / top)).round()
