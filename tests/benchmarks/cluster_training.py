"""What training on a Ray cluster costs, and whether killed workers lose anything; on this machine alone.

    python tests/benchmarks/cluster_training.py overhead [--rounds 3] [--seeds 3] [--epochs 40]
    python tests/benchmarks/cluster_training.py kills [--kills 20]

`overhead` makes the same runs by `cxr-trainer fit --seeds K` and by the same with `--on ray --cpus-per-run 2`, so that
both make one run at a time with the same threads, in turn, as whole commands: the cluster's start and end, the workers'
start and torch's import there are counted. `kills` ends a worker that trains by SIGKILL, at a random moment, so many
times, and compares the files of every run with those of runs that nobody disturbed.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import cyclopts
import torch

from cxr_shared.cluster import LOCAL, connected
from cxr_shared.findings import Target
from cxr_shared.phantom import write_phantoms
from cxr_trainer.cluster.fitting import FitPlan
from cxr_trainer.cluster.jobs import Executor, Job, JobEvent, JobLost, JobStarted, OneByOne
from cxr_trainer.cluster.storage import Folder
from cxr_trainer.fit.events import EpochFinished
from cxr_trainer.recipe_files import load_recipe

app = cyclopts.App()
COMPARED = (
    "decay.safetensors", "range_test.json", "clr.safetensors", "best.safetensors", "normal_map.safetensors",
    "events.jsonl", "predictions.parquet", "metrics.json", "split.parquet", "recipe.toml",
)  # fmt: skip
FIELDS: dict[str, Any] = {
    "input.size": 64, "model.width": 0.25, "model.weights": "none", "model.output_stride": 8,
    "decay.batch_size": 8, "clr.batch_size": 8, "clr.max_lr": 0.003,
}  # fmt: skip


@app.command
def overhead(*, rounds: int = 3, seeds: int = 3, epochs: int = 40, films: int = 120) -> None:
    """Print seconds of both ways in each round, and their ratio."""
    with tempfile.TemporaryDirectory(prefix="cxr-cluster-") as temporary:
        root = Path(temporary)
        _films(root, films)
        words = [word for name, value in FIELDS.items() for word in (f"--{name}", str(value))]
        length = ["--decay.epochs", str(epochs), "--clr.epochs", str(epochs)]
        command = [sys.executable, "-m", "cxr_trainer", "fit", "--disease", "hernia", "--data", str(root / "films")]
        command += ["--device", "cpu", "--seeds", str(seeds), *words]
        ways = {"plain": [], "ray": ["--on", "ray", "--cpus-per-run", "2"]}
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        _timed([*command, "--decay.epochs", "1", "--clr.epochs", "1"], root / "warm", root)  # films are read
        for number in range(rounds):
            for way, more in ways.items():
                wall, cpu = _timed([*command, *length, *more], root / f"{way}-{number}", root)
                seconds[way].append(wall)
                print(f"round {number + 1}, {way}: {wall:.1f} s, {cpu:.1f} s of CPU", flush=True)
        ratios = [ray / plain for plain, ray in zip(seconds["plain"], seconds["ray"], strict=True)]
        print(
            f"{seeds} runs: plain {statistics.median(seconds['plain']):.1f} s, Ray "
            f"{statistics.median(seconds['ray']):.1f} s (medians of {rounds}); ratio {statistics.median(ratios):.3f}, "
            f"{min(ratios):.3f} to {max(ratios):.3f}"
        )
        equal = all(
            _files(root / "plain-0" / f"hernia-seed-{n}") == _files(root / "ray-0" / f"hernia-seed-{n}")
            for n in range(seeds)
        )
        print("files of both ways:", "equal" if equal else "DIFFERENT")


def _timed(command: list[str], out: Path, root: Path) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of the command and of what it waited for."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "CXR_CACHE": str(root / "cache"), "OMP_NUM_THREADS": "2"}
    subprocess.run([*command, "--out", str(out)], env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu


class _Killer:
    """Ends a worker some time after it has told of an epoch, until there were enough."""

    def __init__(self, kills: int, *, seed: int) -> None:
        self.left = kills
        self.done: list[tuple[str, str]] = []
        self.lost = 0
        self._generator = random.Random(seed)
        self._pids: dict[str, int] = {}
        self._aimed: set[int] = set()

    def __call__(self, job: Job, event: JobEvent) -> None:
        if isinstance(event, JobStarted):
            self._pids[job.name] = event.pid
        self.lost += isinstance(event, JobLost)
        pid = self._pids.get(job.name, 0)
        if isinstance(event, EpochFinished) and self.left > 0 and pid not in self._aimed:
            self.left -= 1
            self._aimed.add(pid)
            wait = self._generator.uniform(0.0, 1.5)
            threading.Timer(wait, self._kill, (pid, job.name, f"{event.stage} {event.epoch}")).start()

    def _kill(self, pid: int, name: str, place: str) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:  # the task ended first
            self.left += 1
            return
        self.done.append((name, place))


@app.command
def kills(*, kills: int = 20, seeds: int = 4, epochs: int = 14, films: int = 120) -> None:
    """Print where workers were killed, and whether the runs are what they would have been."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="cxr-cluster-") as temporary:
        root = Path(temporary)
        os.environ["CXR_CACHE"] = str(root / "cache")
        _films(root, films)
        _make(root, "here", OneByOne(), lambda _job, _event: None, seeds=seeds, epochs=epochs)
        killer, began, passes = _Killer(kills, seed=20261128), time.perf_counter(), 0
        with connected(LOCAL, cpus=2, object_store_bytes=100 * 2**20):
            from cxr_trainer.cluster.ray_tasks import RayTasks, Resources

            while killer.left > 0 or passes == 0:
                _make(root, f"ray-{passes}", RayTasks(Resources(1, 0.0)), killer, seeds=seeds, epochs=epochs)
                passes += 1
        for number, (name, place) in enumerate(killer.done, 1):
            print(f"{number:2d}. {name}, after {place}")
        runs = [(n, p) for n in range(seeds) for p in range(passes)]
        same = [
            _files(root / "here" / f"hernia-seed-{n}") == _files(root / f"ray-{p}" / f"hernia-seed-{n}")
            for n, p in runs
        ]
        print(
            f"{len(killer.done)} workers killed, {killer.lost} tasks lost and begun again, in "
            f"{time.perf_counter() - began:.0f} s; {sum(same)} of {len(runs)} runs have the bytes of undisturbed ones"
        )


def _make(root: Path, out: str, executor: Executor, listener: Any, *, seeds: int, epochs: int) -> None:
    recipe = load_recipe(Target.HERNIA, overrides={**FIELDS, "decay.epochs": epochs, "clr.epochs": epochs})
    plan = FitPlan([recipe], seeds, root / "films", Folder(root / out), out)
    outcomes = executor.run(plan.jobs("cpu"), listener=listener, stop=lambda: False)
    states = {name: outcome for name, outcome in outcomes.items() if outcome.state != "finished"}
    assert not states, states


def _films(root: Path, films: int) -> None:
    write_phantoms(root / "films", films=films, seed=7, findings=(Target.HERNIA,))


def _files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in COMPARED}


if __name__ == "__main__":
    app()
