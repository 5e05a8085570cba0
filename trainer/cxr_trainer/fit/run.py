"""The run directory: what a run leaves behind, and all that the exporter reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import tomli_w

from cxr_shared.files import write_bytes, write_json, write_text
from cxr_shared.findings import Target
from cxr_shared.pixels import PIXEL_PATH_VERSION
from cxr_trainer.errors import RunError
from cxr_trainer.recipe import Recipe
from cxr_trainer.recipe_files import read_recipe

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Run:
    """Paths of a run directory and their reading and writing."""

    folder: Path

    @classmethod
    def create(cls, out: Path, recipe: Recipe, *, data: Path, device: str, name: str | None = None) -> Run:
        """Make ``out/<name>/``, by default ``out/<target>-<time>/``, with its recipe and what a resume needs."""
        run = cls(out / (name or _new_name(out, recipe.target)))
        run.write_recipe(recipe)
        session = {"data": str(data.resolve()), "device": device, "pixel_path_version": PIXEL_PATH_VERSION}
        asked = recipe.model_dump(mode="json", exclude_none=True)  # `resume` may change the recipe, and never this
        write_json(run.folder / "state" / "session.json", {**session, "asked": asked})
        return run

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Open an existing run directory; RunError where `folder` is none."""
        run = cls(folder)
        if not run.recipe_path.is_file():
            raise RunError(f"{folder} is no run directory: it has no recipe.toml. Give a folder that `fit` made.")
        return run

    @property
    def recipe_path(self) -> Path:
        """The resolved recipe."""
        return self.folder / "recipe.toml"

    @property
    def checkpoint_path(self) -> Path:
        """Where the state to resume from is kept."""
        return self.folder / "state" / "checkpoint.pt"

    @property
    def events_path(self) -> Path:
        """The event log."""
        return self.folder / "events.jsonl"

    @property
    def timings_path(self) -> Path:
        """When things happened: what may differ between a run and its repetition."""
        return self.folder / "timings.jsonl"

    @property
    def target(self) -> Target:
        """What the run's model answers."""
        return self.recipe().target

    def recipe(self) -> Recipe:
        """Read the resolved recipe."""
        return read_recipe(self.recipe_path)

    def write_recipe(self, recipe: Recipe) -> None:
        """Write the resolved recipe; fields without a value are left out, since TOML has none for them."""
        write_text(self.recipe_path, tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True)))

    def session(self) -> dict[str, Any]:
        """Data folder, device, pixel-path version and recipe (``asked``) the run was started with.

        Raises
        ------
        RunError
            The run's films were read by another version of the pixel path than this program's.
        """
        result: dict[str, Any] = self.read_json("state/session.json")
        if result["pixel_path_version"] != PIXEL_PATH_VERSION:
            raise RunError(
                f"{self.folder} was trained on pixels of path version {result['pixel_path_version']}; this program "
                f"makes version {PIXEL_PATH_VERSION}. Use the version of cxr-triage that trained it, or fit again."
            )
        return result

    def finished(self) -> bool:
        """Whether the last stage is complete."""
        return (self.folder / "metrics.json").is_file()

    def write_tensors(self, name: str, state: dict[str, Tensor]) -> None:
        """Write ``<name>.safetensors``: a stage's model (decay, clr, best) or normal_map."""
        from safetensors.torch import save

        write_bytes(self.folder / f"{name}.safetensors", save(state, metadata={"layout": "cxr-triage 1"}))

    def read_tensors(self, name: str) -> dict[str, Tensor]:
        """Read ``<name>.safetensors``; RunError where it is missing or damaged."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self.folder / f"{name}.safetensors"
        try:
            state: dict[str, Tensor] = load_file(path)
        except (OSError, SafetensorError) as error:
            raise RunError(
                f"Could not read {path} ({error}). Finish it with: cxr-trainer resume {self.folder}"
            ) from error
        return state

    def read_json(self, name: str) -> Any:  # noqa: ANN401  (any JSON)
        """Read a JSON file of the run; RunError where it is missing or damaged."""
        path = self.folder / name
        try:
            return json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(
                f"Could not read {path} ({error}). Finish it with: cxr-trainer resume {self.folder}"
            ) from error

    def read_predictions(self) -> pd.DataFrame:
        """Read ``predictions.parquet``; RunError where it is missing or damaged."""
        path = self.folder / "predictions.parquet"
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
            raise RunError(
                f"Could not read {path} ({error}). Finish it with: cxr-trainer resume {self.folder}"
            ) from error


def _new_name(out: Path, target: Target) -> str:
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    name, number = f"{target.slug}-{stamp}", 1
    while (out / name).exists():
        number += 1
        name = f"{target.slug}-{stamp}-{number}"
    return name
