"""A heat map over its film as a Secondary Capture image (PS3.3 A.8.1), for viewers that know nothing else."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from highdicom import ContributingEquipment
from highdicom.sc import SCImage
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

from cxr_desktop.inference.heatmap import CAPTION, colour_range, scale_colours
from cxr_desktop.report.dicom.header import Context, finish, maker, source_reference
from cxr_desktop.report.dicom.source import EMPTY_IF_ABSENT, burned_in
from cxr_desktop.report.pictures import fitted, overlay
from cxr_shared.findings import Target
from cxr_shared.notice import NOT_FOR_CLINICAL_USE

SERIES_NUMBER: Final = 9002
LONGEST_SIDE: Final = 1024
"""Of the film in the picture, in pixels."""

_BAR: Final = 10
_CAUTION: Final = (240, 180, 91)
_WHITE: Final = (235, 235, 235)
_DIM: Final = (170, 170, 170)


def capture(context: Context, grey: npt.NDArray[np.uint8], target: Target, *, number: int = 1) -> Dataset:
    """Make the picture of one target's map, true colour, with its legend below the film.

    Parameters
    ----------
    context
        The film and its verdict.
    grey
        (H, W) uint8, the whole film in its default presentation; any size.
    target
        Whose map.
    number
        Instance Number in the series of captures.
    """
    picture = captioned(context, fitted(grey, LONGEST_SIDE), target)
    common = maker(context, [target]) | {"instance_number": number}
    if "Manufacturer" in context.source:  # the other classes of highdicom add it themselves
        common["contributing_equipment"].insert(0, ContributingEquipment.for_image_acquisition(context.source))
    made = SCImage(
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),  # the film's own is set below: here only a few are taken
        study_instance_uid=context.source.StudyInstanceUID,
        series_instance_uid=context.series("captures"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=context.uid("capture", target.slug),
        series_description=f"Heat maps. {NOT_FOR_CLINICAL_USE}",
        **common,
    )
    _describe(made, context, target)
    return finish(context, made)


def captioned(context: Context, grey: npt.NDArray[np.uint8], target: Target) -> npt.NDArray[np.uint8]:
    """Lay the map over the film and write below it what it is; nothing covers the film.

    Returns
    -------
    ndarray
        (h, w, 3) uint8 RGB.
    """
    film = overlay(grey, context.verdict, target, context.manifest.input)
    rows, columns = grey.shape
    size = max(11, round(columns / 52))
    font, line = ImageFont.load_default(size), round(size * 1.45)
    picture = Image.new("RGB", (columns, rows + 4 * line + _BAR + size))
    picture.paste(Image.fromarray(film), (0, 0))
    draw = ImageDraw.Draw(picture)
    score = context.verdict.scores[target]
    side = "at or above" if score.positive else "below"
    top, margin = rows + size // 2, size
    said = f"{target.display}: probability {score.probability:.2f}, {side} the operating point {score.threshold:.2f}"
    draw.text((margin, top), said, font=font, fill=_WHITE)
    _draw_scale(picture, draw, context, target, place=(margin, top + line), font=font)
    low, high = top + line + _BAR + line, top + line + _BAR + 2 * line
    draw.text((margin, low), f"{CAPTION}.", font=font, fill=_DIM)
    draw.text((margin, high), f"{NOT_FOR_CLINICAL_USE}.", font=font, fill=_CAUTION)
    return np.asarray(picture, np.uint8)


def _draw_scale(
    picture: Image.Image,
    draw: ImageDraw.ImageDraw,
    context: Context,
    target: Target,
    *,
    place: tuple[int, int],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Draw the colour scale with the logits at its ends."""
    low, high = colour_range(context.verdict.scores[target])
    left, top = place
    width = max(60, picture.width // 3)
    bar = Image.fromarray(scale_colours()[None]).resize((width, _BAR))
    picture.paste(bar, (left, top + 2))
    words = f"{low:+.1f} (operating point) to {high:+.1f} logits"
    draw.text((left + width + left, top - 2), words, font=font, fill=_DIM)


def _describe(made: Dataset, context: Context, target: Target) -> None:
    source = context.source
    for keyword in (*EMPTY_IF_ABSENT, "IssuerOfPatientID", "PatientAge", "StudyDescription"):
        if keyword in source:
            setattr(made, keyword, source[keyword].value)
    made.PatientOrientation = source.get("PatientOrientation", "")
    score, origin = context.verdict.scores[target], context.verdict.provenance
    made.BodyPartExamined = "CHEST"
    made.ImageType = ["DERIVED", "SECONDARY", "HEATMAP"]
    made.DerivationDescription = (
        f"{target.display}: heat map of model {origin.bundle_name} ({origin.bundle_sha256[:12]}) over the film, "
        f"logit {score.logit:.3f}. {CAPTION}. {NOT_FOR_CLINICAL_USE}."
    )
    made.SourceImageSequence = [source_reference(context)]
    # The caption names nobody; whether the film's own pixels do, only the film can say.
    film_says = burned_in(source)
    if film_says is not None:
        made.BurnedInAnnotation = "YES" if film_says else "NO"
