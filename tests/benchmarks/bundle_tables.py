"""What a bundle's manifest says of its models, as Markdown tables.

python tests/benchmarks/bundle_tables.py BUNDLE
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from cyclopts import App

from cxr_shared.bundle import Interval, Manifest, ModelEntry, ModelFile, open_bundle

app = App(help="Print parity, calibration, localisation and gate of a bundle as Markdown.", help_format="plaintext")


@app.default
def main(bundle: Path) -> None:
    """Print the tables.

    Parameters
    ----------
    bundle
        A bundle (.cxr).
    """
    manifest = open_bundle(bundle).manifest
    print("\n".join(_lines(manifest)))


def _lines(manifest: Manifest) -> Iterator[str]:
    yield from _table(
        ("target", "AUC on test films (95 %)", "films", "calibration", "ECE before", "after"),
        map(_figures, manifest.models),
    )
    yield from _table(
        ("target", "precision", "films", "Δlogit max", "mean", "AUC before", "after", "flips at the balanced point"),
        (row for entry in manifest.models for row in _parity(entry)),
    )
    yield from _table(
        ("target", "boxed films", "peak in a box (95 %)", "mean IoU (95 %)"), filter(None, map(_boxes, manifest.models))
    )
    gate = manifest.gate
    if gate is not None:
        yield f"Film gate, in the model of {gate.target.display.lower()}: distance at most {gate.threshold:.2f};"
        yield f"accepts {_interval(gate.accepted)} of the test films."


def _figures(entry: ModelEntry) -> tuple[str, ...]:
    made = entry.calibration
    return (
        entry.target.display,
        _interval(entry.metrics.auc),
        str(entry.metrics.films),
        made.method,
        _interval(made.ece_before),
        _interval(made.ece_after),
    )


def _parity(entry: ModelEntry) -> Iterator[tuple[str, ...]]:
    for file in entry.files:
        yield (entry.target.display, *_file(file))
    for fallback in entry.fallbacks:
        yield (entry.target.display, f"{fallback.precision}: left out", fallback.reason, "", "", "", "", "")


def _file(file: ModelFile) -> tuple[str, ...]:
    parity = file.parity
    mean = "" if parity.mean_logit_difference is None else f"{parity.mean_logit_difference:.1e}"
    auc = ("", "") if parity.auc is None else (f"{parity.auc.before.value:.4f}", f"{parity.auc.after.value:.4f}")
    flips = parity.flips.get("balanced")
    crossed = "" if flips is None else f"{100 * flips:.1f} %"
    return file.precision, str(parity.films), f"{parity.max_logit_difference:.1e}", mean, *auc, crossed


def _boxes(entry: ModelEntry) -> tuple[str, ...] | None:
    if not entry.localisation:
        return None
    found = entry.localisation[0]
    return entry.target.display, str(found.films), _interval(found.pointing), _interval(found.iou)


def _interval(value: Interval | None) -> str:
    return "" if value is None else f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


if __name__ == "__main__":
    sys.exit(app())
