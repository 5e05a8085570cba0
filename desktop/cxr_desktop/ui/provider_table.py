"""What is known of the providers, in rows. No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cxr_desktop.inference.providers import Judgement, Provider

Row = tuple[str, ...]

_HEADINGS: Final[Row] = ("Provider", "Works", "Device", "Why")


def loaded_rows(provider: Provider | None) -> list[Row]:
    """Say what runs now and what was rejected for it; without a bundle nothing runs."""
    rows = [_HEADINGS]
    if provider is not None:
        rows.append((f"{provider.name} (runs now)", "yes", provider.device or "–", provider.reason))
        rows += [(each.kind.name, "no", "–", each.reason) for each in provider.rejected]
    return rows


def judged_rows(judgements: Iterable[Judgement], provider: Provider | None) -> list[Row]:
    """Say of every provider of this system whether it works, on what, and why or why not."""
    rows = [_HEADINGS]
    for each in judgements:
        now = " (runs now)" if provider is not None and each.kind is provider.kind else ""
        asked = " (when asked for)" if each.kind.asked_for_only else ""
        rows.append((f"{each.kind.name}{asked}{now}", "yes" if each.usable else "no", each.device or "–", each.reason))
    return rows
