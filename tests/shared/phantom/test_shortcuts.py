"""Nothing but the sign itself may tell a film with a finding from one without."""

import numpy as np

from cxr_shared.findings import Target
from cxr_shared.phantom.exposure import draw_technique
from cxr_shared.phantom.plan import plan_films


def _auc(scores, truth):
    order = np.argsort(scores)
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    positives = truth.sum()
    return (ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * (~truth).sum())


def test_a_nodule_hardly_changes_the_films_brightness(film):
    shifts = [abs(film(seed, Target.NODULE).pixels.mean() - film(seed).pixels.mean()) for seed in range(3)]
    spread = np.std([film(seed).pixels.mean() for seed in range(7)])
    assert max(shifts) < 0.15 * spread


def test_the_mean_grey_does_not_find_nodules(film):
    plain = [film(seed).pixels.mean() for seed in range(7)]
    with_nodules = [film(seed, Target.NODULE).pixels.mean() for seed in range(3)]
    scores = np.array(plain[:3] + with_nodules)
    assert 0.25 < _auc(scores, np.array([False] * 3 + [True] * 3)) < 0.75


def test_metadata_and_exposure_do_not_tell_normal_from_abnormal():
    films = plan_films(1500, seed=5, findings=list(Target)[1:])
    abnormal = np.array([bool(film.findings) for film in films])
    for values in (
        [film.view == "AP" for film in films],
        [film.age for film in films],
        [film.follow_up for film in films],
        [draw_technique(film.seed).quanta for film in films],
        [draw_technique(film.seed).brightness for film in films],
    ):
        noise = np.random.default_rng(0).random(len(films)) * 1e-6  # breaks ties at random
        assert 0.46 < _auc(np.array(values, float) + noise, abnormal) < 0.54


def test_noise_and_bones_are_the_same_with_and_without_a_finding(film):
    with_mass, without = film(4, Target.MASS), film(4)
    box = with_mass.boxes[0]
    rows = slice(0, int(box.y) - 80) if box.y > 300 else slice(int(box.y + box.height) + 80, 1024)
    change = np.abs(with_mass.pixels[rows].astype(int) - without.pixels[rows])
    assert np.mean(change) < 0.7
