"""Reading a film, in a decoding process: for the models or for the viewer."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from cxr_desktop.intake.explain import reason_for
from cxr_desktop.intake.prepared import LEVELS, DisplayFilm, FilmFacts, NotRead, Prepared, Presentation
from cxr_shared.bundle import InputSpec
from cxr_shared.files import sha256_file
from cxr_shared.film import Film, Refusal, RefusalKind, Voi, VoiLut, default_window, present, read_film
from cxr_shared.film.limits import MAX_FILE_BYTES
from cxr_shared.opencv import cv2
from cxr_shared.pixels import model_input

FileStamp: TypeAlias = tuple[int, int, int]
"""Size in bytes, time of change in ns, and inode: another one means another file."""

_MOST_PRESENTATIONS: Final = 32
_LONGEST_NAME: Final = 64
"""Characters of an explanation, VR LO."""
_OF_CONTAINERS: Final = frozenset({RefusalKind.UNREADABLE, RefusalKind.NOT_AN_IMAGE, RefusalKind.TOO_LARGE})


def prepare(path: Path, spec: InputSpec, *, thumbnail: int = 0) -> Prepared | NotRead:
    """Read a film and make the model input that `spec` asks for.

    Parameters
    ----------
    path
        The file.
    spec
        The bundle's input.
    thumbnail
        Longer side of the thumbnail in pixels; 0 makes none.
    """
    start = time.perf_counter()
    film, content = _read(path, any_view=False)
    if isinstance(film, Refusal):
        return not_read(film, content)
    pixels = model_input(film, spec)
    return Prepared(
        source=path,
        facts=_facts(film, content),
        pixels=pixels,
        read_ms=(time.perf_counter() - start) * 1e3,
        thumbnail=_thumbnail(film, thumbnail) if thumbnail else None,
    )


def display(path: Path) -> DisplayFilm | NotRead:
    """Read a film for the viewer, laterals too: 16 bits a pixel and all its presentations."""
    film, content = _read(path, any_view=True)
    if isinstance(film, Refusal):
        return not_read(film, content)
    low, high = float(film.pixels.min()), float(film.pixels.max())
    step = _step(low, high)
    levels = np.rint((film.pixels - np.float32(low)) * np.float32(1 / step))
    return DisplayFilm(
        source=path,
        facts=_facts(film, content),
        levels=np.clip(levels, 0, LEVELS - 1).astype(np.uint16),
        first=low,
        step=step,
        presentations=_presentations(film, first=low, step=step),
    )


def presentation_lut(voi: Voi, *, first: float, step: float) -> npt.NDArray[np.uint8]:
    """Present every level through the same code that presents a film.

    Parameters
    ----------
    voi
        A `Window` or `VoiLut` in the film's units.
    first, step
        The affine map from levels to the film's units.

    Returns
    -------
    ndarray
        (65536,) uint8, dense tissue bright.
    """
    values = (first + step * np.arange(LEVELS, dtype=np.float64)).astype(np.float32).reshape(256, 256)
    axis = Film(pixels=values, vois=(voi,), bits=16, source=Path())
    return np.rint(present(axis, voi) * 255).astype(np.uint8).reshape(-1)


def _presentations(film: Film, *, first: float, step: float) -> tuple[Presentation, ...]:
    """Give every VOI of the file, under its explanation, its default first; the film's range where it has none."""
    if not film.vois:
        window = default_window(film)
        return (Presentation("none in the file", window, presentation_lut(window, first=first, step=step)),)
    default = default_window(film)
    made = []
    for number, voi in enumerate(film.vois[:_MOST_PRESENTATIONS], 1):
        kind = "VOI LUT" if isinstance(voi, VoiLut) else "window"
        # The drag of the default presentation starts where `default_window` says, which may be its window's slope.
        window = default if number == 1 else default_window(replace(film, vois=(voi,)))
        name = "".join(filter(str.isprintable, voi.explanation))[:_LONGEST_NAME].strip()
        lut = presentation_lut(voi, first=first, step=step)
        made.append(Presentation(f"{kind} {number}: {name}" if name else f"{kind} {number}", window, lut))
    return tuple(made)


@dataclass(frozen=True, slots=True)
class Content:
    """What a file held: its hash, and its size and time of change before and after it was read."""

    sha256: str
    before: FileStamp | None
    after: FileStamp | None

    @property
    def file_state(self) -> tuple[int, int] | None:
        """Size in bytes and time of change in ns; None where the file is not there, or changed meanwhile."""
        return self.after[:2] if self.after is not None and self.before == self.after else None


def not_read(refusal: Refusal, content: Content | None = None) -> NotRead:
    """Say of a refusal what is known here besides: the hash of the file's content, and what a ZIP or a disc did."""
    content = content or content_of(refusal.source, _stamp(refusal.source))
    reason = reason_for(refusal.source) if refusal.kind in _OF_CONTAINERS else None
    words = reason or refusal.message
    return NotRead(refusal.kind.value, words, refusal.source, refusal.identity, content.sha256, content.file_state)


def content_of(path: Path, before: FileStamp | None) -> Content:
    """Hash a file that was like `before` when somebody began to read it."""
    sha256 = ""
    with contextlib.suppress(OSError):
        if before is not None and before[0] <= MAX_FILE_BYTES:  # a ZIP of a whole archive would take minutes
            sha256 = sha256_file(path)
    after = _stamp(path)
    return Content(sha256 if before == after else "", before, after)


def _read(path: Path, *, any_view: bool) -> tuple[Film | Refusal, Content]:
    """Read a film and hash its file; one that is written to meanwhile is refused, since its hash is of other pixels."""
    before = _stamp(path)
    film = read_film(path, any_view=any_view)
    content = content_of(path, before)
    if content.before != content.after and isinstance(film, Film):
        message = "The file was written to while it was read. Open it again when it is complete."
        film = Refusal(RefusalKind.UNREADABLE, message, path, film.identity)
    return film, content


def _stamp(path: Path) -> FileStamp | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def _step(low: float, high: float) -> float:
    """One level is one stored unit where they fit, so that integers stay exact."""
    return 1.0 if high - low <= LEVELS - 1 and high - low >= 255 else max((high - low) / (LEVELS - 1), 1e-6)


def _thumbnail(film: Film, side: int) -> npt.NDArray[np.uint8]:
    scale = side / max(film.shape)
    rows, columns = (max(1, round(length * scale)) for length in film.shape)
    small = cv2.resize(present(film), (columns, rows), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8)


def _facts(film: Film, content: Content) -> FilmFacts:
    return FilmFacts(
        shape=film.shape,
        view=film.view,
        spacing=film.spacing,
        identity=film.identity,
        bits=film.bits,
        transfer_syntax=film.transfer_syntax,
        sha256=content.sha256,
        file_state=content.file_state,
        burned_in=film.burned_in,
        orientation=film.orientation,
    )
