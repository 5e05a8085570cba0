"""Which patients, films and findings a set of phantoms holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cxr_shared.errors import UnknownName
from cxr_shared.film.film import ViewPosition
from cxr_shared.findings import FINDINGS, Target
from cxr_shared.phantom.anatomy import draw_patient
from cxr_shared.phantom.raster import stream
from cxr_shared.phantom.render import draw_view

_COMBINED_SHARE: Final = 0.3
_MOST_FILMS: Final = 8

# What is often seen on the same film.
_COMPANIONS: Final[dict[Target, tuple[Target, ...]]] = {
    Target.ATELECTASIS: (Target.EFFUSION, Target.INFILTRATION, Target.PNEUMOTHORAX),
    Target.CARDIOMEGALY: (Target.EFFUSION, Target.EDEMA, Target.ATELECTASIS),
    Target.EFFUSION: (Target.ATELECTASIS, Target.CARDIOMEGALY, Target.CONSOLIDATION),
    Target.INFILTRATION: (Target.EFFUSION, Target.ATELECTASIS, Target.NODULE),
    Target.MASS: (Target.EFFUSION, Target.NODULE, Target.ATELECTASIS),
    Target.NODULE: (Target.MASS, Target.EMPHYSEMA, Target.PLEURAL_THICKENING),
    Target.PNEUMONIA: (Target.EFFUSION, Target.INFILTRATION, Target.ATELECTASIS),
    Target.PNEUMOTHORAX: (Target.EMPHYSEMA, Target.EFFUSION, Target.ATELECTASIS),
    Target.CONSOLIDATION: (Target.EFFUSION, Target.INFILTRATION, Target.ATELECTASIS),
    Target.EDEMA: (Target.CARDIOMEGALY, Target.EFFUSION),
    Target.EMPHYSEMA: (Target.PNEUMOTHORAX, Target.NODULE, Target.FIBROSIS),
    Target.FIBROSIS: (Target.PLEURAL_THICKENING, Target.NODULE, Target.HERNIA),
    Target.PLEURAL_THICKENING: (Target.FIBROSIS, Target.EFFUSION, Target.NODULE),
    Target.HERNIA: (Target.CARDIOMEGALY, Target.ATELECTASIS, Target.FIBROSIS),
}


@dataclass(frozen=True, slots=True)
class PlannedFilm:
    """One film before it is drawn.

    Attributes
    ----------
    index
        Its place in the set, from 0, in NIH's order: by patient, then by follow-up.
    patient, follow_up
        NIH's patient number, from 1, and the film's number within the patient, from 0.
    patient_seed, seed
        What the patient's body and the film are drawn from.
    age
        Years when the film was taken.
    view
        PA or AP.
    findings
        What it shows, in NIH's order.
    """

    index: int
    patient: int
    follow_up: int
    patient_seed: int
    seed: int
    age: int
    view: ViewPosition
    findings: tuple[Target, ...]

    @property
    def stem(self) -> str:
        """File name without its extension: ``00000012_003``."""
        return f"{self.patient:08d}_{self.follow_up:03d}"


def plan_films(films: int, *, seed: int, findings: Sequence[Target]) -> list[PlannedFilm]:
    """Plan a set: half of it normal, `findings` about equally frequent, patients of one to eight films.

    Raises
    ------
    ValueError
        `films` is not positive.
    UnknownName
        One of `findings` is none of the 14.
    """
    if films < 1:
        raise ValueError(f"films is {films}, not positive")
    for finding in set(findings) - set(FINDINGS):
        raise UnknownName("finding", str(finding), [target.slug for target in FINDINGS])
    shown = _allocate(films, seed=seed, findings=[each for each in FINDINGS if each in findings])
    planned: list[PlannedFilm] = []
    patient = 0
    while len(planned) < films:
        patient += 1
        planned += _plan_patient(patient, seed=seed, index=len(planned), shown=shown)
    return planned


def _plan_patient(patient: int, *, seed: int, index: int, shown: Sequence[tuple[Target, ...]]) -> list[PlannedFilm]:
    rng = stream(seed, f"patient {patient}")
    body = int(rng.integers(2**32))
    age = draw_patient(body).birth_age
    count = min(int(rng.geometric(0.45)), _MOST_FILMS, len(shown) - index)
    planned = []
    for follow_up in range(count):
        age += int(follow_up > 0 and rng.random() < 0.4)
        film = int(stream(seed, f"film {index + follow_up}").integers(2**32))
        planned.append(
            PlannedFilm(
                index=index + follow_up,
                patient=patient,
                follow_up=follow_up,
                patient_seed=body,
                seed=film,
                age=age,
                view=draw_view(film),
                findings=shown[index + follow_up],
            )
        )
    return planned


def _allocate(films: int, *, seed: int, findings: Sequence[Target]) -> list[tuple[Target, ...]]:
    """Give half of the films, in random order, the finding that is rarest so far, and some a companion."""
    rng = stream(seed, "findings")
    shown: list[tuple[Target, ...]] = [()] * films
    if not findings:
        return shown
    counts: Counter[Target] = Counter()
    for place in rng.permutation(films)[: films // 2 or 1]:
        rarest = min(counts[each] for each in findings)
        first = [each for each in findings if counts[each] == rarest]
        chosen = {first[int(rng.integers(len(first)))]}
        while len(chosen) < 3 and rng.random() < _COMBINED_SHARE:
            near = [each for each in findings for one in chosen if each in _COMPANIONS[one] and each not in chosen]
            if not near:
                break
            scarce = min(near, key=lambda each: counts[each])
            chosen.add(scarce if rng.random() < 0.5 else near[int(rng.integers(len(near)))])
        counts.update(chosen)
        shown[int(place)] = tuple(each for each in findings if each in chosen)
    return shown
