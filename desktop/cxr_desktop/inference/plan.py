"""How a bundle is run: the layout of its models and the precision of their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cxr_desktop.inference.kinds import CPU, Kind
from cxr_desktop.inference.layouts import LayoutName
from cxr_shared.bundle import Bundle, ModelEntry, ModelFile, Precision
from cxr_shared.findings import Target

_IN_PLACE_OF: Final[Mapping[Precision, tuple[Precision, ...]]] = {"int8": ("int8", "mixed")}
"""A model that lost too much as INT8 has a file with some layers of float32 instead."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A layout and a precision; a model that has no file of that precision is run in float32."""

    layout: LayoutName
    precision: Precision

    def __str__(self) -> str:
        return f"{self.precision}, {self.layout}"


def file_for(entry: ModelEntry, precision: Precision) -> ModelFile:
    """Give the file to run a model at: the precision's, else the float32 one.

    A file of lower precision is in the bundle because it passed the exporter's gate, so it may be preferred.
    """
    found = (entry.at(each) for each in _IN_PLACE_OF.get(precision, (precision,)))
    return next((file for file in found if file is not None), entry.reference)


def files_for(bundle: Bundle, precision: Precision) -> dict[Target, ModelFile]:
    """Give the file of each model."""
    return {entry.target: file_for(entry, precision) for entry in bundle.manifest.models}


def precisions_for(bundle: Bundle, kind: Kind) -> list[Precision]:
    """List the provider's precisions that the bundle has a file of, the preferred first."""
    return [each for each in kind.precisions if each == "float32" or _has(bundle, each)]


def _has(bundle: Bundle, precision: Precision) -> bool:
    return any(file_for(entry, precision) is not entry.reference for entry in bundle.manifest.models)


def default_plan(bundle: Bundle, kind: Kind = CPU) -> Plan:
    """Give the plan to begin with where none was measured."""
    return Plan(kind.layouts[0], precisions_for(bundle, kind)[0])


def plans_for(bundle: Bundle, kind: Kind) -> list[Plan]:
    """List every plan that is worth measuring, the default first.

    Models of INT8 have scales of their own for every layer, so they cannot be stacked.
    """
    return [
        Plan(layout, precision)
        for precision in precisions_for(bundle, kind)
        for layout in kind.layouts
        if not (layout is LayoutName.STACKED and precision == "int8")
    ]
