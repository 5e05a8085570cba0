"""A run's calibration in tables: what it would make of the probabilities, before anything is exported."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from cxr_export.calibrate import calibrate, reliability_before_after, with_test_figures
from cxr_export.errors import ExportRefused
from cxr_export.inspect import calibration_text, interval_text
from cxr_shared.bundle import OperatingPoint
from cxr_trainer.evaluate.calibration import BINS, Reliability
from cxr_trainer.fit.run import Run


def calibration_report(run: Run) -> tuple[str, Table, Table]:
    """Sentence, operating points, and the reliability diagram of the test films in numbers.

    Raises
    ------
    ExportRefused
        The run is unfinished.
    RunError
        A file of the run is missing or damaged.
    """
    if not run.finished():
        raise ExportRefused(f"{run.folder} is unfinished. Finish it with: cxr-trainer resume {run.folder}")
    metrics, predictions = run.read_json("metrics.json"), run.read_predictions()
    chosen = [OperatingPoint(**point) for point in metrics["operating_points"]]
    calibration, points = calibrate(predictions, with_test_figures(chosen, metrics["parts"]["test"]))
    before, after = reliability_before_after(predictions, calibration)
    sentence = f"{run.target.display}: {calibration_text(calibration)}"
    return sentence, _points_table(chosen, points), _reliability_table(before, after)


def _points_table(before: list[OperatingPoint], after: tuple[OperatingPoint, ...]) -> Table:
    table = Table(
        "operating point", "threshold", "calibrated", "sensitivity on test (95 %)", "specificity on test (95 %)"
    )
    for plain, moved in zip(before, after, strict=True):
        rates = (interval_text(each) for each in (moved.test_sensitivity, moved.test_specificity))
        table.add_row(plain.name, f"{plain.threshold:.4f}", f"{moved.threshold:.4f}", *rates)
    return table


def _reliability_table(before: Reliability, after: Reliability) -> Table:
    """A row for each bin of the probability that holds a film."""
    parts = [f"{name} {what}" for what in ("before", "after") for name in ("films", "predicted", "observed (95 %)")]
    table = Table("probability", *parts)
    for place in range(BINS):
        cells = [*_bin(before, place), *_bin(after, place)]
        if any(cells):
            table.add_row(f"{place / BINS:.2f} to {(place + 1) / BINS:.2f}", *cells)
    return table


def _bin(rows: Reliability, place: int) -> Iterator[str]:
    if not rows.films[place]:
        yield from ("", "", "")
        return
    yield f"{rows.films[place]:,}"
    yield f"{rows.predicted[place]:.2f}"
    yield f"{rows.observed[place]:.2f} ({rows.low[place]:.2f} to {rows.high[place]:.2f})"


__all__ = ["calibration_report"]
