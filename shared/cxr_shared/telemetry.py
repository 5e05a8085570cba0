"""Libraries that would report to their makers are told not to, before they are imported."""

from __future__ import annotations

import os
from typing import Final

REFUSALS: Final = {
    # From 1.29 on onnxruntime's wheels for Linux and macOS report each session to Microsoft unless this is set
    # before the import: https://github.com/microsoft/onnxruntime/pull/27379
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""Environment variables by which they are told."""


def refuse() -> None:
    """Set every one of `REFUSALS`, whatever it was; child processes inherit them."""
    os.environ.update(REFUSALS)
