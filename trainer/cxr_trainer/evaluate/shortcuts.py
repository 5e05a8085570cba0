"""Whether a model may be reading how a film was taken instead of what it shows.

Sicker patients are filmed lying down (AP), more often and at other ages, so view, age, sex and follow-up number alone
predict findings (Zech et al. 2018; DeGrave et al. 2021). The table sets the model's AUC in each view, sex and age band
beside that of a logistic regression that knows the metadata and no film.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr_trainer.evaluate.intervals import Estimate, PatientBootstrap, percentile
from cxr_trainer.evaluate.ranking import Areas, areas

READING: Final = (
    "Metadata that come near the model's AUC, or a model that does well overall but worse within each view, sex and "
    "age band, are signs that it reads how and of whom a film was taken, and not only what the film shows."
)
"""How to read the table, in one sentence."""

CATEGORIES: Final = ("view", "sex")
NUMBERS: Final = ("age", "follow_up")
METADATA: Final = (*CATEGORIES, *NUMBERS)
"""Columns of a catalog that the baseline may know."""

_Scores: TypeAlias = npt.NDArray[np.float64] | str
"""Scores of the baseline, or why there are none."""
_UNKNOWN: Final = "unknown"
_OLDEST = 120
_AGE_BANDS = ((0, 18, "under 18"), (18, 40, "18 to 39"), (40, 65, "40 to 64"), (65, _OLDEST + 1, "65 and over"))


def shortcut_table(train: pd.DataFrame, test: pd.DataFrame, logits: npt.ArrayLike) -> dict[str, Any]:
    """AUC of the model and of metadata alone, over the test part and within its groups.

    Parameters
    ----------
    train
        Films the baseline is fitted on: `label` and those of `METADATA` that are known.
    test
        Films both are tested on: `label`, `patient` and the same columns.
    logits
        (n,) the model's, in the order of `test`.

    Returns
    -------
    dict
        ``metadata`` (columns used), ``overall`` and ``groups``: rows with ``model`` and ``metadata_only`` as value,
        low and high; ``overall`` also holds ``difference``, of both on the same resamples.
    """
    columns = [name for name in METADATA if name in train.columns and name in test.columns]
    films = test.reset_index(drop=True)
    baseline = _baseline_scores(train, films, columns)
    score = np.asarray(logits, dtype=np.float64)
    rows = [
        {"by": by, "group": name, **_row(films[chosen], score[chosen], _pick(baseline, chosen))[0]}
        for by, name, chosen in _groups(films)
    ]
    return {
        "part": "test",
        "metadata": columns,
        "reading": READING,
        "overall": _overall(films, score, baseline),
        "groups": rows,
    }


def _overall(films: pd.DataFrame, score: npt.NDArray[np.float64], baseline: _Scores) -> dict[str, Any]:
    row, model, metadata, bootstrap = _row(films, score, baseline)
    difference = Estimate(None, None, None, _no_metadata(baseline))
    if metadata is not None and model.auc.value is not None and metadata.auc.value is not None:
        resampled = model.resampled_auc - metadata.resampled_auc
        difference = percentile(model.auc.value - metadata.auc.value, resampled, bootstrap)
    return {**row, "difference": difference.fields()}


def _row(
    films: pd.DataFrame, score: npt.NDArray[np.float64], baseline: _Scores
) -> tuple[dict[str, Any], Areas, Areas | None, PatientBootstrap]:
    labels, bootstrap = films["label"].to_numpy(dtype=float), PatientBootstrap(films["patient"])
    model = areas(labels, score, bootstrap)
    metadata = None if isinstance(baseline, str) else areas(labels, baseline, bootstrap)
    alone = metadata.auc if metadata else Estimate(None, None, None, _no_metadata(baseline))
    row = {
        "films": len(films),
        "patients": bootstrap.patients,
        "positives": int(labels.sum()),
        "model": model.auc.fields(),
        "metadata_only": alone.fields(),
    }
    return row, model, metadata, bootstrap


def _groups(films: pd.DataFrame) -> Iterator[tuple[str, str, npt.NDArray[np.bool_]]]:
    """View, sex and age band of films, where known, with the films of each group."""
    for name in CATEGORIES:
        if name in films.columns:
            values = _category(films[name])
            yield from ((name, group, (values == group).to_numpy()) for group in sorted(values.unique()))
    if "age" in films.columns:
        years = _years(films["age"])
        bands = [(label, (years >= low) & (years < high)) for low, high, label in _AGE_BANDS]
        bands.append((_UNKNOWN, years.isna()))
        yield from (("age", label, chosen.to_numpy()) for label, chosen in bands if chosen.any())


def _baseline_scores(train: pd.DataFrame, test: pd.DataFrame, columns: list[str]) -> _Scores:
    """Log odds of the test films by a logistic regression of the training films' metadata."""
    if not columns:
        return "the catalog has no metadata"
    if train["label"].nunique() < 2:
        return "the training films are of one class"
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    steps = [
        (OneHotEncoder(handle_unknown="ignore"), [name for name in CATEGORIES if name in columns]),
        (
            make_pipeline(
                SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
            ),
            [name for name in NUMBERS if name in columns],
        ),
    ]
    encoder = ColumnTransformer([(str(number), step, names) for number, (step, names) in enumerate(steps) if names])
    model = make_pipeline(encoder, LogisticRegression(max_iter=1000))
    model.fit(_known(train, columns), train["label"])
    scores: npt.NDArray[np.float64] = model.decision_function(_known(test, columns))
    return scores


def _known(films: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The metadata in the baseline's form: ages beyond a human life are missing, follow-ups grow slowly."""
    known: dict[str, pd.Series[Any]] = {}
    for name in columns:
        if name in CATEGORIES:
            known[name] = _category(films[name])
        elif name == "age":
            known[name] = _years(films[name])
        else:
            known[name] = _numbers(films[name]).clip(lower=0).map(np.log1p)
    return pd.DataFrame(known)


def _category(values: pd.Series[Any]) -> pd.Series[str]:
    text = values.astype("string").str.strip().fillna("")
    return text.where(text != "", _UNKNOWN).astype(object)


def _years(values: pd.Series[Any]) -> pd.Series[float]:
    years = _numbers(values)
    return years.where(years.between(0, _OLDEST))


def _numbers(values: pd.Series[Any]) -> pd.Series[float]:
    numbers: pd.Series[float] = pd.to_numeric(values, errors="coerce").astype(float)
    return numbers


def _pick(baseline: _Scores, chosen: npt.NDArray[np.bool_]) -> _Scores:
    return baseline if isinstance(baseline, str) else baseline[chosen]


def _no_metadata(baseline: _Scores) -> str:
    return baseline if isinstance(baseline, str) else ""
