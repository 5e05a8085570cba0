"""The metadata-only baseline, and AUC by view, sex and age."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cxr_trainer.evaluate.shortcuts import shortcut_table


def _films(count: int, *, seed: int, confounded: float) -> pd.DataFrame:
    """AP films are positive with `confounded` probability, PA films with the rest."""
    generator = np.random.default_rng(seed)
    view = generator.choice(["PA", "AP"], count)
    chance = np.where(view == "AP", confounded, 1 - confounded)
    return pd.DataFrame(
        {
            "patient": generator.integers(0, count // 2, count).astype(str),
            "label": (generator.uniform(size=count) < chance).astype(int),
            "view": view,
            "sex": generator.choice(["M", "F"], count),
            "age": generator.uniform(5, 90, count),
            "follow_up": generator.integers(0, 30, count),
        }
    )


def test_a_model_that_reads_the_view_is_unmasked() -> None:
    """Its AUC is good over all films, chance within each view, and metadata alone are as good."""
    train, test = _films(600, seed=0, confounded=0.9), _films(600, seed=1, confounded=0.9)
    logits = np.where(test["view"] == "AP", 2.0, -2.0) + np.random.default_rng(2).normal(0, 0.1, 600)
    table = shortcut_table(train, test, logits)
    overall = table["overall"]
    assert overall["model"]["value"] == pytest.approx(roc_auc_score(test["label"], logits))
    assert overall["model"]["value"] > 0.8
    assert overall["metadata_only"]["value"] == pytest.approx(overall["model"]["value"], abs=0.05)
    assert overall["difference"]["low"] < 0 < overall["difference"]["high"]
    for row in table["groups"]:
        if row["by"] == "view":
            chosen = (test["view"] == row["group"]).to_numpy()
            assert row["model"]["value"] == pytest.approx(roc_auc_score(test["label"][chosen], logits[chosen]))
            assert row["model"]["low"] < 0.5 < row["model"]["high"]


def test_a_model_that_reads_the_film_is_not_blamed() -> None:
    train, test = _films(600, seed=3, confounded=0.5), _films(600, seed=4, confounded=0.5)
    logits = 2.0 * test["label"] + np.random.default_rng(5).normal(0, 1, 600)
    overall = shortcut_table(train, test, logits)["overall"]
    assert overall["difference"]["low"] > 0.2
    assert overall["metadata_only"]["low"] < 0.5 < overall["metadata_only"]["high"]


def test_groups_cover_every_film_once_of_each_kind() -> None:
    test = _films(200, seed=6, confounded=0.5)
    test.loc[:9, "age"] = np.nan
    test.loc[10, "age"] = 412  # as NIH's 2017 file has it
    test.loc[:4, "view"] = ""
    table = shortcut_table(_films(200, seed=7, confounded=0.5), test, np.zeros(200))
    for by in ("view", "sex", "age"):
        assert sum(row["films"] for row in table["groups"] if row["by"] == by) == 200
    unknown = {row["by"]: row["films"] for row in table["groups"] if row["group"] == "unknown"}
    assert unknown == {"view": 5, "age": 11}


@pytest.mark.parametrize("missing", [["view", "sex", "age", "follow_up"], ["age"], ["view", "sex"]])
def test_a_catalog_without_metadata_says_so(missing: list[str]) -> None:
    train, test = (_films(80, seed=s, confounded=0.5).drop(columns=missing) for s in (8, 9))
    table = shortcut_table(train, test, np.arange(80.0))
    assert set(table["metadata"]) == {"view", "sex", "age", "follow_up"} - set(missing)
    if len(missing) == 4:
        assert table["overall"]["metadata_only"]["reason"] == "the catalog has no metadata"
        assert table["groups"] == []
    assert json.dumps(table, allow_nan=False)


def test_small_groups_and_one_class_are_null_with_a_reason() -> None:
    test = _films(40, seed=10, confounded=0.5)
    test.loc[test["sex"] == "F", "label"] = 1
    table = shortcut_table(_films(40, seed=11, confounded=0.5).assign(label=0), test, np.arange(40.0))
    women = next(row for row in table["groups"] if row["group"] == "F")
    assert women["model"]["value"] is None
    assert women["model"]["reason"] == "films of both classes are needed"
    assert women["metadata_only"]["reason"] == "the training films are of one class"
    assert json.dumps(table, allow_nan=False)
