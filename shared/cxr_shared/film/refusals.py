"""How the readers stop: an exception inside the package, a `Refusal` outside it."""

from __future__ import annotations

from cxr_shared.film.film import RefusalKind


class FilmRefusedError(Exception):
    """Raised by a reader when a file is no readable frontal chest film; `read_film` makes it a result.

    Parameters
    ----------
    kind
        The reason as a stable word.
    message
        The reason as a sentence that says what to do; it must hold no patient data.
    """

    def __init__(self, kind: RefusalKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
