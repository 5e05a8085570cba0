"""Ways to run a bundle's models: as sessions in turn or side by side, or as one graph.

A layout changes how long it takes, not what is answered: all of them are made of the bundle's own verified files.
"""

from cxr_desktop.inference.layouts.base import Answer, CannotBuildError, Layout, LayoutName, Opener, Session
from cxr_desktop.inference.layouts.build import LAYOUTS, build_layout

__all__ = [
    "LAYOUTS",
    "Answer",
    "CannotBuildError",
    "Layout",
    "LayoutName",
    "Opener",
    "Session",
    "build_layout",
]
