"""What decoding a film gives: pixels for the models, or pixels for the viewer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cxr_desktop.intake.frames import Array, Frame
from cxr_shared.film import (
    Identity,
    PatientOrientation,
    PixelSpacing,
    SpacingOrigin,
    ViewPosition,
    Window,
)

LEVELS: Final = 2**16
"""Grey levels of a film that is kept for display."""


@dataclass(frozen=True, slots=True, eq=False)
class FilmFacts:
    """What is known of a film besides its pixels.

    Attributes
    ----------
    shape
        Rows and columns of the film as read.
    view, spacing, identity, bits, transfer_syntax, orientation
        As in `cxr_shared.film.Film`.
    sha256
        SHA-256 of the file's content, in hexadecimal: what the film is known by, wherever its file lies.
    file_state
        Size in bytes and time of change in ns of the file that was read; None where that is not known.
    burned_in
        Whether the file says that its pixels hold text that may name the patient.
    """

    shape: tuple[int, int]
    view: ViewPosition
    spacing: PixelSpacing | None
    identity: Identity
    bits: int
    transfer_syntax: str
    sha256: str = ""
    file_state: tuple[int, int] | None = None
    burned_in: bool = False
    orientation: PatientOrientation | None = None


@dataclass(frozen=True, slots=True, eq=False)
class NotRead:
    """A file that gave no film.

    Attributes
    ----------
    kind
        A `RefusalKind` value, ``worker-crashed`` or ``worker-timeout``.
    message
        The reason as a sentence without patient data.
    source
        The file.
    identity
        Who and what it shows, as far as that was read.
    sha256
        SHA-256 of the file's content, in hexadecimal; empty where the file was not read to its end.
    file_state
        As in `FilmFacts`.
    """

    kind: str
    message: str
    source: Path
    identity: Identity = field(default_factory=Identity)
    sha256: str = ""
    file_state: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A film made ready for the models.

    Attributes
    ----------
    source
        The file.
    facts
        What else is known of the film.
    pixels
        (S, S) uint8, the model input.
    thumbnail
        (h, w) uint8 in the default presentation, or None where none was asked for.
    read_ms
        Time to read the file and to make `pixels`, in ms.
    """

    source: Path
    facts: FilmFacts
    pixels: npt.NDArray[np.uint8]
    thumbnail: npt.NDArray[np.uint8] | None
    read_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class Presentation:
    """One of the ways in which a film's file says that it may be shown.

    Attributes
    ----------
    name
        The file's explanation of it, or its kind and number.
    window
        The linear window, in the film's units, from which a drag of this presentation starts.
    lut
        (65536,) uint8: the grey of each level, dense tissue bright.
    """

    name: str
    window: Window
    lut: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class DisplayFilm:
    """A film made ready for the viewer.

    Attributes
    ----------
    source
        The file.
    facts
        What else is known of the film.
    levels
        (H, W) uint16; the value in the film's own units is ``first + step * level``.
    first, step
        The affine map from levels to the film's units; `step` > 0.
    presentations
        The file's VOI LUTs and windows, its default first; where it has none, one that was made for it.
    """

    source: Path
    facts: FilmFacts
    levels: npt.NDArray[np.uint16]
    first: float
    step: float
    presentations: tuple[Presentation, ...]

    @property
    def window(self) -> Window:
        """The default presentation's window, in the film's units."""
        return self.presentations[0].window

    @property
    def default_lut(self) -> npt.NDArray[np.uint8]:
        """(65536,) uint8, the default presentation of each level."""
        return self.presentations[0].lut

    def value(self, row: int, column: int) -> float:
        """Pixel value in the film's own units."""
        return self.first + self.step * float(self.levels[row, column])


def encode(result: Prepared | DisplayFilm | NotRead) -> Frame:
    """Turn a result into a frame for `decode` on the other side."""
    if isinstance(result, NotRead):
        fields = {
            "kind": result.kind,
            "message": result.message,
            "sha256": result.sha256,
            "file_state": result.file_state,
        }
        return {"is": "NotRead", "identity": dataclasses.asdict(result.identity), **fields}, {}
    header: dict[str, Any] = {"is": type(result).__name__, "facts": dataclasses.asdict(result.facts)}
    arrays: dict[str, Array] = {}
    if isinstance(result, DisplayFilm):
        header["names"] = [each.name for each in result.presentations]
        header["windows"] = [dataclasses.asdict(each.window) for each in result.presentations]
        arrays["luts"] = np.stack([each.lut for each in result.presentations])
    for each in dataclasses.fields(result):
        value = getattr(result, each.name)
        if isinstance(value, np.ndarray):
            arrays[each.name] = value
        elif each.name not in ("source", "facts", "presentations"):
            header[each.name] = value
    return header, arrays


def decode(frame: Frame, source: Path) -> Prepared | DisplayFilm | NotRead:
    """Turn a frame back into the result it was made from; KeyError or ValueError where it is none."""
    header, arrays = dict(frame[0]), frame[1]
    what = header.pop("is")
    if what == "NotRead":
        kind, message, sha256 = (str(header[name]) for name in ("kind", "message", "sha256"))
        state = _file_state(header["file_state"])
        return NotRead(kind, message, source, Identity(**header["identity"]), sha256, state)
    facts = decode_facts(header.pop("facts"))
    if what == "Prepared":
        return Prepared(
            source=source,
            facts=facts,
            pixels=arrays["pixels"].astype(np.uint8, copy=False),
            thumbnail=arrays["thumbnail"].astype(np.uint8, copy=False) if "thumbnail" in arrays else None,
            read_ms=float(header["read_ms"]),
        )
    return DisplayFilm(
        source=source,
        facts=facts,
        levels=arrays["levels"].astype(np.uint16, copy=False),
        first=float(header["first"]),
        step=float(header["step"]),
        presentations=tuple(
            Presentation(str(name), Window(**window), lut)
            for name, window, lut in zip(
                header["names"], header["windows"], arrays["luts"].astype(np.uint8, copy=False), strict=True
            )
        ),
    )


def decode_facts(fields: Mapping[str, Any]) -> FilmFacts:
    """Turn `dataclasses.asdict` of facts, after a way through JSON, back; KeyError or ValueError where it is none."""
    spacing, orientation = fields["spacing"], fields.get("orientation")
    return FilmFacts(
        shape=(int(fields["shape"][0]), int(fields["shape"][1])),
        view=ViewPosition(fields["view"]),
        spacing=PixelSpacing(**{**spacing, "origin": SpacingOrigin(spacing["origin"])}) if spacing else None,
        identity=Identity(**fields["identity"]),
        bits=int(fields["bits"]),
        transfer_syntax=str(fields["transfer_syntax"]),
        sha256=str(fields["sha256"]),
        file_state=_file_state(fields.get("file_state")),
        burned_in=bool(fields.get("burned_in", True)),  # facts of before do not say: a picture is withheld rather
        orientation=PatientOrientation(**orientation) if orientation else None,
    )


def _file_state(value: Any) -> tuple[int, int] | None:  # noqa: ANN401  (as JSON holds it)
    return None if value is None else (int(value[0]), int(value[1]))
