"""What a bundle says of its models, in rows. No Qt."""

from __future__ import annotations

from cxr_shared.bundle import Bundle, Interval


def bundle_rows(bundle: Bundle) -> list[tuple[str, ...]]:
    """One row a model, after a heading: test AUC with its interval, operating point, split and films."""
    head = ("Target", "AUC (95 %)", "Threshold", "Sensitivity", "Specificity", "Split", "Test films", "Run")
    rows: list[tuple[str, ...]] = [head]
    for entry in bundle.manifest.models:
        point = entry.operating_point
        rows.append(
            (
                entry.target.display,
                _interval(entry.metrics.auc),
                f"{point.threshold:.2f} ({point.name})",
                f"{point.sensitivity:.2f}",
                f"{point.specificity:.2f}",
                entry.split_kind,
                f"{entry.metrics.films:,}",
                entry.run,
            )
        )
    rows.append(("Pixel path", str(bundle.manifest.pixel_path_version)))
    rows.append(("Notice", bundle.manifest.notice))
    return rows


def _interval(value: Interval) -> str:
    return f"{value.value:.3f} ({value.low:.3f}–{value.high:.3f})"
