"""Where heat maps reach their operating points, as a Segmentation (PS3.3 A.51) over the very pixels of the film.

Why no Parametric Map: it would carry the logits themselves, but its frames are placed in a frame of reference
(PS3.3 A.75), and a projection film (CR, DX) has none: there is no plane in the patient to which its pixels belong.
highdicom refuses to make one from such a film. A Segmentation may refer to its source image's pixels alone, which the
Derivation Image functional group says, and has the source's rows and columns instead of a place in the patient.

A segment says where the *evidence* is, so its category is 'Spatial and Relational Concept' and its type this program's
``EVIDENCE``: as 'morphologically abnormal structure' a reader would take it for the finding's outline.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from cxr_desktop.inference.heatmap import film_map
from cxr_desktop.report.dicom import codes as own
from cxr_desktop.report.dicom.header import (
    MAKER,
    Context,
    algorithm_name,
    algorithm_version,
    finish,
    maker,
)
from cxr_shared.findings import Target
from cxr_shared.notice import NOT_FOR_CLINICAL_USE

SERIES_NUMBER: Final = 9003
_CATEGORY: Final = Code("309825002", "SCT", "Spatial and Relational Concept")


def regions(context: Context, target: Target) -> npt.NDArray[np.bool_]:
    """Where a target's map is at or above its operating point, (rows, columns) bool of the film."""
    score, shape = context.verdict.scores[target], context.verdict.facts.shape
    laid = film_map(context.verdict.maps[target], context.manifest.input, film=shape, out=shape, grid=score.grid)
    return np.asarray(laid >= np.float32(score.threshold_logit))


def segmentation(context: Context) -> Dataset | None:
    """Make the object, a segment for each positive target with such a place; None where there is none."""
    shown = [(target, regions(context, target)) for target in context.verdict.urgency.positive]
    shown = [(target, region) for target, region in shown if region.any()]
    rows_and_columns = (context.source.Rows, context.source.Columns)
    if not shown or rows_and_columns != context.verdict.facts.shape:
        return None
    common = maker(context, [target for target, _ in shown])
    made = Segmentation(
        source_images=[context.source],
        pixel_array=np.stack([region for _, region in shown], axis=-1)[None],
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(number, target, context) for number, (target, _) in enumerate(shown, 1)],
        series_instance_uid=context.series("regions"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=context.uid("regions"),
        content_label="EVIDENCE",
        content_description=f"Heat maps at or above operating points. {NOT_FOR_CLINICAL_USE}"[:64],
        series_description=f"Evidence of models. {NOT_FOR_CLINICAL_USE}",
        coding_schemes=[own.scheme()],
        **common,
    )
    made.PatientOrientation = context.source.get("PatientOrientation", "")
    return finish(context, made)


def _segment(number: int, target: Target, context: Context) -> SegmentDescription:
    return SegmentDescription(
        segment_number=number,
        segment_label=f"{target.display}: evidence, no outline",
        segmented_property_category=_CATEGORY,
        segmented_property_type=own.EVIDENCE,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=algorithm_name(context, target),
            version=algorithm_version(context),
            family=codes.DCM.ArtificialIntelligence,
            source=MAKER,
        ),
        tracking_uid=context.uid("finding", target.slug),
        tracking_id=target.slug,
    )
