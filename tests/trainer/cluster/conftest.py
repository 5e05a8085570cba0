"""Finished runs of a tiny recipe, and a bucket."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cxr_trainer.cluster.fitting import FitPlan
from cxr_trainer.cluster.jobs import Job, JobEvent, OneByOne
from cxr_trainer.cluster.storage import Folder
from cxr_trainer.recipe import Recipe

COMPARED = (
    "decay.safetensors", "range_test.json", "clr.safetensors", "best.safetensors", "normal_map.safetensors",
    "events.jsonl", "predictions.parquet", "metrics.json", "split.parquet", "recipe.toml", "figures/loss.svg",
)  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    """What equal runs write as equal bytes."""
    return {name: (folder / name).read_bytes() for name in COMPARED}


@dataclass
class Heard:
    """Keeps every event with its job's name."""

    events: list[tuple[str, JobEvent]] = field(default_factory=list)

    def __call__(self, job: Job, event: JobEvent) -> None:
        self.events.append((job.name, event))

    def of(self, kind: type) -> list[Any]:
        return [event for _, event in self.events if isinstance(event, kind)]


@pytest.fixture(autouse=True)
def own_scratch(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where runs of an object store are made: the cluster's place as well."""
    monkeypatch.setenv("CXR_SCRATCH", str(tmp_path_factory.getbasetemp() / "scratch"))


@pytest.fixture(scope="session")
def seeds_here(tiny_nih: Path, tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished runs of two seeds, made in this process one after the other."""
    root = tmp_path_factory.mktemp("here")
    plan = FitPlan([tiny_recipe], 2, tiny_nih.resolve(), Folder(root), "here")
    outcomes = OneByOne().run(plan.jobs("cpu"), listener=Heard(), stop=lambda: False)
    assert {name: outcome.state for name, outcome in outcomes.items()} == {
        "hernia-seed-0": "finished",
        "hernia-seed-1": "finished",
    }
    return root


@pytest.fixture(scope="session")
def s3(object_store: None) -> str:
    """URL in a bucket of this folder's tests."""
    import s3fs

    s3fs.S3FileSystem().mkdir("training")
    return "s3://training/runs"
