"""Tables 1, 2 and 3 as the paper prints them, its misprints included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from cxr_shared.findings import NO_FINDING, Target

FILMS: Final = 112_120
PATIENTS: Final = 30_805
LABEL_STRINGS: Final = 836
"""The paper says 'around 836'."""

TABLE_1: Final[dict[str, tuple[int, int]]] = {
    NO_FINDING: (60361, 60361),
    "Atelectasis": (4215, 11559),
    "Cardiomegaly": (1093, 2776),
    "Consolidation": (1310, 4667),
    "Edema": (628, 2303),
    "Emphysema": (892, 2516),
    "Effusion": (3955, 13317),
    "Fibrosis": (727, 1686),
    "Infiltration": (9547, 19894),
    "Mass": (2139, 5782),
    "Nodule": (2705, 6331),
    "Pneumothorax": (2194, 5302),
    "Pneumonia": (322, 1431),
    "Pleural_Thickening": (1126, 3385),
    "Hernia": (110, 227),
}
"""Films by label before and after one-hot encoding: labelled so alone, and labelled so at all."""


class Table2(NamedTuple):
    """A row of Table 2, in films."""

    positives: int
    negatives: int
    total: int
    train: int
    test: int


class Table3(NamedTuple):
    """A row of Table 3: films a batch and batches an epoch."""

    batch: int
    train: int
    test: int


TABLE_2: Final[dict[Target, Table2]] = {
    Target.ATELECTASIS: Table2(11559, 12000, 23599, 18847, 4712),
    Target.CARDIOMEGALY: Table2(2776, 2800, 5576, 4460, 1116),
    Target.CONSOLIDATION: Table2(4667, 4700, 9367, 7493, 1874),
    Target.EDEMA: Table2(2303, 2300, 4603, 3682, 921),
    Target.EMPHYSEMA: Table2(2516, 2600, 5116, 4092, 1024),
    Target.EFFUSION: Table2(13317, 13500, 26817, 21453, 5364),
    Target.FIBROSIS: Table2(1686, 1700, 3386, 2708, 678),
    Target.INFILTRATION: Table2(19894, 20000, 39894, 31915, 7979),
    Target.MASS: Table2(5782, 6000, 11782, 9425, 2357),
    Target.NODULE: Table2(6331, 6500, 12831, 10264, 2567),
    Target.PNEUMOTHORAX: Table2(5302, 5500, 10802, 8641, 2161),
    Target.PNEUMONIA: Table2(1431, 1500, 2931, 2344, 587),
    Target.PLEURAL_THICKENING: Table2(3385, 3500, 6885, 5508, 1377),
    Target.HERNIA: Table2(227, 250, 447, 381, 96),
    # Section 'One-class classifier': 2,800 normal films and 200 of each finding, split 4 to 1.
    Target.ANOMALY: Table2(2800, 2800, 5600, 4480, 1120),
}

TABLE_3: Final[dict[Target, Table3]] = {
    Target.ATELECTASIS: Table3(16, 1178, 295),
    Target.CARDIOMEGALY: Table3(32, 140, 35),
    Target.CONSOLIDATION: Table3(32, 235, 59),
    Target.EDEMA: Table3(32, 116, 29),
    Target.EMPHYSEMA: Table3(32, 128, 32),
    Target.EFFUSION: Table3(32, 671, 168),
    Target.FIBROSIS: Table3(32, 85, 22),
    Target.INFILTRATION: Table3(16, 1995, 499),
    Target.MASS: Table3(32, 295, 74),
    Target.NODULE: Table3(32, 321, 81),
    Target.PNEUMOTHORAX: Table3(32, 271, 68),
    Target.PNEUMONIA: Table3(16, 147, 37),
    Target.PLEURAL_THICKENING: Table3(32, 173, 44),
    Target.HERNIA: Table3(4, 96, 24),
}

PNEUMOTHORAX_CLR_BATCHES: Final = 541
"""Batches an epoch of Pneumothorax in the text on cyclical learning rates, against 271 in Table 3."""

MISPRINTS: Final[dict[int, str]] = {
    23599: "Tables 2 and 3 print 23,599 films for Atelectasis. Its own columns give 11,559 + 12,000 = "
    "18,847 + 4,712 = 23,559, and so do the 1,178 batches of 16.",
    447: "Tables 2 and 3 print 447 films for Hernia. Its own columns give 227 + 250 = 381 + 96 = 477, and so do "
    "the 96 batches of 4.",
}
"""Printed figures that the paper's other figures contradict, and how."""

PNEUMOTHORAX_NOTE: Final = (
    "Pneumothorax has batches of 32, 271 an epoch, in Table 3, but 541 an epoch and a step of 1,082 updates for two "
    "epochs in the text on cyclical learning rates, which is batches of 16 (8,641 / 16 = 540.06, so 541). Both hold: "
    "32 in the decay stage, 16 in the cyclical one, as its recipe has them."
)
_CORRECTED: Final = {23599: 23559, 447: 477}


@dataclass(frozen=True, slots=True)
class Compared:
    """A count beside the paper's.

    Attributes
    ----------
    found
        What the data give.
    paper
        What the paper prints.
    verdict
        ``equal``; ``different``; or ``misprint``: `found` differs from the printed figure, and equals what the
        paper's other figures give.
    """

    found: int
    paper: int
    verdict: str


def compare(found: int, paper: int) -> Compared:
    """Set a count beside the paper's printed figure."""
    if found == paper:
        return Compared(found, paper, "equal")
    return Compared(found, paper, "misprint" if found == _CORRECTED.get(paper) else "different")
