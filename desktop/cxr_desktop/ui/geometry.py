"""How a film is turned and mirrored, and the letters of its edges. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cxr_shared.film import PatientOrientation

_OPPOSITE: Final = str.maketrans("RLAPHF", "LRPAFH")


@dataclass(frozen=True, slots=True)
class Pose:
    """One of the eight ways to lay a film: (x, y) goes to ``(xx·x + xy·y, yx·x + yy·y)``, x right and y down.

    Every field is −1, 0 or 1, and the matrix is orthogonal, so its inverse is its transpose.
    """

    xx: int = 1
    xy: int = 0
    yx: int = 0
    yy: int = 1

    @property
    def mirrored(self) -> bool:
        """Whether it is seen as in a mirror: no turning makes it right again."""
        return self.xx * self.yy - self.xy * self.yx < 0

    @property
    def sideways(self) -> bool:
        """Whether rows of the film run down the screen."""
        return self.xx == 0

    @property
    def degrees(self) -> int:
        """How far it is turned clockwise, 0, 90, 180 or 270; of a mirrored one, after it was mirrored left to right."""
        across = -self.xx if self.mirrored else self.xx
        down = -self.yx if self.mirrored else self.yx
        return {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[across, down]

    def apply(self, x: float, y: float) -> tuple[float, float]:
        """Lay a vector of the film."""
        return self.xx * x + self.xy * y, self.yx * x + self.yy * y

    def undo(self, x: float, y: float) -> tuple[float, float]:
        """Give the vector of the film that was laid so."""
        return self.xx * x + self.yx * y, self.xy * x + self.yy * y

    def turned_right(self) -> Pose:
        """Turn by 90° clockwise, as seen."""
        return Pose(-self.yx, -self.yy, self.xx, self.xy)

    def turned_left(self) -> Pose:
        """Turn by 90° anticlockwise, as seen."""
        return Pose(self.yx, self.yy, -self.xx, -self.xy)

    def flipped(self) -> Pose:
        """Mirror left to right, as seen."""
        return Pose(-self.xx, -self.xy, self.yx, self.yy)

    def size(self, film: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the film as it is laid."""
        return (film[1], film[0]) if self.sideways else film


UPRIGHT: Final = Pose()
"""As the file holds it."""


@dataclass(frozen=True, slots=True)
class EdgeLetters:
    """Where in the patient each edge of the screen lies, such as ``"R"`` or ``"HL"``."""

    left: str
    right: str
    top: str
    bottom: str


def edge_letters(orientation: PatientOrientation, pose: Pose) -> EdgeLetters:
    """Letters of a film's edges as it is laid.

    Parameters
    ----------
    orientation
        What the file says; without it there are no letters, since nothing else tells left from right.
    pose
        How the film is laid.
    """
    return EdgeLetters(
        left=_towards(orientation, pose.undo(-1, 0)),
        right=_towards(orientation, pose.undo(1, 0)),
        top=_towards(orientation, pose.undo(0, -1)),
        bottom=_towards(orientation, pose.undo(0, 1)),
    )


def opposite(direction: str) -> str:
    """Turn every letter of a direction into that of the other end of its axis."""
    return direction.translate(_OPPOSITE)


def _towards(orientation: PatientOrientation, film: tuple[float, float]) -> str:
    """Letters of a direction along one of the film's own axes."""
    along_row, along_column = film
    named = orientation.row if along_row else orientation.column
    return named if along_row + along_column > 0 else opposite(named)
