"""A bundle in words."""

from __future__ import annotations

from cxr_shared.bundle import Bundle, ModelEntry


def describe(bundle: Bundle) -> str:
    """A few lines for each model of a verified bundle."""
    manifest = bundle.manifest
    producer = ", ".join(f"{name} {version}" for name, version in manifest.producer.items())
    lines = [
        f"{manifest.name} ({bundle.path}), SHA-256 {bundle.sha256}",
        manifest.notice,
        f"input uint8 {manifest.input.size}², pixel path {manifest.pixel_path_version}; {producer}",
    ]
    return "\n".join([*lines, *(line for entry in manifest.models for line in _model(entry))])


def _model(entry: ModelEntry) -> list[str]:
    auc, accuracy = entry.metrics.auc, entry.metrics.accuracy
    points = "; ".join(
        f"{point.name} {point.threshold:.3f} (sensitivity {point.sensitivity:.3f}, "
        f"specificity {point.specificity:.3f} on validation)"
        for point in entry.operating_points
    )
    figures = (
        f"{entry.target.display}: test AUC {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}), accuracy "
        f"{accuracy.value:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f}), {entry.metrics.films} films of "
        f"{entry.metrics.patients} patients, {entry.split_kind} split"
    )
    return [figures, f"  {points}"]
