"""Percentiles and aims of the benchmark, by hand."""

from __future__ import annotations

from cxr_desktop.bench_ui.figures import Figure, percentile


def test_percentile_is_the_nearest_rank() -> None:
    values = [30.0, 10.0, 40.0, 20.0]
    assert [percentile(values, share) for share in (0.0, 0.25, 0.5, 0.51, 0.95, 1.0)] == [10, 10, 20, 30, 40, 40]


def test_an_aim_is_reached_at_its_value_and_nothing_is_said_without_a_value() -> None:
    assert Figure("a", 100.0, aim=100.0).met is True
    assert Figure("a", 100.1, aim=100.0).met is False
    assert Figure("a", None, aim=100.0).met is None
    assert Figure("a", 1.0).met is None
