"""Sets of phantoms on disk."""

import csv
from collections import Counter

import numpy as np
import pytest

from cxr_shared.errors import UnknownName
from cxr_shared.findings import FINDINGS, Target, parse_labels
from cxr_shared.opencv import cv2
from cxr_shared.phantom import render, write_phantoms
from cxr_shared.phantom.anatomy import draw_patient
from cxr_shared.phantom.nih import image_path
from cxr_shared.phantom.plan import PlannedFilm, plan_films


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_phantoms(tmp_path_factory.mktemp("set"), films=8, seed=3, workers=1)


def _files(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_tables_have_nihs_headers(written):
    labels = written.labels.read_text().splitlines()
    assert written.labels.name == "Data_Entry_2017.csv"
    assert labels[0] == (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
        "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
    )
    assert len(labels) == 9
    assert all(len(line.split(",")) == 11 for line in labels)
    assert written.boxes.name == "BBox_List_2017.csv"
    assert written.boxes.read_text().splitlines()[0] == "Image Index,Finding Label,Bbox [x,y,w,h],,,"


def test_every_row_names_a_film_in_nihs_folders(written):
    rows = list(csv.reader(written.labels.open()))[1:]
    for row, path in zip(rows, written.images, strict=True):
        assert path == written.root / "images_001" / "images" / row[0]
        assert row[0] == f"{int(row[3]):08d}_{int(row[2]):03d}.png"
        assert row[5] in {"M", "F"}
        assert row[6] in {"PA", "AP"}
        assert row[7:9] == ["1024", "1024"]
        assert 0.3 < float(row[9]) == float(row[10]) < 0.45
        assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape == (1024, 1024)


def test_boxes_belong_to_labelled_findings_and_infiltration_goes_by_nihs_other_name(tmp_path):
    result = write_phantoms(tmp_path, films=4, seed=1, workers=1, findings=[Target.INFILTRATION, Target.HERNIA])
    labels = {row[0]: parse_labels(row[1]) for row in list(csv.reader(result.labels.open()))[1:]}
    boxed = {}
    for name, label, *place in list(csv.reader(result.boxes.open()))[1:]:
        finding = Target.INFILTRATION if label == "Infiltrate" else Target(label)
        boxed.setdefault(name, set()).add(finding)
        assert len([float(value) for value in place]) == 4
    assert boxed == {name: set(findings) for name, findings in labels.items() if findings}


def test_the_summary_counts_what_was_written(written):
    rows = list(csv.reader(written.labels.open()))[1:]
    shown = Counter(finding for row in rows for finding in parse_labels(row[1]))
    assert dict(written.counts) == {finding: shown[finding] for finding in FINDINGS}
    assert written.normal == sum(row[1] == "No Finding" for row in rows) == 4
    assert written.patients == len({row[3] for row in rows})


def test_the_bytes_do_not_depend_on_the_number_of_workers(written, tmp_path):
    seen = []
    again = write_phantoms(
        tmp_path, films=8, seed=3, workers=2, progress=lambda done, total: seen.append((done, total))
    )
    assert _files(tmp_path) == _files(written.root)
    assert seen == [(done, 8) for done in range(1, 9)]
    assert again.counts == written.counts


def test_a_written_film_can_be_drawn_again_alone(written):
    film = plan_films(8, seed=3, findings=FINDINGS)[2]
    phantom = render(film.seed, findings=film.findings, patient=film.patient_seed, view=film.view)
    np.testing.assert_array_equal(phantom.pixels, cv2.imread(str(written.images[2]), cv2.IMREAD_UNCHANGED))


def test_half_of_the_films_are_normal_and_findings_equally_frequent():
    films = plan_films(2000, seed=9, findings=FINDINGS)
    assert sum(not film.findings for film in films) == 1000
    counts = Counter(finding for film in films for finding in film.findings)
    assert set(counts) == set(FINDINGS)
    assert max(counts.values()) < 1.25 * min(counts.values())
    sizes = Counter(len(film.findings) for film in films)
    assert sizes[1] > sizes[2] > sizes[3] > 0


def test_only_the_wanted_findings_occur():
    wanted = [Target.PNEUMOTHORAX, Target.HERNIA]
    counts = Counter(finding for film in plan_films(200, seed=1, findings=wanted) for finding in film.findings)
    assert set(counts) == set(wanted)
    assert abs(counts[Target.HERNIA] - counts[Target.PNEUMOTHORAX]) <= 1


def test_patients_have_several_films_of_one_body_and_grow_older():
    patients = {}
    for film in plan_films(300, seed=2, findings=FINDINGS):
        patients.setdefault(film.patient, []).append(film)
    assert 1 < max(len(films) for films in patients.values()) <= 8
    assert min(len(films) for films in patients.values()) == 1
    for films in patients.values():
        assert [film.follow_up for film in films] == list(range(len(films)))
        assert len({film.patient_seed for film in films}) == 1
        ages = [film.age for film in films]
        assert ages == sorted(ages)
        assert ages[0] == draw_patient(films[0].patient_seed).birth_age


@pytest.mark.parametrize(("index", "folder"), [(0, "images_001"), (4998, "images_001"), (4999, "images_002")])
def test_a_folder_holds_4999_films(index, folder):
    film = PlannedFilm(index=index, patient=12, follow_up=3, patient_seed=0, seed=0, age=40, view="PA", findings=())
    assert image_path(film, extension=".png").as_posix() == f"{folder}/images/00000012_003.png"


def test_no_films_or_an_unknown_finding_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not positive"):
        write_phantoms(tmp_path, films=0, seed=1)
    with pytest.raises(UnknownName):
        write_phantoms(tmp_path, films=2, seed=1, findings=[Target.ANOMALY])
    assert list(tmp_path.iterdir()) == []
