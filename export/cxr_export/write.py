"""From finished runs to a bundle, or to a sentence that says why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from cxr_export.errors import ExportRefused
from cxr_export.films import check_films
from cxr_export.fold import FoldedNetwork
from cxr_export.graph import export_graph
from cxr_export.parity import check_parity
from cxr_shared.bundle import (
    InputSpec,
    Interval,
    Manifest,
    ModelEntry,
    ModelFile,
    OperatingPoint,
    TestMetrics,
    Tolerance,
)
from cxr_shared.bundle import write_bundle as write_file
from cxr_shared.files import sha256_bytes
from cxr_shared.findings import Target
from cxr_shared.pixels import PIXEL_PATH_VERSION
from cxr_trainer.fit.run import Run
from cxr_trainer.model.backbones import cell_grid
from cxr_trainer.model.network import Network
from cxr_trainer.recipe import Recipe

_PRODUCER = ("cxr-triage", "torch", "onnx", "onnxscript", "onnxruntime-gpu", "onnxruntime")
Report = Callable[[str], None]


def write_bundle(runs: Sequence[Run], out: Path, *, report: Report = lambda _line: None) -> Manifest:
    """Fold, export and check the best model of each run, then write them all to `out`.

    Parameters
    ----------
    runs
        Finished runs, one for each target; their input specs must be equal.
    out
        The ``.cxr`` file.
    report
        Called with a line for each model that passed.

    Raises
    ------
    ExportRefused
        No run, two of one target, an unfinished run, unequal inputs, or a model that failed its parity check.
    """
    spec = _common_spec(runs)
    entries, files = [], {}
    for run in sorted(runs, key=lambda each: list(Target).index(each.target)):
        entry, data = _export(run, spec, report)
        entries.append(entry)
        files[entry.reference.file] = data
    manifest = Manifest(
        name=out.stem,
        pixel_path_version=PIXEL_PATH_VERSION,
        input=spec,
        models=tuple(entries),
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


def _export(run: Run, spec: InputSpec, report: Report) -> tuple[ModelEntry, bytes]:
    run.session()  # refuses a run of another pixel path
    recipe, metrics = run.recipe(), run.read_json("metrics.json")
    network = Network(recipe.model, bn_momentum=0.99)
    network.load_state_dict(run.read_tensors("best"))
    folded = FoldedNetwork(network, run.read_tensors("normal_map")["map"], size=spec.size)
    graph = export_graph(folded, size=spec.size)
    films, origin = check_films(run, spec)
    tolerance = Tolerance()
    parity = check_parity(graph.data, network, films, tolerance=tolerance, name=recipe.target.display)
    grid = cell_grid(network.backbone, spec.size)
    entry = ModelEntry(
        target=recipe.target,
        files=(
            ModelFile(
                file=f"{recipe.target.slug}.onnx",
                sha256=sha256_bytes(graph.data),
                opset=graph.opset,
                tolerance=tolerance,
                parity=parity,
            ),
        ),
        map_shape=graph.map_shape,
        cell_shift=grid.shift,
        cell_pitch=grid.pitch,
        map_peak=metrics["map_peak"],
        operating_points=tuple(OperatingPoint(**point) for point in metrics["operating_points"]),
        metrics=_test_metrics(run, metrics["parts"]["test"]),
        split_kind=metrics["split"]["kind"],
        split_sha256=metrics["split"]["sha256"],
        run=run.folder.name,
        recipe=_without_paths(recipe),
    )
    report(
        f"{recipe.target.display}: logit within {parity.max_logit_difference:.1e}, map mean within "
        f"{parity.max_map_mean_difference:.1e} of torch on {origin}"
    )
    return entry, graph.data


def _test_metrics(run: Run, test: dict[str, Any]) -> TestMetrics:
    intervals = {}
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
