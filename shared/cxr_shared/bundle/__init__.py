"""The bundle: one verified file (`*.cxr`) that carries the exported models from export to desktop."""

from cxr_shared.bundle.manifest import (
    InputSpec,
    Interval,
    Manifest,
    ModelEntry,
    OperatingPoint,
    Parity,
    TestMetrics,
    Tolerance,
)
from cxr_shared.bundle.reader import Bundle, open_bundle
from cxr_shared.bundle.writer import write_bundle

__all__ = [
    "Bundle",
    "InputSpec",
    "Interval",
    "Manifest",
    "ModelEntry",
    "OperatingPoint",
    "Parity",
    "TestMetrics",
    "Tolerance",
    "open_bundle",
    "write_bundle",
]
