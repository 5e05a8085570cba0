"""Damaged copies of a bundle, of every kind that the benchmark knows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from cxr_desktop.inference.toy import write_toy_bundle
from cxr_shared.bundle.signing import make_keys
from cxr_shared.bundle.writer import sign_bundle
from cxr_shared.findings import Target

_PATH = Path(__file__).parents[1] / "benchmarks" / "damaged_bundles.py"


@pytest.mark.parametrize("signed", [False, True])
def test_every_damaged_copy_is_refused_with_a_sentence(tmp_path: Path, *, signed: bool) -> None:
    spec = importlib.util.spec_from_file_location("damaged_bundles", _PATH)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    bundle = tmp_path / "toy.cxr"
    write_toy_bundle(bundle, {Target.ANOMALY: (4.0, -1.0), Target.HERNIA: (1.0, 0.0)})
    if signed:
        make_keys(tmp_path / "key")
        sign_bundle(bundle, tmp_path / "key")
    refused, faults = benchmark.count_refusals(bundle, 200, seed=int(signed))
    assert faults == []
    assert set(refused.values()) == {40}
