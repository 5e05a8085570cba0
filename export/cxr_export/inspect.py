"""A bundle in words."""

from __future__ import annotations

from cxr_shared.bundle import Bundle, Calibration, Gate, Interval, Localisation, ModelEntry, OperatingPoint


def describe(bundle: Bundle) -> str:
    """A few lines for each model of a verified bundle."""
    manifest = bundle.manifest
    producer = ", ".join(f"{name} {version}" for name, version in manifest.producer.items())
    lines = [
        f"{manifest.name} ({bundle.path}), SHA-256 {bundle.sha256}",
        manifest.notice,
        f"input uint8 {manifest.input.size}², pixel path {manifest.pixel_path_version}; {producer}",
    ]
    models = (line for entry in manifest.models for line in _model(entry))
    return "\n".join([*lines, *models, gate_text(manifest.gate)])


def calibration_text(calibration: Calibration) -> str:
    """How logits become probabilities, and the expected calibration error before and after."""
    if calibration.method == "none":
        error = interval_text(calibration.ece_before)
        return f"not calibrated, since it would not help on {calibration.films} validation films (test ECE {error})"
    return (
        f"{calibration.method} calibration {calibration.slope:.3f} · logit {calibration.offset:+.3f} on "
        f"{calibration.films} validation films (test ECE {interval_text(calibration.ece_before)} before, "
        f"{interval_text(calibration.ece_after)} after)"
    )


def gate_text(gate: Gate | None) -> str:
    """What pictures a bundle refuses."""
    if gate is None:
        return "No film gate: the films of the first run are not at hand, or too few. Any picture is scored."
    return (
        f"Film gate in the model of {gate.target.display}: refuses pictures farther than {gate.threshold:.2f} ("
        f"{gate.method}), from {gate.films} validation films; {interval_text(gate.accepted)} of the test films pass"
    )


def localisation_text(found: Localisation) -> str:
    """A localisation in words, in one line."""
    pointing, iou = found.pointing, found.iou
    return (
        f"highest inside a box on {pointing.value:.0%} of films ({pointing.low:.0%} to {pointing.high:.0%}), mean IoU "
        f"{iou.value:.2f} ({iou.low:.2f} to {iou.high:.2f}); {found.source}"
    )


def _model(entry: ModelEntry) -> list[str]:
    auc, accuracy = entry.metrics.auc, entry.metrics.accuracy
    figures = (
        f"{entry.target.display}: test AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}), accuracy "
        f"{accuracy.value:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f}), {entry.metrics.films} films of "
        f"{entry.metrics.patients} patients, {entry.split_kind} split"
    )
    files = "; ".join(f"{each.precision}: logit within {each.parity.max_logit_difference:.1e}" for each in entry.files)
    left_out = [f"  no {each.precision}: {each.reason}" for each in entry.fallbacks]
    boxes = [f"  map {localisation_text(each)}" for each in entry.localisation]
    points = map(_point, entry.operating_points)
    return [figures, f"  {files}", *left_out, *boxes, f"  {calibration_text(entry.calibration)}", *points]


def _point(point: OperatingPoint) -> str:
    return (
        f"  {point.name} {point.threshold:.3f}: sensitivity {point.sensitivity:.3f} on validation, "
        f"{interval_text(point.test_sensitivity)} on test; specificity {point.specificity:.3f} on validation, "
        f"{interval_text(point.test_specificity)} on test"
    )


def interval_text(value: Interval | None) -> str:
    """A figure with its interval, or that it was not measured."""
    return "not measured" if value is None else f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"
