"""All models in one graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cxr_desktop.inference.layouts.base import (
    Answer,
    CannotBuildError,
    Films,
    Layout,
    ModelFailedError,
    Opener,
    output_names,
)
from cxr_desktop.inference.layouts.merge import CannotMergeError, merge_branches, merge_stacked
from cxr_shared.findings import Target

Merge = Callable[[Mapping[str, bytes]], bytes]


class OneGraph(Layout):
    """The session of a graph that all models were merged into.

    Raises
    ------
    CannotBuildError
        They do not go into one.
    """

    def __init__(self, models: Mapping[Target, bytes], opener: Opener, *, threads: int, merge: Merge) -> None:
        try:
            merged = merge({target.slug: data for target, data in models.items()})
        except CannotMergeError as error:
            raise CannotBuildError(str(error)) from error
        self._session = opener(merged, threads)
        self._names = {target: output_names(self._session, f"{target.slug}/") for target in models}
        self._all = [name for names in self._names.values() for name in names]

    def run(self, films: Films) -> dict[Target, Answer]:
        """Answer with every model."""
        try:
            found = dict(zip(self._all, self._session.run(self._all, {"film": films}), strict=True))
        except Exception as error:  # onnxruntime's errors have no common class
            raise ModelFailedError(None, error) from error
        return {target: Answer(*(found[name] for name in names)) for target, names in self._names.items()}


def branches(models: Mapping[Target, bytes], opener: Opener, *, threads: int) -> Layout:
    """Load the models as branches of one graph."""
    return OneGraph(models, opener, threads=threads, merge=merge_branches)


def stacked(models: Mapping[Target, bytes], opener: Opener, *, threads: int) -> Layout:
    """Load the models stacked into one wide network."""
    return OneGraph(models, opener, threads=threads, merge=merge_stacked)
