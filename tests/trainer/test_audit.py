"""The audit against the paper, and against folders whose faults are known."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxr_shared.findings import FINDINGS, Target
from cxr_shared.opencv import cv2
from cxr_trainer.audit.audit import audit_data
from cxr_trainer.audit.paper import PNEUMOTHORAX_CLR_BATCHES, TABLE_1, TABLE_2, TABLE_3, compare
from cxr_trainer.audit.show import markdown
from cxr_trainer.audit.tables import Table, audit_tables, verdict_sentence
from cxr_trainer.data.ages import read_ages
from cxr_trainer.data.catalog import read_catalog
from cxr_trainer.data.cohort import build_cohort
from cxr_trainer.data.images import find_images
from cxr_trainer.recipe_files import load_recipe

Trainer = Callable[..., Any]


@pytest.fixture
def folder(tiny_nih: Path, tmp_path: Path) -> Path:
    """A copy of the small data set, to break."""
    return Path(shutil.copytree(tiny_nih, tmp_path / "nih"))


def _films(folder: Path) -> Path:
    return folder / "images_001" / "images"


@pytest.mark.slow
@pytest.mark.realdata
def test_the_whole_label_file_gives_every_figure_of_the_paper(real_material: Path, trainer: Trainer) -> None:
    said = trainer("audit", "--data", real_material / "nih" / "Data_Entry_2017_v2020.csv.gz", "--json")
    assert said.code == 0
    found = json.loads(said.out)
    verdicts = [each["verdict"] for each in _compared(found)]
    assert len(verdicts) == 3 + 2 * 15 + 5 * 15 + 3 * 14 + 1
    assert (verdicts.count("equal"), verdicts.count("misprint")) == (len(verdicts) - 2, 2)
    assert found["labels"]["label_strings"]["found"] == 836
    assert found["images"] is None
    assert list(found["labels"]["top"].items())[:3] == [
        ("No Finding", 60361),
        ("Infiltration", 9547),
        ("Atelectasis", 4215),
    ]
    assert (len(found["labels"]["top"]), len(found["labels"]["findings"])) == (15, 15)
    leaks = {(row["target"], row["split"]): row for row in found["leaks"]}
    assert all(leaks[target.slug, "patient"]["shared_patients"] == 0 for target in Target)
    assert leaks["atelectasis", "paper"]["test_films"] == 4712
    assert all(leaks[target.slug, "paper"]["shared_films"] > 0 for target in Target)


def _compared(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict) and set(node) == {"found", "paper", "verdict"}:
        return [node]
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [each for child in children for each in _compared(child)]


@pytest.mark.realdata
def test_the_paper_is_transcribed_as_it_was_checked(real_material: Path) -> None:
    text = (real_material / "paper.md").read_text("utf-8")
    after, before = (
        dict(re.findall(r"(\w+) (\d+)", re.search(rf"{start}(.*?)\.", text, re.S)[1]))  # type: ignore[index]
        for start in ("after one-hot:", "Before:")
    )
    assert len(before) == len(after) == 14
    for finding in FINDINGS:
        assert TABLE_1[finding.value] == (int(before[finding.value]), int(after[finding.value]))
        cells = [
            re.sub(r"[¹²\s]", "", c) for c in re.search(rf"^\| {finding.value} \| \d.*$", text, re.M)[0].split("|")
        ]  # type: ignore[index]
        *films, batch, train_batches = [int(cell) for cell in cells[2:-1]]
        printed = TABLE_2[finding]
        assert [compare(*pair).verdict for pair in zip(films, printed, strict=True)].count("different") == 0
        assert (batch, train_batches) == TABLE_3[finding][:2]
    assert f"{PNEUMOTHORAX_CLR_BATCHES} batches an epoch" in text


@pytest.mark.parametrize("target", FINDINGS)
def test_the_papers_tables_agree_with_each_other_but_for_its_misprints(target: Target) -> None:
    films, batches = TABLE_2[target], TABLE_3[target]
    assert films.positives == TABLE_1[target.value][1]
    total = films.positives + films.negatives
    assert films.train + films.test == total
    assert compare(total, films.total).verdict == ("misprint" if target.slug in ("atelectasis", "hernia") else "equal")
    assert (batches.train, batches.test) == (-(-films.train // batches.batch), -(-films.test // batches.batch))


def test_only_the_corrected_figure_excuses_a_misprint() -> None:
    assert compare(23559, 23599).verdict == "misprint"
    assert compare(23558, 23599).verdict == "different"
    assert compare(477, 447).verdict == "misprint"
    assert compare(447, 447).verdict == "equal"


def test_small_folder_is_counted_and_said_to_differ(tiny_nih: Path, trainer: Trainer) -> None:
    said = trainer("audit", "--data", tiny_nih)
    assert said.code == 0
    assert "96 ≠ 112,120" in said.out
    assert "figures differ from the paper's" in said.out
    assert re.search(r"^Hernia +16 ≠ 110 +32 ≠ 227$", said.out, re.M)
    assert re.search(r"^No Finding +48 ≠ 60,361", said.out, re.M)
    assert re.search(r"^Mass\|Hernia +16$", said.out, re.M)
    assert "Tables 2 and 3 print 447 films for Hernia" in said.out
    assert "541 an epoch" in said.out
    assert "\x1b" not in said.out, "plain in a pipe"


def test_labels_alone_are_audited_without_counting_images_as_missing(
    tiny_nih: Path, tmp_path: Path, trainer: Trainer
) -> None:
    packed = tmp_path / "labels.csv.gz"
    packed.write_bytes(gzip.compress((tiny_nih / "Data_Entry_2017.csv").read_bytes()))
    said = trainer("audit", "--data", packed)
    assert said.code == 0
    assert "There are no images here" in said.out
    assert "missing" not in said.out
    assert audit_data(packed).labels == audit_data(tiny_nih).labels


def test_folder_with_labels_but_no_image_is_audited_as_labels_alone(folder: Path, trainer: Trainer) -> None:
    shutil.rmtree(folder / "images_001")
    assert audit_data(folder).images is None
    assert trainer("audit", "--data", folder).code == 0


def test_every_fault_of_the_files_is_found(folder: Path) -> None:
    films = _films(folder)
    (films / "00000001_000.png").unlink()
    shutil.copy(films / "00000001_001.png", films / "stray.png")
    (films / ".hidden.png").write_bytes(b"")
    shutil.copy(films / "00000002_000.png", films / "00000003_000.png")
    other = folder / "elsewhere"
    other.mkdir()
    shutil.copy(films / "00000004_000.png", other)
    (other / "00000005_000.png").write_bytes(b"another film")
    pixels = cv2.imread(str(films / "00000006_000.png"), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(films / "00000007_001.png"), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 0])
    broken = films / "00000008_000.png"
    broken.write_bytes(broken.read_bytes()[:900])

    images = audit_data(folder, decode=True).images
    assert images is not None
    assert (images.listed, images.there, images.missing) == (96, 95, ("00000001_000.png",))
    assert images.extra == ("images_001/images/stray.png",)
    assert images.two_places == (("elsewhere/00000004_000.png", "images_001/images/00000004_000.png"),)
    assert images.two_contents == (("elsewhere/00000005_000.png", "images_001/images/00000005_000.png"),)
    assert [twins.paths for twins in images.same_bytes] == [
        ("images_001/images/00000002_000.png", "images_001/images/00000003_000.png")
    ]
    assert images.same_bytes[0].patients == 2
    assert [twins.paths for twins in images.same_pixels] == [
        ("images_001/images/00000006_000.png", "images_001/images/00000007_001.png")
    ]
    assert [each.path for each in images.unreadable] == [
        "elsewhere/00000005_000.png",
        "images_001/images/00000008_000.png",
    ]
    assert all(each.message for each in images.unreadable)


def test_without_decoding_nothing_is_said_of_what_was_not_read(folder: Path, trainer: Trainer) -> None:
    broken = _films(folder) / "00000008_000.png"
    broken.write_bytes(broken.read_bytes()[:900])
    said = trainer("audit", "--data", folder)
    assert "--decode reads them all" in said.out
    assert "same pixels" not in said.out


def test_repeated_rows_and_unknown_labels_are_counted_not_fatal(folder: Path, trainer: Trainer) -> None:
    table = folder / "Data_Entry_2017.csv"
    lines = table.read_text().splitlines()
    contradiction = lines[2].replace("Hernia", "Mass")
    lines[5] = lines[5].replace("No Finding", "Tuberculosis")
    table.write_text("\n".join([*lines, lines[1], lines[1], contradiction]) + "\n")
    found = audit_data(folder)
    assert (found.rows.total, found.rows.repeated, found.rows.contradicting) == (99, 2, 1)
    assert found.rows.repeated_images == ("00000001_000.png", "00000001_001.png")
    assert found.rows.unknown_labels == {"Tuberculosis": 1}
    assert found.labels.films.found == 96
    said = trainer("audit", "--data", folder)
    assert said.code == 0
    assert "The trainer refuses this file" in said.out
    assert "'Tuberculosis'" in said.out


def test_odd_ages_are_read_and_counted(folder: Path, trainer: Trainer) -> None:
    table = folder / "Data_Entry_2017.csv"
    lines = table.read_text().splitlines()
    ages = ["058Y", "411", "006M", "", "old", "93", "17", "18"]
    for row, age in enumerate(ages, start=1):
        cells = lines[row].split(",")
        lines[row] = ",".join([*cells[:4], age, *cells[5:]])
    table.write_text("\n".join(lines) + "\n")
    people = audit_data(folder).make_up
    assert people.age_bands == {
        "0–17": 2, "18–39": 1, "40–59": 96 - 8 + 1, "60–79": 0, "80 and over": 1, "unknown": 3,
    }  # fmt: skip
    assert (people.ages_in_years_suffix, people.ages_below_a_year_unit) == (1, 1)
    assert (people.ages_implausible, people.ages_unreadable) == (1, 2)
    assert (people.views, people.sexes) == ({"PA": 96, "AP": 0}, {"M": 96, "F": 0})
    assert people.films_of_a_patient == (3.0, 3)
    assert "Ages above 120 years, as 411, counted as unknown: 1." in trainer("audit", "--data", folder).out
    assert read_catalog(folder).films["age"].isna().sum() == 3, "the trainer reads ages as the audit counts them"


@pytest.mark.parametrize(
    ("text", "years"),
    [("058Y", 58), ("58", 58), (" 7 ", 7), ("0", 0), ("006M", 0.5), ("026W", 26 * 7 / 365.25), ("120", 120)],
)
def test_ages_are_years(text: str, years: float) -> None:
    assert read_ages(pd.Series([text]))["years"].item() == pytest.approx(years)


@pytest.mark.parametrize("text", ["411", "411Y", "", "Y", "-3", "1e9", "58 years", "121"])
def test_what_is_no_age_is_unknown(text: str) -> None:
    assert np.isnan(read_ages(pd.Series([text]))["years"].item())


def test_shared_patients_are_those_of_the_trainers_own_split(folder: Path) -> None:
    names = sorted(path.name for path in _films(folder).iterdir())
    tested = {name for name in names if name.endswith("_002.png") and int(name[:8]) % 2} | set(names[-24:])
    (folder / "test_list.txt").write_text("\n".join(tested))
    (folder / "train_val_list.txt").write_text("\n".join(set(names) - tested))
    leaks = {(row.target, row.split): row for row in audit_data(folder).leaks}
    catalog, recipe = read_catalog(folder), load_recipe(Target.HERNIA)
    cohort = set(build_cohort(catalog, Target.HERNIA, recipe.cohort, seed=recipe.split.seed).films["image"])
    trained = {name[:8] for name in cohort - tested}
    shared = [name for name in cohort & tested if name[:8] in trained]
    row = leaks["hernia", "official"]
    assert row.problem is None
    assert (row.films, row.test_films) == (len(cohort), len(cohort & tested))
    assert (row.shared_films, row.shared_patients) == (len(shared), len({name[:8] for name in shared}))
    assert row.shared_films > 0
    assert leaks["hernia", "patient"].shared_films == 0
    assert leaks["edema", "paper"].problem is not None, "no such film"


def test_out_holds_json_markdown_and_both_figures(tiny_nih: Path, tmp_path: Path, trainer: Trainer) -> None:
    out = tmp_path / "audit"
    said = trainer("audit", "--data", tiny_nih, "--out", out, "--json")
    assert json.loads(said.out) == json.loads((out / "audit.json").read_text("utf-8"))
    assert json.loads(said.out)["schema"] == "cxr-audit/1"
    page = (out / "audit.md").read_text("utf-8")
    assert "| Hernia | 16 ≠ 110 | 32 ≠ 227 |" in page
    assert "Mass\\|Hernia" in page, "a pipe within a cell does not end it"
    for name in ("figure-1-label-strings", "figure-2-findings"):
        assert f"({name}.svg)" in page
        assert "<svg" in (out / f"{name}.svg").read_text("utf-8")
        drawn = cv2.imread(str(out / f"{name}.png"))
        assert drawn is not None
        assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 10
    first = (out / "figure-2-findings.svg").read_bytes()
    trainer("audit", "--data", tiny_nih, "--out", out)
    assert (out / "figure-2-findings.svg").read_bytes() == first


def test_cxr_data_stands_in_for_the_option(tiny_nih: Path, trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert trainer("audit").code == 1
    monkeypatch.setenv("CXR_DATA", str(tiny_nih))
    assert trainer("audit").code == 0


def test_markdown_has_a_row_for_each_row() -> None:
    text = markdown([Table("Title", ("name", "films"), (("a|b", "1"), ("c", "2")), ("Note.",))])
    assert text.splitlines() == [
        "## Title", "", "| name | films |", "| --- | --: |", "| a\\|b | 1 |", "| c | 2 |", "", "Note.",
    ]  # fmt: skip


def test_tables_need_no_cohort_at_all(folder: Path) -> None:
    table = folder / "Data_Entry_2017.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:2]) + "\n")
    audit = audit_data(folder)
    assert audit.labels.films.found == 1
    assert "differ" in verdict_sentence(audit)
    assert any("No film labelled Hernia" in note for each in audit_tables(audit) for note in each.notes)


def test_links_that_lead_back_end_the_search(folder: Path) -> None:
    (folder / "again").symlink_to(folder)
    (folder / "same").symlink_to(folder / "images_001")
    found = find_images(folder, ["00000001_000.png"])
    assert len(found.paths["00000001_000.png"]) == 1
    assert len(found.others) == 95
