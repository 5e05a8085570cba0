"""The bundle: one verified file (`*.cxr`) that carries the exported models from export to desktop."""

from cxr_shared.bundle.manifest import Manifest, ModelEntry
from cxr_shared.bundle.parts import (
    AucChange,
    Calibration,
    Fallback,
    Gate,
    InputSpec,
    Interval,
    Localisation,
    ModelFile,
    OperatingPoint,
    Parity,
    Precision,
    TestMetrics,
    Tolerance,
)
from cxr_shared.bundle.reader import Bundle, open_bundle
from cxr_shared.bundle.writer import write_bundle

__all__ = [
    "AucChange",
    "Bundle",
    "Calibration",
    "Fallback",
    "Gate",
    "InputSpec",
    "Interval",
    "Localisation",
    "Manifest",
    "ModelEntry",
    "ModelFile",
    "OperatingPoint",
    "Parity",
    "Precision",
    "TestMetrics",
    "Tolerance",
    "open_bundle",
    "write_bundle",
]
