"""What a person can pass on of a fault: the sentence and versions, without paths, file names and patient data."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import PySide6

from cxr_desktop.inference.runtime import onnxruntime
from cxr_desktop.inference.verdict import Provenance
from cxr_desktop.worklist.row import Row
from cxr_shared import __version__

REDACTED: Final = "[…]"
"""Stands for what was left out."""

_PATH_LIKE = re.compile(r"[/\\]|\.[A-Za-z][A-Za-z0-9]{0,7}\b")
"""A word with a separator, or with what looks like a file's suffix."""
_ENDS = ".,;:!?)'\"»”"


def details(sentence: str, *, private: Iterable[str], origin: Provenance | None) -> str:
    """Write the details of a fault.

    Parameters
    ----------
    sentence
        What the window said.
    private
        Names that must not be in it, besides all that looks like a path.
    origin
        What scores now; None without a bundle.
    """
    provider = f"{origin.provider} ({origin.plan})" if origin else "none"
    lines = (
        redact(sentence, private),
        f"cxr-triage {__version__}",
        f"system: {platform.system()} {platform.release()} {platform.machine()}",
        f"Python {platform.python_version()}",
        f"Qt (PySide6) {PySide6.__version__}",
        f"onnxruntime {onnxruntime().__version__}",
        f"provider: {provider}",
        f"bundle: {f'SHA-256 {origin.bundle_sha256}' if origin else 'none'}",
    )
    return "\n".join(lines)


def redact(sentence: str, private: Iterable[str]) -> str:
    """Leave out private names, and everything from the first word of a sentence that looks like a path to the last.

    Names may hold spaces, so what stands between two parts of a path may be a part of it.
    """
    return " ".join(map(_without_paths, re.split(r"(?<=[.!?]) ", without_names(sentence, private))))


def without_names(sentence: str, private: Iterable[str]) -> str:
    """Leave out private names."""
    for name in sorted({each for each in private if each and each in sentence}, key=len, reverse=True):
        sentence = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", REDACTED, sentence)
    return sentence


def names_of_paths(paths: Iterable[Path]) -> Iterator[str]:
    """Give each path and its last part, as sentences name them."""
    for path in paths:
        yield str(path)
        yield path.name
        yield path.stem


def names_of_rows(rows: Iterable[Row]) -> Iterator[str]:
    """Give all by which a film or its patient could be known."""
    for row in rows:
        yield from names_of_paths([row.source])
        identity = row.identity
        yield from (identity.patient_id, identity.patient_name, identity.accession_number)
        yield from filter(None, identity.patient_name.split("^"))


def _without_paths(sentence: str) -> str:
    words = sentence.split(" ")
    like = [place for place, word in enumerate(words) if _PATH_LIKE.search(word.rstrip(_ENDS)) or REDACTED in word]
    if not like:
        return sentence
    first, last = like[0], like[-1]
    end = words[last][len(words[last].rstrip(_ENDS)) :]
    return " ".join([*words[:first], REDACTED + end, *words[last + 1 :]])
