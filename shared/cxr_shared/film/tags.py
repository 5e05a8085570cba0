"""Reading DICOM attributes of files that do not keep to the standard: a bad value reads as an absent one."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

_BAD_VALUE: Final = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, struct.error)


def value_of(dataset: Dataset, keyword: str) -> Any:  # noqa: ANN401  (a DICOM value may be anything)
    """Give an attribute's value, None where it is absent or its bytes cannot be parsed."""
    try:
        return dataset.get(keyword)
    except (*_BAD_VALUE, NotImplementedError):
        return None


def text(dataset: Dataset, keyword: str) -> str:
    """Give an attribute as stripped text, several values joined by backslashes."""
    value = value_of(dataset, keyword)
    parts = value if isinstance(value, MultiValue | list) else [value]
    return "\\".join(str(part).strip(" \0") for part in parts if part is not None)


def code(dataset: Dataset, keyword: str) -> str:
    """Give a code string (VR CS) in capitals."""
    return text(dataset, keyword).upper()


def integer(dataset: Dataset, keyword: str, default: int | None = None) -> int | None:
    """Give an attribute's first value as an integer, else `default`."""
    found = numbers(dataset, keyword)
    return int(found[0]) if found else default


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """Give an attribute's finite numbers; empty where one of them is none."""
    value = value_of(dataset, keyword)
    if value is None or isinstance(value, bytes | str):
        return []
    values = list(value) if isinstance(value, Iterable) else [value]
    try:
        found = [float(each) for each in values]
    except _BAD_VALUE:
        return []
    return found if all(math.isfinite(each) for each in found) else []


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Give the items of a sequence, none where it is absent or unreadable."""
    value = value_of(dataset, keyword)
    return list(value) if isinstance(value, Sequence) else []


def code_meaning(dataset: Dataset, keyword: str) -> str:
    """Give the Code Meaning (0008,0104) of a code sequence's first item in lower case, spaces for hyphens."""
    sequence = items(dataset, keyword)
    return text(sequence[0], "CodeMeaning").lower().replace("-", " ") if sequence else ""
