"""`make demo`: phantom films → three fitted models → a bundle → a triaged worklist, by the product's own commands.

Everything goes through the console scripts, as a person would use them; this file only strings them together,
measures, and prints what the held-out films say, which sound films were refused, and what to try next.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

RECIPE = Path(__file__).with_name("demo.toml")
TARGETS = ("anomaly", "hernia", "pneumothorax")
FINDINGS = ("Hernia", "Pneumothorax")
KEPT = ("CACHE", "PLANS", "STORE", "SETTINGS", "UNPACKED")
RATE_WITHOUT_MINIMUM = "0.003"
_timings: list[tuple[str, float]] = []


def main() -> int:
    """Run the demo in a folder; 0 when every figure reaches what the README promises."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", type=int, default=700, help="phantom films to train and test on")
    parser.add_argument("--recipe", type=Path, default=RECIPE, help="recipe of the three models")
    parser.add_argument("--no-window", action="store_true", help="write a screenshot even where there is a display")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    for name in KEPT:  # the demo leaves nothing outside its folder
        os.environ[f"CXR_{name}"] = str(folder / "cache" / name.lower())
    for old in ("phantoms", "unseen-png", "unseen-dicom", "runs", "cache"):
        shutil.rmtree(folder / old, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    _make_films(folder, films=arguments.films)
    runs = {target: _fit(folder, target, arguments.recipe) for target in TARGETS}
    bundle = _export(folder, runs)
    unseen = triage_unseen(folder, bundle)
    reached = _held_out_figures(folder, bundle, runs)
    print("", *refusals(folder), sep="\n")
    _print_timings(time.monotonic() - began)
    code = _show(folder, bundle, unseen, window=not arguments.no_window)
    print("", *what_now(folder), sep="\n")
    return code or (0 if reached else 1)


def _make_films(folder: Path, *, films: int) -> None:
    with _timed(f"make {films} phantom films"):
        _phantoms(folder / "phantoms", films=films, seed=7)
    with _timed("make 40 unseen phantom films, PNG and DICOM"):
        _phantoms(folder / "unseen-png", films=20, seed=1001)
        _phantoms(folder / "unseen-dicom", "--dicom", films=20, seed=1002)


def _phantoms(out: Path, *options: str, films: int, seed: int) -> None:
    counts = ("--films", str(films), "--seed", str(seed))
    _run("cxr-trainer", "phantoms", str(out), *counts, "--findings", *FINDINGS, *options)


def _fit(folder: Path, target: str, recipe: Path) -> Path:
    """Fit one target; where its range test finds no minimum, go on with a rate of our own, as the command says."""
    with _timed(f"fit {target}: decay, range test, CLR"):
        before = set((folder / "runs").glob("*"))
        data = ("--data", str(folder / "phantoms"), "--out", str(folder / "runs"))
        code = _call("cxr-trainer", "fit", "--disease", target, *data, "--recipe", str(recipe))
        (run,) = set((folder / "runs").glob("*")) - before
        if code:
            range_test = run / "range_test.json"
            if not range_test.exists() or not json.loads(range_test.read_text())["refusal"]:
                raise SystemExit(code)
            print(f"The decay stage left nothing to gain: CLR goes on up to {RATE_WITHOUT_MINIMUM}.", flush=True)
            _run("cxr-trainer", "resume", str(run), "--clr.max_lr", RATE_WITHOUT_MINIMUM)
    return run


def _export(folder: Path, runs: dict[str, Path]) -> Path:
    bundle = folder / "demo.cxr"
    with _timed("export and verify the bundle"):
        _run("cxr-export", "onnx", *(str(run) for run in runs.values()), "--out", str(bundle))
        _run("cxr-export", "verify", str(bundle))
    return bundle


def triage_unseen(folder: Path, bundle: Path) -> list[Path]:
    films = [*_films(folder / "unseen-png", "png"), *_films(folder / "unseen-dicom", "dcm")]
    with _timed(f"triage {len(films)} unseen films"):
        reports = ("--json", str(folder / "worklist.json"), "--html", str(folder / "worklist.html"))
        _run("cxr-desktop", "triage", *map(str, films), "--bundle", str(bundle), *reports)
    return films


def _films(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.rglob(f"*.{suffix}"))


def _held_out_figures(folder: Path, bundle: Path, runs: dict[str, Path]) -> bool:
    """Print AUC and pointing game of each model on its own test films, by the bundle; whether all are ≥ 0.9, 0.8."""
    boxes = _boxes(folder / "phantoms" / "BBox_List_2017.csv")
    names = {target: _test_films(run) for target, run in runs.items()}
    documents = _score(folder, bundle, set().union(*names.values()))
    print("\nHeld-out films (patients never trained on), scored by the exported bundle:")
    reached = True
    for target, run in runs.items():
        auc = json.loads((run / "metrics.json").read_text())["parts"]["test"]
        own = [document for document in documents if Path(document["file"]).name in names[target]]
        hits, shown = pointing_game(own, target, boxes)
        figure = auc["auc"]
        share = hits / shown if shown else 0.0
        print(
            f"  {target:13s} AUC {figure['value']:.3f} (95 % {figure['low']:.3f} to {figure['high']:.3f}; "
            f"{auc['films']} films of {auc['patients']} patients); heat map's peak inside the true box on "
            f"{hits} of {shown} films rightly scored positive ({100 * share:.0f} %)"
        )
        reached &= figure["value"] >= 0.9 and share >= 0.8
    print("  asked for: AUC at least 0.90, peak in the box at least 80 %:", "reached" if reached else "NOT reached")
    return reached


def _test_films(run: Path) -> set[str]:
    split = pd.read_parquet(run / "split.parquet")
    return set(split.loc[split["part"] == "test", "image"])


def _score(folder: Path, bundle: Path, names: set[str]) -> list[dict[str, Any]]:
    """Score phantoms by their names; the models share most of their test films, so each is scored once."""
    films = [path for path in _films(folder / "phantoms", "png") if path.name in names]
    out = folder / "held-out.json"
    with _timed(f"score {len(films)} held-out films"):
        _run("cxr-desktop", "triage", *map(str, films), "--bundle", str(bundle), "--json", str(out), quiet=True)
    return _documents(out)


def _documents(worklist: Path) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = json.loads(worklist.read_text("utf-8"))["films"]
    return documents


def _boxes(path: Path) -> dict[str, list[tuple[str, float, float, float, float]]]:
    boxes: dict[str, list[tuple[str, float, float, float, float]]] = {}
    with path.open(newline="") as stream:
        for row in list(csv.reader(stream))[1:]:
            x, y, width, height = map(float, row[2:6])
            boxes.setdefault(row[0], []).append((row[1].lower(), x, y, width, height))
    return boxes


def pointing_game(
    documents: list[dict[str, Any]], target: str, boxes: dict[str, list[tuple[str, float, float, float, float]]]
) -> tuple[int, int]:
    """(hits, films): peaks inside a true box, over films with the finding that were scored positive."""
    hits = shown = 0
    for document in documents:
        own = boxes.get(Path(document["file"]).name, [])
        own = [box for box in own if target in ("anomaly", box[0])]
        if not own or document["state"] != "scored" or not document["scores"][target]["positive"]:
            continue
        peak = document["peak"][target]
        shown += 1
        hits += any(x <= peak["x"] <= x + w and y <= peak["y"] <= y + h for _, x, y, w, h in own)
    return hits, shown


def refusals(folder: Path) -> list[str]:
    """Lines that say how many of the unseen films, all of them sound, were refused, which and why."""
    films = _documents(folder / "worklist.json")
    refused = [film for film in films if film["state"] == "refused"]
    lines = [f"Sound films refused: {len(refused)} of {len(films)}"]
    for film in refused:
        reason = film["refusal"]["message"].partition(". ")[0].removesuffix(".")
        lines.append(f"  {Path(film['file']).relative_to(folder)}: {reason}.")
    if refused:
        gate = all(film["refusal"]["kind"] == "not-a-chest-film" for film in refused)
        wrong = "the bundle's film gate" if gate else "the program"
        lines.append(f"  All {len(films)} are whole, upright, frontal films, so {wrong} is wrong where it refuses one.")
    return lines


def what_now(folder: Path) -> list[str]:
    """Lines with three commands to try next, none of which needs a display, and one that does."""
    unseen, bundle, runs = (_typed(folder / name) for name in ("unseen-png", "demo.cxr", "runs"))
    data, page, pages = (_typed(folder / name) for name in ("phantoms", "next.html", "runs/report.html"))
    return [
        "What now? Three commands to try next, from this folder:",
        f"  {_typed_command('cxr-desktop')} triage {unseen} --bundle {bundle} --html {page}",
        f"      scores a folder; put one of yours in place of {unseen}, but these models have seen phantoms alone",
        f"  {_typed_command('cxr-trainer')} report {runs}",
        f"      a page for each model, with figures and sample films, and one for all: {pages}",
        f"  {_typed_command('cxr-trainer')} fit --disease hernia --data {data} --recipe {_typed(RECIPE)} --dry-run",
        "      what a training would take: films, time, disk; --data takes NIH's films too, as the README says",
        "Where there is a display, this opens the window:",
        f"  {_typed_command('cxr-desktop')} {unseen} --bundle {bundle}",
    ]


def _typed_command(name: str) -> str:
    """A console script of this environment, as it is typed here: by its name alone where the shell finds it."""
    script = Path(sys.executable).parent / name
    found = shutil.which(name)
    return name if found and Path(found).absolute() == script.absolute() else _typed(script)


def _typed(path: Path) -> str:
    """A path as it is typed in the folder the person is in."""
    path = path.absolute()
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def _show(folder: Path, bundle: Path, films: list[Path], *, window: bool) -> int:
    from cxr_desktop import app

    if window and app.has_display():
        print("Opening the desktop on the unseen films …")
        return app.main(films, bundle)
    with _timed("draw the window"):
        from cxr_desktop.ui.screenshot import render_screenshot
        from cxr_shared.bundle import open_bundle

        render_screenshot(open_bundle(bundle), films, folder / "window.png")
    print("There is no display, so the window was drawn into a picture. Look at:")
    for name in ("worklist.html", "worklist.json", "window.png", "demo.cxr", "runs"):
        print(f"  {folder / name}")
    return 0


@contextmanager
def _timed(what: str) -> Iterator[None]:
    print(f"\n== {what}", flush=True)
    began = time.monotonic()
    yield
    _timings.append((what, time.monotonic() - began))
    print(f"== {what}: {_timings[-1][1]:.1f} s", flush=True)


def _print_timings(total: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print("\nTime:")
    for what, seconds in _timings:
        print(f"  {seconds:6.1f} s  {what}")
    print(f"  {total:6.1f} s  in all; peak memory of the largest process {peak:.0f} MiB")


def _run(command: str, *arguments: str, quiet: bool = False) -> None:
    """Run a console script; its failure ends the demo with its exit code."""
    if code := _call(command, *arguments, quiet=quiet):
        raise SystemExit(code)


def _call(command: str, *arguments: str, quiet: bool = False) -> int:
    """Run a console script of this environment and return its exit code."""
    script = Path(sys.executable).parent / command
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run([script, *arguments], check=False, stdout=output, stderr=output).returncode


if __name__ == "__main__":
    raise SystemExit(main())
