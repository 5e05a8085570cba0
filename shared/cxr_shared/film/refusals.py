"""How the readers stop: an exception inside the package, a `Refusal` outside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxr_shared.film.film import Identity, RefusalKind

if TYPE_CHECKING:
    from pydicom.uid import UID


class FilmRefusedError(Exception):
    """Raised by a reader when a file is no readable frontal chest film; `read_film` makes it a result.

    Parameters
    ----------
    kind
        The reason as a stable word.
    message
        The reason as a sentence that says what to do; it must hold no patient data.

    Attributes
    ----------
    identity
        Set by a reader that knows whose film it is.
    """

    def __init__(self, kind: RefusalKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.identity = Identity()


def undecodable(syntax: UID, what: str) -> FilmRefusedError:
    """Make the refusal that names a transfer syntax; text that is no UID is not repeated."""
    identifier = str(syntax) if syntax.is_valid else "which is not a valid UID"
    known = f"{syntax.name} ({identifier})" if syntax.name != str(syntax) else identifier
    return FilmRefusedError(
        RefusalKind.UNDECODABLE,
        f"The transfer syntax {known} {what}. Export the film again, best as Explicit VR Little Endian.",
    )
