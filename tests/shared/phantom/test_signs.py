"""Each finding's radiographic sign, measured."""

import numpy as np
import pytest

from cxr_shared.film.film import ViewPosition
from cxr_shared.findings import Target
from cxr_shared.opencv import cv2
from cxr_shared.phantom.anatomy import LEFT, RIGHT, draw_patient, position
from cxr_shared.phantom.raster import enlarge, grid
from cxr_shared.phantom.scene import build
from cxr_shared.phantom.vessels import draw_vessels


def _cut(pixels, box):
    return pixels[int(box.y) : int(box.y + box.height), int(box.x) : int(box.x + box.width)]


def _side_of(box, scene):
    return LEFT if box.x + box.width / 2 > scene.anatomy.center else RIGHT


@pytest.mark.parametrize("view", [ViewPosition.PA, ViewPosition.AP])
def test_normal_hearts_are_narrower_than_half_of_the_thorax(view):
    for seed in range(12):
        ratio = build(position(draw_patient(seed), seed, view=view), seed).cardiothoracic_ratio
        assert 0.36 < ratio < 0.5


@pytest.mark.parametrize("severity", [0.0, 0.5, 1.0])
def test_cardiomegaly_makes_the_ratio_exceed_half(scene, severity):
    for seed in range(4):
        assert scene(seed, Target.CARDIOMEGALY, severity=severity).cardiothoracic_ratio > 0.52


def test_the_heart_grows_with_severity(scene):
    ratios = [scene(2, Target.CARDIOMEGALY, severity=each).cardiothoracic_ratio for each in (0, 0.5, 1)]
    assert ratios == sorted(ratios)


@pytest.mark.parametrize("severity", [0.0, 0.5, 1.0])
def test_nodules_are_under_and_masses_over_30_mm(scene, severity):
    for seed in range(5):
        for finding, low, high in ((Target.NODULE, 6, 30), (Target.MASS, 30, 100)):
            drawn = scene(seed, finding, severity=severity)
            for box in drawn.boxes:
                diameter = max(box.width, box.height) * drawn.anatomy.mm_per_pixel
                assert low < diameter < high


def test_a_nodule_is_brighter_than_its_place_was_without_it(film):
    for seed in range(3):
        box = film(seed, Target.NODULE).boxes[0]
        assert _cut(film(seed, Target.NODULE).pixels, box).mean() > _cut(film(seed).pixels, box).mean() + 3


def test_there_are_no_vessels_beyond_the_pleural_line(film, scene):
    seed = 6
    drawn = scene(seed, Target.PNEUMOTHORAX, severity=0.65)
    lungs = scene(seed, severity=0.65).lungs
    beyond = enlarge(((drawn.vessels == 0) & (lungs > 0.9)).astype(np.float32)) > 0.99
    assert beyond.sum() > 20_000

    def fine(image):
        image = image.astype(np.float32)
        return (cv2.GaussianBlur(image, (0, 0), 2) - cv2.GaussianBlur(image, (0, 0), 8))[beyond]

    vessels = fine(draw_vessels(drawn.anatomy))
    with_air = np.corrcoef(vessels, fine(film(seed, Target.PNEUMOTHORAX, severity=0.65).pixels))[0, 1]
    without = np.corrcoef(vessels, fine(film(seed).pixels))[0, 1]
    assert without > 0.3
    assert abs(with_air) < 0.1


def test_pneumothorax_is_darker_than_the_lung_it_displaced(film, scene, grey):
    drawn = scene(6, Target.PNEUMOTHORAX, severity=0.8)
    beyond = (drawn.vessels == 0) & (scene(6, severity=0.8).lungs > 0.9)
    assert grey(film(6, Target.PNEUMOTHORAX, severity=0.8), beyond) < grey(film(6), beyond) - 8


def test_a_thin_bright_line_bounds_the_pneumothorax(scene):
    line = scene(6, Target.PNEUMOTHORAX, severity=0.8).fine
    assert line.max() > 0.1
    assert 0 < np.mean(line > 0.05) < 0.01


def test_effusion_obscures_the_costophrenic_angle_of_its_side_only(film, scene, grey):
    drawn, normal = scene(0, Target.EFFUSION, severity=0.4), scene(0, severity=0.4)
    sides = {_side_of(box, drawn) for box in drawn.boxes}
    x, y = grid()
    anatomy = normal.anatomy
    for side in (LEFT, RIGHT):
        lateral = (x - anatomy.center) * side > 0.75 * anatomy.half_width
        angle = (normal.lung(side) > 0.9) & lateral & (y > anatomy.dome(side) + 0.2 * anatomy.angle_drop)
        change = grey(film(0, Target.EFFUSION, severity=0.4), angle) - grey(film(0), angle)
        assert change > 15 if side in sides else abs(change) < 3


def test_the_fluid_climbs_towards_the_chest_wall(scene):
    drawn, normal = scene(0, Target.EFFUSION, severity=0.9), scene(0, severity=0.9)
    side = _side_of(drawn.boxes[0], drawn)
    fluid = (drawn.content - normal.content) > 0.2
    tops = [int(np.argmax(fluid[:, int(drawn.anatomy.across(share, side) / 2)])) for share in (0.5, 0.7, 0.88)]
    assert tops[0] > tops[1] > tops[2] > 0


def test_emphysema_flattens_the_diaphragm_and_darkens_the_lungs(film, scene, grey):
    for seed in (1, 5):
        drawn, normal = scene(seed, Target.EMPHYSEMA), scene(seed)
        assert drawn.anatomy.angle_drop < 0.6 * normal.anatomy.angle_drop
        assert drawn.anatomy.dome_right > normal.anatomy.dome_right + 10
        assert drawn.cardiothoracic_ratio < normal.cardiothoracic_ratio
        both = np.minimum(drawn.lungs, normal.lungs) > 0.9
        assert grey(film(seed, Target.EMPHYSEMA), both) < grey(film(seed), both) - 5


def test_a_hernia_is_gas_over_a_fluid_level_behind_the_heart(film, scene):
    for seed in (0, 3):
        drawn = scene(seed, Target.HERNIA)
        box = drawn.boxes[0]
        anatomy = drawn.anatomy
        assert abs(box.x + box.width / 2 - anatomy.center) < 0.3 * anatomy.half_width
        assert anatomy.carina < box.y < anatomy.dome_left
        sac = _cut(film(seed, Target.HERNIA).pixels.astype(float) - film(seed).pixels, box)
        rows = sac[:, int(0.35 * box.width) : int(0.65 * box.width)].mean(axis=1)
        assert rows[int(0.2 * len(rows)) : int(0.4 * len(rows))].mean() < -8
        assert rows.max() > 5
        assert np.max(rows[10:] - rows[:-10]) > 0.5 * (rows.max() - rows.min())  # the level is a sharp edge


def test_consolidation_is_denser_than_pneumonia_and_that_than_infiltration(scene):
    added = []
    for finding in (Target.INFILTRATION, Target.PNEUMONIA, Target.CONSOLIDATION):
        peaks = []
        for seed in range(4):
            change = scene(seed, finding).content - scene(seed).content
            peaks.append(np.percentile(change[change > 0.05], 75))
        added.append(np.mean(peaks))
    assert added == sorted(added)


def test_edema_is_on_both_sides_and_widens_the_upper_vessels(scene):
    drawn = scene(1, Target.EDEMA)
    assert {_side_of(box, drawn) for box in drawn.boxes} == {LEFT, RIGHT}
    assert drawn.cephalisation > 0.5


def test_fibrosis_and_atelectasis_raise_the_diaphragm(scene):
    for finding in (Target.FIBROSIS, Target.ATELECTASIS):
        before, after = scene(2).anatomy, scene(2, finding).anatomy
        assert min(after.dome_left - before.dome_left, after.dome_right - before.dome_right) < -10


def test_fibrosis_adds_fine_lines_at_the_bases(scene):
    drawn = scene(2, Target.FIBROSIS)
    anatomy = drawn.anatomy
    upper, lower = int(anatomy.level(0.35)), int(anatomy.level(0.75))
    assert drawn.fine[lower:].std() > 5 * drawn.fine[:upper].std()


def test_pleural_thickening_lies_along_the_chest_wall(scene):
    for seed in range(4):
        drawn = scene(seed, Target.PLEURAL_THICKENING)
        band = drawn.tissue > 5
        assert band.any()
        assert drawn.wall[band].max() * drawn.anatomy.mm_per_pixel < 32
        assert drawn.wall[band].min() < 4


@pytest.mark.parametrize(
    "finding", [Target.NODULE, Target.MASS, Target.INFILTRATION, Target.PNEUMONIA, Target.CONSOLIDATION, Target.EDEMA]
)
def test_lung_findings_lie_in_the_lungs(scene, finding):
    for seed in range(3):
        lungs = scene(seed, finding).lungs
        for box in scene(seed, finding).boxes:
            part = lungs[int(box.y / 2) : int((box.y + box.height) / 2), int(box.x / 2) : int((box.x + box.width) / 2)]
            assert part.mean() > 0.4
