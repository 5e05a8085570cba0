"""What the commands share: the application, and the options that choose films and a recipe."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

app = App(
    name="cxr-trainer",
    help="Train chest X-ray triage models: one-class and one for each NIH ChestX-ray14 finding.",
    result_action="return_value",
)
app.register_install_completion_command(help="Install completion for this shell and exit.")

Device = Literal["auto", "cpu", "cuda"]
Split = Literal["patient", "paper", "official"]
Flag = Annotated[bool, Parameter(negative="")]
Fields = Annotated[str, Parameter(allow_leading_hyphen=True)]
"""Recipe fields and their values, as words of the command line."""


@Parameter(name="*")
@dataclass(frozen=True)
class RecipeOptions:
    """How a recipe is put together.

    Parameters
    ----------
    weights
        imagenet, none, or a file (safetensors, a weights-only state dict, or MobileNet's Keras .h5).
    split
        patient keeps patients apart; paper is random by film, which leaks patients; official is NIH's.
    recipe
        TOML file with recipe fields, laid over the packaged recipe; or paper: the stages that the paper ran for
        this finding, with its own bounds of the learning rate.
    device
        Where to compute.
    """

    weights: str | None = None
    split: Split | None = None
    recipe: str | None = None
    device: Device = "auto"

    def overrides(self, fields: tuple[str, ...]) -> dict[str, Any]:
        """Recipe fields given by options and by `fields`, by dotted name; `fields` win."""
        from cxr_trainer.recipe_files import parse_fields

        named = {"model.weights": self.weights, "split.kind": self.split}
        return {**{name: value for name, value in named.items() if value is not None}, **parse_fields(fields)}


NO_OPTIONS = RecipeOptions()


@Parameter(name="*")
@dataclass(frozen=True)
class ClusterOptions:
    """Where several runs are made, and what each of them takes.

    Parameters
    ----------
    on
        ray: as tasks of a Ray cluster of this machine alone, for as long as the command runs; ray://HEAD: of a cluster
        that is running. Without it the runs are made here, one after the other.
    gpus_per_run
        GPUs of a run on a cluster, or a fraction of one, such as 0.5; by default one for each of its processes where
        the cluster has GPUs, else 0.
    cpus_per_run
        CPUs of a run on a cluster, which are also its threads; by default one for each of its processes.
    """

    on: str | None = None
    gpus_per_run: float | None = None
    cpus_per_run: int | None = None


NO_CLUSTER = ClusterOptions()


def data_folder(given: Path | None) -> Path | None:
    """``--data``, else ``CXR_DATA``."""
    configured = os.environ.get("CXR_DATA")
    return given or (Path(configured) if configured else None)
