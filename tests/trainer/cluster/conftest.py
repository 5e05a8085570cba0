"""Runs of a tiny recipe, an object store of this machine's own, and one local Ray cluster for a module."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from cxr_shared.cluster import LOCAL, connected
from cxr_trainer.cluster.fitting import FitPlan
from cxr_trainer.cluster.jobs import Job, JobEvent, OneByOne
from cxr_trainer.cluster.storage import Folder
from cxr_trainer.fit.run import Run
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


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Ray cluster of this machine with two CPUs and a small object store, ended after the module's tests."""
    pytest.importorskip("ray", reason="the extra [cluster] is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))  # its workers keep what is set now
        patch.setenv("CXR_SCRATCH", str(tmp_path_factory.mktemp("scratch")))
        patch.setenv("OMP_NUM_THREADS", "1")
        with connected(LOCAL, cpus=2, object_store_bytes=100 * 2**20):
            yield


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


@pytest.fixture
def whole(seeds_here: Path) -> dict[str, bytes]:
    """Files of the run of seed 0, never interrupted."""
    run = Run.open(seeds_here / "hernia-seed-0")
    assert run.finished()
    return files(run.folder)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """URL of a bucket in an S3 server of this machine's own; AWS's variables point there meanwhile."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        }.items():  # fmt: skip
            patch.setenv(name, value)
        import s3fs

        s3fs.S3FileSystem.clear_instance_cache()  # one that another test made has another server's address
        s3fs.S3FileSystem().mkdir("training")  # all servers of a process have the same buckets
        assert os.environ["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1")
        yield "s3://training/runs"
        s3fs.S3FileSystem.clear_instance_cache()
    server.stop()
