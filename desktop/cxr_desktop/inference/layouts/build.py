"""The layouts by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from cxr_desktop.inference.layouts.base import Layout, LayoutName, Opener
from cxr_desktop.inference.layouts.merged import branches, stacked
from cxr_desktop.inference.layouts.sessions import InTurn, SideBySide
from cxr_shared.findings import Target


class _Builder(Protocol):
    def __call__(self, models: Mapping[Target, bytes], opener: Opener, *, threads: int) -> Layout: ...


LAYOUTS: Final[Mapping[LayoutName, _Builder]] = {
    LayoutName.IN_TURN: InTurn,
    LayoutName.SIDE_BY_SIDE: SideBySide,
    LayoutName.BRANCHES: branches,
    LayoutName.STACKED: stacked,
}
"""How each layout is made."""


def build_layout(name: LayoutName, models: Mapping[Target, bytes], opener: Opener, *, threads: int) -> Layout:
    """Load models in a layout.

    Parameters
    ----------
    name
        Which layout.
    models
        Verified ONNX bytes of each target, at least one.
    opener
        Opens a session on the provider.
    threads
        Threads of the CPU for all of it.

    Raises
    ------
    CannotBuildError
        The models do not go into this layout.
    """
    return LAYOUTS[name](models, opener, threads=threads)
