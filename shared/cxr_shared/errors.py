"""One class for each thing a person can act on.

::

    CxrError
    ├─ UnknownName          a target, option or field that does not exist (carries the nearest that does)
    ├─ MissingExtra         the command needs `pip install 'cxr-triage[...]'`
    ├─ SystemLibraryMissing Qt or OpenCV cannot load a library of the operating system
    ├─ OutputError          a result could not be written (disk full, no permission)
    ├─ KeyUnusable          a signing key that cannot be read, or would be overwritten
    └─ BundleError          a .cxr file that must not be used
       ├─ BundleDamaged     a hash, the manifest or the archive is wrong
       ├─ BundleUnsupported another schema, external data, custom operators
       └─ SignatureRefused  not signed, or by another, or the signature does not fit

A film that cannot be read is no exception but a result: see `cxr_shared.film.Refusal`.
Messages say what happened, to which file, and what to do next; they never hold patient data.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CxrError(Exception):
    """A fault that a person can act on; `str(error)` is the whole sentence shown to them."""


class UnknownName(CxrError):
    """A name that is none of the known ones; the message offers the nearest.

    Parameters
    ----------
    kind
        What was being named, e.g. ``"finding"``.
    name
        What was given.
    known
        The names that exist.
    where
        Where it was named, such as a file; left out of the message when empty.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        names = list(known)
        near = difflib.get_close_matches(name.lower(), [each.lower() for each in names], n=1)
        by_lower = {each.lower(): each for each in names}
        hint = f" Did you mean '{by_lower[near[0]]}'?" if near else f" Known: {', '.join(names)}."
        super().__init__(f"There is no {kind} '{name}'{f' ({where})' if where else ''}.{hint}")
        self.kind = kind
        self.name = name
        self.suggestion = by_lower[near[0]] if near else None


class MissingExtra(CxrError):
    """A package that belongs to an optional part of the distribution is not installed."""

    def __init__(self, *, module: str, extra: str) -> None:
        super().__init__(
            f"This command needs '{module}', which is not installed. Run: pip install 'cxr-triage[{extra}]'"
        )
        self.module = module
        self.extra = extra


class SystemLibraryMissing(CxrError):
    """A library of the operating system, which pip cannot bring, is missing."""


class OutputError(CxrError):
    """A result could not be written; the file that was there before is untouched."""


class BundleError(CxrError):
    """A bundle that must not be used."""


class BundleDamaged(BundleError):
    """A hash, the manifest or the archive itself is wrong: the file was damaged or changed."""


class BundleUnsupported(BundleError):
    """A sound bundle that this version must not or cannot run."""


class SignatureRefused(BundleError):
    """A bundle whose signature is missing, does not fit its manifest, or is somebody else's."""


class KeyUnusable(CxrError):
    """A signing key that cannot be read, is of another kind, or would be overwritten."""
