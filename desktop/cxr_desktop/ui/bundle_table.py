"""What a bundle says of its models, in rows. No Qt."""

from __future__ import annotations

from typing import Final

from cxr_shared.bundle import Bundle, Calibration, Gate, Interval, ModelEntry

Row = tuple[str, ...]

_MODELS: Final = ("Target", "AUC (95 %)", "Calibration", "ECE before → after", "Split", "Test films", "Run")
_POINTS: Final = (
    "Operating points",
    "Name",
    "Threshold",
    "Sensitivity, validation",
    "test (95 %)",
    "Specificity, validation",
    "test (95 %)",
)


def bundle_rows(bundle: Bundle) -> list[Row]:
    """Models, their operating points, the film gate, pixel path and notice; each part after its heading.

    The threshold that the program uses is marked with an asterisk.
    """
    manifest = bundle.manifest
    return [
        _MODELS,
        *map(_model, manifest.models),
        ("",),
        _POINTS,
        *(row for entry in manifest.models for row in _points(entry)),
        ("",),
        ("Film gate", *_gate(manifest.gate)),
        ("Pixel path", str(manifest.pixel_path_version)),
        ("Notice", manifest.notice),
    ]


def _model(entry: ModelEntry) -> Row:
    return (
        entry.target.display,
        _interval(entry.metrics.auc),
        _calibration(entry.calibration),
        f"{_interval(entry.calibration.ece_before)} → {_interval(entry.calibration.ece_after)}",
        entry.split_kind,
        f"{entry.metrics.films:,}",
        entry.run,
    )


def _points(entry: ModelEntry) -> list[Row]:
    used = entry.operating_point
    return [
        (
            entry.target.display,
            f"{point.name}{' *' if point is used else ''}",
            f"{point.threshold:.2f}",
            f"{point.sensitivity:.2f}",
            _interval(point.test_sensitivity),
            f"{point.specificity:.2f}",
            _interval(point.test_specificity),
        )
        for point in entry.operating_points
    ]


def _calibration(calibration: Calibration) -> str:
    if calibration.method == "none":
        return "none"
    offset = f" {calibration.offset:+.2f}" if calibration.method == "platt" else ""
    return f"{calibration.method}: {calibration.slope:.2f} · logit{offset}"


def _gate(gate: Gate | None) -> Row:
    if gate is None:
        return ("none: any picture is scored",)
    return (f"distance at most {gate.threshold:.2f}", f"accepts {_interval(gate.accepted)} of the test films")


def _interval(value: Interval | None) -> str:
    return "not measured" if value is None else f"{value.value:.3f} ({value.low:.3f}–{value.high:.3f})"
