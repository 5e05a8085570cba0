"""The model card: one self-contained HTML page that says all that a bundle's manifest says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import tomli_w

from cxr_export.inspect import interval_text
from cxr_shared.bundle import Bundle, Manifest, ModelEntry, ModelFile
from cxr_shared.files import write_text
from cxr_trainer.report.pages import render
from cxr_trainer.report.tables import Table

_NOT_MEASURED: Final = "not measured"


def write_card(bundle: Bundle, path: Path) -> None:
    """Write the model card of a verified bundle to `path`.

    Raises
    ------
    OutputError
        The file could not be written.
    """
    manifest = bundle.manifest
    page = render(
        "card.html.j2",
        package="cxr_export",
        name=manifest.name,
        notice=manifest.notice,
        identity=_identity(bundle),
        gate=_gate(manifest),
        overview=_overview(manifest),
        models=[_model(entry) for entry in manifest.models],
    )
    write_text(path, page)


def _identity(bundle: Bundle) -> Table:
    manifest = bundle.manifest
    signed = "not signed" if bundle.signature is None else f"signed with key {bundle.signature.fingerprint}"
    aspect = "aspect kept" if manifest.input.keep_aspect else "stretched to a square"
    rows = [
        ("SHA-256", bundle.sha256),
        ("Signature", signed),
        ("Schema", str(manifest.schema_version)),
        ("Input", f"uint8, {manifest.input.size} × {manifest.input.size}, {aspect}"),
        ("Pixel path", str(manifest.pixel_path_version)),
        *((name, version) for name, version in manifest.producer.items()),
    ]
    return Table("Identity and producers", ("what", "value"), tuple(rows))


def _gate(manifest: Manifest) -> Table:
    gate = manifest.gate
    if gate is None:
        return Table("Film gate", ("what", "value"), (("Gate", "none: any picture is scored"),))
    rows = (
        ("Model whose features it uses", gate.target.display),
        ("Method", gate.method),
        ("Threshold of the distance", f"{gate.threshold:.4g}"),
        ("Validation films that set it", f"{gate.films:,}"),
        ("Test films that pass", interval_text(gate.accepted)),
    )
    return Table("Film gate: which pictures are scored at all", ("what", "value"), rows)


def _overview(manifest: Manifest) -> Table:
    rows = [
        (
            entry.target.display,
            interval_text(entry.metrics.auc),
            interval_text(entry.metrics.accuracy),
            f"{entry.metrics.films:,} ({entry.metrics.patients:,})",
            entry.split_kind,
            ", ".join(each.precision for each in entry.files),
        )
        for entry in manifest.models
    ]
    heads = ("target", "test AUC", "accuracy at 0.5", "test films (patients)", "split", "precisions")
    return Table("Figures on test films, with 95 % intervals by patient", heads, tuple(rows))


def _model(entry: ModelEntry) -> dict[str, Any]:
    tables = [_points(entry), _calibration(entry), _files(entry), _provenance(entry)]
    if entry.localisation:
        tables.insert(3, _localisation(entry))
    return {
        "slug": entry.target.slug,
        "title": entry.target.display,
        "tables": tables,
        "recipe": tomli_w.dumps(entry.recipe),
    }


def _points(entry: ModelEntry) -> Table:
    rows = [
        (
            point.name,
            f"{point.threshold:.3f}",
            f"{point.sensitivity:.3f}",
            f"{point.specificity:.3f}",
            interval_text(point.test_sensitivity),
            interval_text(point.test_specificity),
        )
        for point in entry.operating_points
    ]
    heads = ("point", "threshold", "sensitivity", "specificity", "test sensitivity", "test specificity")
    note = "Thresholds were chosen on validation films; the test films chose nothing."
    return Table("Operating points", heads, tuple(rows), (note,))


def _calibration(entry: ModelEntry) -> Table:
    fitted = entry.calibration
    rows = (
        ("Method", fitted.method),
        ("Probability", f"sigmoid({fitted.slope:.4g} · logit {fitted.offset:+.4g})"),
        ("Validation films", f"{fitted.films:,}"),
        ("Expected calibration error before, test films", interval_text(fitted.ece_before)),
        ("Expected calibration error after, test films", interval_text(fitted.ece_after)),
    )
    return Table("Calibration", ("what", "value"), rows)


def _files(entry: ModelEntry) -> Table:
    heads = (
        "precision",
        "opset",
        "films compared",
        "largest logit difference",
        "mean",
        "AUC before",
        "AUC after",
        "films that cross a threshold, %",
        "SHA-256",
    )
    notes = tuple(f"{each.precision}: {each.reason}" for each in entry.fallbacks)
    return Table("Files, each compared with the trained model", heads, tuple(map(_file, entry.files)), notes)


def _file(each: ModelFile) -> tuple[str, ...]:
    parity = each.parity
    mean = _NOT_MEASURED if parity.mean_logit_difference is None else f"{parity.mean_logit_difference:.1e}"
    shares = parity.flips | ({} if parity.gate_flips is None else {"film gate": parity.gate_flips})
    flips = ", ".join(f"{name} {100 * share:.1f}" for name, share in shares.items()) or _NOT_MEASURED
    return (
        each.precision,
        str(each.opset),
        f"{parity.films:,} {parity.source}".rstrip(),
        f"{parity.max_logit_difference:.1e} (at most {each.tolerance.logit:.1e})",
        mean,
        interval_text(parity.auc.before if parity.auc else None),
        interval_text(parity.auc.after if parity.auc else None),
        flips,
        each.sha256[:16],
    )


def _localisation(entry: ModelEntry) -> Table:
    rows = [
        (each.source, f"{each.films:,}", interval_text(each.pointing), interval_text(each.iou))
        for each in entry.localisation
    ]
    heads = ("boxes", "films", "map highest inside a box", "intersection over union")
    return Table("Localisation of the heat map", heads, tuple(rows))


def _provenance(entry: ModelEntry) -> Table:
    rows = [("Run", entry.run), ("Split", f"{entry.split_kind}, SHA-256 {entry.split_sha256}")]
    for part, counts in entry.cohort.items():
        rows.append((f"Films, {part}", ", ".join(f"{count:,} {label}" for label, count in counts.items())))
    return Table("Provenance", ("what", "value"), tuple(rows))
