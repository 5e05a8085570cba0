"""Figures in words: how a value with its interval is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def estimate_text(fields: Mapping[str, Any] | None, *, percent: bool = False, reasons: bool = True) -> str:
    """``0.912 (0.880 to 0.941)``, or the same in percent; where there is none, the reason.

    Parameters
    ----------
    fields
        Value, low and high as ``metrics.json`` holds them, any of them None, and then a reason; None for a figure that
        an older run did not measure.
    percent
        Times 100, with one decimal.
    reasons
        Say why there is no interval; a figure's legend has no room for it.
    """
    if fields is None:
        return "not measured"
    reason = fields.get("reason") or "not measured"
    if fields["value"] is None:
        return f"none: {reason}"
    factor, digits = (100, 1) if percent else (1, 3)
    value, low, high = (
        None if fields[name] is None else f"{fields[name] * factor:.{digits}f}" for name in ("value", "low", "high")
    )
    if low is None:
        return f"{value} (no interval: {reason})" if reasons else str(value)
    return f"{value} ({low} to {high})"
