"""Patients' ages as NIH's releases write them."""

from __future__ import annotations

from typing import Final

import pandas as pd

OLDEST: Final = 120.0
"""Years; what is above is a slip of the pen. The release of 2017 has ages such as 411."""

_YEARS: Final = {"": 1.0, "Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_AGE: Final = r"^\s*(?P<number>\d{1,4}(?:\.\d+)?)\s*(?P<unit>[DWMYdwmy]?)\s*$"


def read_ages(text: pd.Series[str]) -> pd.DataFrame:
    """Read ages written as ``58`` (v2020) or, as DICOM's value representation AS (PS3.5, 6.2), ``058Y``.

    Returns
    -------
    pandas.DataFrame
        Indexed as `text`: ``stated``, the years that the file states, NaN where it states none; ``unit``, one
        of D, W, M and Y, or empty; ``years``, as `stated` but NaN above `OLDEST`.
    """
    codes, texts = pd.factorize(text)
    parts = pd.Series(texts, dtype=str).str.extract(_AGE)
    unit = parts["unit"].fillna("").str.upper()
    stated = pd.to_numeric(parts["number"], errors="coerce") * unit.map(_YEARS).astype(float)
    read = pd.DataFrame({"stated": stated, "unit": unit, "years": stated.where(stated <= OLDEST)})
    return read.take(codes).set_index(text.index)
