"""From finished runs to a bundle, or to a sentence that says why not."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from cxr_export.calibrate import calibrate, with_test_figures
from cxr_export.errors import ExportRefused
from cxr_export.films import check_films
from cxr_export.fold import FoldedNetwork
from cxr_export.gate import GateDistance, check_distance
from cxr_export.gate_films import set_gate
from cxr_export.graph import export_graph
from cxr_export.inspect import calibration_text, gate_text, localisation_text
from cxr_export.localise import localise
from cxr_export.parity import Trained, logit_cuts, run_gate, run_onnx, run_torch
from cxr_export.precisions import DEFAULT, Report, model_files
from cxr_shared.bundle import (
    Calibration,
    Gate,
    InputSpec,
    Interval,
    Manifest,
    ModelEntry,
    OperatingPoint,
    Precision,
    TestMetrics,
)
from cxr_shared.bundle import write_bundle as write_file
from cxr_shared.findings import Target
from cxr_shared.pixels import PIXEL_PATH_VERSION
from cxr_trainer.fit.run import Run
from cxr_trainer.model.backbones import cell_grid
from cxr_trainer.model.network import Network
from cxr_trainer.recipe import Recipe

_PRODUCER = ("cxr-triage", "torch", "onnx", "onnxscript", "onnxruntime-gpu", "onnxruntime")
_GATE_CHECKS = 8


def write_bundle(
    runs: Sequence[Run],
    out: Path,
    *,
    precisions: Sequence[Precision] = DEFAULT,
    report: Report = lambda _line: None,
) -> Manifest:
    """Fold, export and check the best model of each run, then write them all to `out`.

    Parameters
    ----------
    runs
        Finished runs, one for each target; their input specs must be equal.
    out
        The ``.cxr`` file.
    precisions
        Of the files; a model that does not pass at one of them falls back, and the manifest says why.
    report
        Called with a line for each model and precision.

    Raises
    ------
    ExportRefused
        No run, two of one target, an unfinished run, unequal inputs, test figures without an interval, or a float32
        model that is not the trained one.
    """
    spec = _common_spec(runs)
    for run in runs:  # before any is exported, which takes long
        _test_metrics(run)
    entries: list[ModelEntry] = []
    files: dict[str, bytes] = {}
    gate: Gate | None = None
    for place, run in enumerate(sorted(runs, key=lambda each: list(Target).index(each.target))):
        entry, data, own = _export(run, spec, precisions=precisions, report=report, gated=place == 0)
        gate = gate or own
        entries.append(entry)
        files |= data
    manifest = Manifest(
        name=out.stem,
        pixel_path_version=PIXEL_PATH_VERSION,
        input=spec,
        models=tuple(entries),
        gate=gate,
        producer=_producer(),
    )
    write_file(out, manifest, files)
    return manifest


def _common_spec(runs: Sequence[Run]) -> InputSpec:
    if not runs:
        raise ExportRefused("Give at least one run directory, such as runs/hernia-20260101-120000.")
    for run in runs:
        if not run.finished():
            raise ExportRefused(f"{run.folder} is unfinished. Finish it with: cxr-trainer resume {run.folder}")
    targets = [run.target for run in runs]
    twice = {target for target in targets if targets.count(target) > 1}
    if twice:
        raise ExportRefused(f"Two runs are of {min(twice).display}. Give one run for each target.")
    specs = {run.recipe().input for run in runs}
    if len(specs) > 1:
        raise ExportRefused("The runs' input sizes differ, but a bundle has one. Fit them with the same [input].")
    return specs.pop()


def _export(
    run: Run, spec: InputSpec, *, precisions: Sequence[Precision], report: Report, gated: bool
) -> tuple[ModelEntry, dict[str, bytes], Gate | None]:
    """One model, its files, and the bundle's film gate where this model is to carry it."""
    run.session()  # refuses a run of another pixel path
    recipe, metrics = run.recipe(), run.read_json("metrics.json")
    network = Network(recipe.model, bn_momentum=0.99)
    network.load_state_dict(run.read_tensors("best"))
    fit = set_gate(run, network) if gated else None
    layer = None if fit is None else GateDistance(fit.terms)
    folded = FoldedNetwork(network, run.read_tensors("normal_map")["map"], size=spec.size, gate=layer)
    graph = export_graph(folded, size=spec.size)
    films = check_films(run, spec)
    if fit is not None:
        check_distance(graph.data, fit.terms, network, films.pixels[:_GATE_CHECKS], name=recipe.target.display)
    calibration, points = _calibrated(run, metrics)
    trained = Trained(films, run_torch(network, films.pixels), logit_cuts(points, calibration))
    if fit is not None:
        inside = run_gate(graph.data, films.pixels) <= fit.gate.threshold
        trained = dataclasses.replace(trained, gate=fit.gate.threshold, inside=inside)
    files = model_files(recipe.target, graph, trained, precisions=precisions, report=report)
    grid = cell_grid(network.backbone, spec.size)
    entry = ModelEntry(
        target=recipe.target,
        files=tuple(files.entries),
        fallbacks=tuple(files.fallbacks),
        map_shape=graph.map_shape,
        cell_shift=grid.shift,
        cell_pitch=grid.pitch,
        map_peak=metrics.get("map_peak"),
        calibration=calibration,
        operating_points=points,
        metrics=_test_metrics(run),
        localisation=localise(run, spec, maps=lambda pixels: run_onnx(graph.data, pixels)[1], grid=grid),
        split_kind=metrics["split"]["kind"],
        split_sha256=metrics["split"]["sha256"],
        cohort=metrics.get("cohort", {}).get("counts", {}),
        run=run.folder.name,
        recipe=_without_paths(recipe),
    )
    report(f"{recipe.target.display}: {calibration_text(calibration)}")
    for each in entry.localisation:
        report(f"{recipe.target.display}, maps: {localisation_text(each)}")
    if gated:
        report(gate_text(None if fit is None else fit.gate))
    return entry, files.data, None if fit is None else fit.gate


def _calibrated(run: Run, metrics: dict[str, Any]) -> tuple[Calibration, tuple[OperatingPoint, ...]]:
    chosen = [OperatingPoint(**point) for point in metrics["operating_points"]]
    return calibrate(run.read_predictions(), with_test_figures(chosen, metrics["parts"]["test"]))


def _test_metrics(run: Run) -> TestMetrics:
    test, intervals = run.read_json("metrics.json")["parts"]["test"], {}
    for name in ("auc", "accuracy"):
        if test[name]["low"] is None or test[name]["high"] is None:
            raise ExportRefused(
                f"{run.folder} has no interval for its test {name} ({test[name]['reason']}), and a bundle says how "
                "sure its figures are. Fit on more patients, or with a larger split.test_fraction."
            )
        intervals[name] = Interval(**test[name])
    return TestMetrics(**intervals, films=test["films"], patients=test["patients"])


def _without_paths(recipe: Recipe) -> dict[str, Any]:
    """Fields of a recipe; of a weights file its name alone, since a bundle leaves the machine."""
    fields = recipe.model_dump(mode="json", exclude_none=True)
    fields["model"]["weights"] = Path(recipe.model.weights).name
    return fields


def _producer() -> dict[str, str]:
    versions = {}
    for name in _PRODUCER:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
