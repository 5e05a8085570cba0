"""How targets and figures are coded.

Standard codes where the label of the data set means what the code means: SNOMED CT, and DICOM's own of CID 6102
(chest findings). Where NIH's label is wider or narrower, and for what only this program says, codes of the private
scheme ``99CXR`` (PS3.16 8.2), whose meanings are these:

=================  ====================================================================================
ANOMALY            Some abnormality, whatever it is: the answer of the anomaly model
HERNIA             NIH's label Hernia, mostly hiatal, which does not say which hernia
PLEURAL_THICK      NIH's label Pleural Thickening
PROBABILITY        The model's logit after the bundle's calibration, 0..1, at its cohort's prevalence
OPERATING_POINT    The probability from which on a film counts as positive
LOGIT              The model's logit
RESULT             On which side of the operating point the film is
POSITIVE           At or above the operating point
NEGATIVE           Below the operating point
EVIDENCE           Where the model's heat map reaches the operating point's logit; no anatomical outline
=================  ====================================================================================
"""

from __future__ import annotations

from typing import Final

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.sr.coding import Code

from cxr_shared.findings import Target

_SCHEME: Final = "99CXR"


def _own(value: str, meaning: str) -> Code:
    return Code(value, _SCHEME, meaning)


FINDINGS: Final[dict[Target, Code]] = {
    Target.ANOMALY: _own("ANOMALY", "Abnormality of any kind"),
    Target.ATELECTASIS: Code("46621007", "SCT", "Atelectasis"),
    Target.CARDIOMEGALY: Code("8186001", "SCT", "Cardiomegaly"),
    Target.EFFUSION: Code("60046008", "SCT", "Pleural effusion"),
    Target.INFILTRATION: Code("112121", "DCM", "Infiltrate"),
    Target.MASS: Code("4147007", "SCT", "Mass"),
    Target.NODULE: Code("27925004", "SCT", "Nodule"),
    Target.PNEUMONIA: Code("233604007", "SCT", "Pneumonia"),
    Target.PNEUMOTHORAX: Code("36118008", "SCT", "Pneumothorax"),
    Target.CONSOLIDATION: Code("95436008", "SCT", "Lung consolidation"),
    Target.EDEMA: Code("19242006", "SCT", "Pulmonary edema"),
    Target.EMPHYSEMA: Code("87433001", "SCT", "Pulmonary emphysema"),
    Target.FIBROSIS: Code("51615001", "SCT", "Pulmonary fibrosis"),
    Target.PLEURAL_THICKENING: _own("PLEURAL_THICK", "Pleural thickening"),
    Target.HERNIA: _own("HERNIA", "Hernia"),
}
"""What each target is called."""

CHEST_FILM: Final = Code("399208008", "SCT", "Plain X-ray of chest")
PROBABILITY: Final = _own("PROBABILITY", "Calibrated probability")
OPERATING_POINT: Final = _own("OPERATING_POINT", "Operating point (probability)")
LOGIT: Final = _own("LOGIT", "Logit of the model")
RESULT: Final = _own("RESULT", "Result at the operating point")
POSITIVE: Final = _own("POSITIVE", "At or above the operating point")
NEGATIVE: Final = _own("NEGATIVE", "Below the operating point")
EVIDENCE: Final = _own("EVIDENCE", "Heat map at or above the operating point")


def scheme() -> CodingSchemeIdentificationItem:
    """Item of Coding Scheme Identification Sequence (PS3.3 C.12.1.1.5) that names the private scheme."""
    return CodingSchemeIdentificationItem(
        _SCHEME, name="Chest X-ray triage, local codes", responsible_organization="cxr-triage"
    )
