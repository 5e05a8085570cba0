"""Catalog, cohorts, splits and the cache."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_shared.bundle import InputSpec
from cxr_shared.film import Film, read_film
from cxr_shared.findings import FINDINGS, Target
from cxr_shared.pixels import model_input
from cxr_trainer.data.batches import BatchOrder
from cxr_trainer.data.cache import cache_films
from cxr_trainer.data.catalog import Catalog, read_catalog, read_labels
from cxr_trainer.data.cohort import build_cohort
from cxr_trainer.data.split import measure_leak, patient_share, split_cohort, split_hash, write_split
from cxr_trainer.errors import CatalogError, CohortError
from cxr_trainer.recipe import SplitSection
from cxr_trainer.recipe_files import load_recipe


def test_catalog_reads_both_age_styles_and_any_nesting(tiny_nih: Path) -> None:
    catalog = read_catalog(tiny_nih)
    assert len(catalog.films) == 96
    assert catalog.films["age"].eq(58).all()
    assert len(catalog.with_finding(Target.HERNIA)) == 32
    assert len(catalog.with_finding(Target.MASS)) == 32
    assert len(catalog.normal()) == 48
    assert catalog.missing == ()


def test_catalog_lists_what_is_missing_and_prefers_the_file_that_fits(tiny_nih: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(tiny_nih, root)
    (root / "images_001" / "images" / "00000001_000.png").unlink()
    whole = (root / "Data_Entry_2017.csv").read_text()
    (root / "Data_Entry_2017_v2020.csv").write_text(
        whole + whole.splitlines()[1].replace("00000001_000", "99999999_000")
    )
    catalog = read_catalog(root)
    assert catalog.label_file.name == "Data_Entry_2017.csv"
    assert catalog.missing == ("00000001_000.png",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("Patient ID", "Patient"), "lacks the column"),
        (lambda text: text.replace("Hernia", "Herniaa"), "Did you mean 'hernia'"),
        (lambda text: text + text.splitlines()[1], "more than once"),
        (lambda _text: "", "Could not read"),
    ],
)
def test_bad_label_files_are_one_sentence(tiny_nih: Path, tmp_path: Path, change, words: str) -> None:
    path = tmp_path / "Data_Entry_2017.csv"
    path.write_text(change((tiny_nih / "Data_Entry_2017.csv").read_text()))
    with pytest.raises(CatalogError, match=words):
        read_labels(path)


def test_no_folder_no_labels_no_images(tmp_path: Path, tiny_nih: Path) -> None:
    with pytest.raises(CatalogError, match="no folder"):
        read_catalog(tmp_path / "nowhere")
    with pytest.raises(CatalogError, match="no label file"):
        read_catalog(tmp_path)
    shutil.copy(tiny_nih / "Data_Entry_2017.csv", tmp_path)
    with pytest.raises(CatalogError, match="None of the 96 films"):
        read_catalog(tmp_path)


def _full_catalog(counts: dict[str, int], normal: int) -> Catalog:
    """A catalog of labels alone, one film a patient."""
    labels = ["No Finding"] * normal + [name for name, count in counts.items() for _ in range(count)]
    frame = pd.DataFrame({"image": [f"{i:08d}_000.png" for i in range(len(labels))], "label_text": labels})
    columns = {f.value: frame["label_text"].eq(f.value) for f in FINDINGS}
    films = frame.assign(patient=frame["image"].str[:8], **columns).drop(columns="label_text")
    return Catalog(Path("nih"), Path("nih/x.csv"), films, ())


def test_whole_set_gives_table_2() -> None:
    catalog = _full_catalog({"Hernia": 227}, normal=400)
    cohort = build_cohort(catalog, Target.HERNIA, load_recipe(Target.HERNIA).cohort, seed=0)
    assert (cohort.positives, cohort.negatives, cohort.notes) == (227, 250, ())


def test_smaller_set_is_scaled_in_proportion_and_said() -> None:
    catalog = _full_catalog({"Pneumonia": 200}, normal=100)
    cohort = build_cohort(catalog, Target.PNEUMONIA, load_recipe(Target.PNEUMONIA).cohort, seed=0)
    assert cohort.negatives == 100
    assert cohort.positives == 1431 * 100 // 1500
    assert "1,431 + 1,500" in cohort.notes[0]
    assert "95 + 100" in cohort.notes[0]


def test_one_class_cohort_takes_each_finding_equally() -> None:
    catalog = _full_catalog({f.value: 250 for f in FINDINGS}, normal=3000)
    cohort = build_cohort(catalog, Target.ANOMALY, load_recipe(Target.ANOMALY).cohort, seed=0)
    assert (cohort.positives, cohort.negatives, cohort.notes) == (2800, 2800, ())
    assert {int(cohort.films[f.value].sum()) for f in FINDINGS} == {200}


def test_cohort_without_films_says_so() -> None:
    catalog = _full_catalog({"Hernia": 5}, normal=5)
    with pytest.raises(CohortError, match="labelled Mass"):
        build_cohort(catalog, Target.MASS, load_recipe(Target.MASS).cohort, seed=0)


def _cohort(patients: int, films_each: int) -> pd.DataFrame:
    rows = [(f"{p:08d}_{n:03d}.png", str(p), (p + n) % 2) for p in range(patients) for n in range(films_each)]
    return pd.DataFrame(rows, columns=["image", "patient", "label"])


def test_patient_split_never_leaks_and_is_common_to_all_targets() -> None:
    section = SplitSection()
    whole = split_cohort(_cohort(300, 3), section, root=Path())
    assert measure_leak(whole).shared_patients == 0
    assert (whole.groupby("patient")["part"].nunique() == 1).all()
    part = whole.sample(frac=0.5, random_state=0)
    again = split_cohort(part.drop(columns="part"), section, root=Path())
    assert (again["part"] == part["part"]).all(), "a film's part must not depend on the cohort it is in"
    shares = whole["part"].value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.2, abs=0.06)


def test_paper_split_has_the_papers_sizes_and_its_leak_is_measured() -> None:
    split = split_cohort(_cohort(159, 3), SplitSection(kind="paper"), root=Path())
    assert len(split) == 477
    assert (split["part"] != "test").sum() == 381, "Table 2, Hernia: 381 + 96"
    leak = measure_leak(split)
    assert leak.test_films == 96
    assert leak.shared_films > 70
    assert "too good" in leak.sentence


def test_official_split_follows_nihs_lists(tmp_path: Path) -> None:
    films = _cohort(60, 3)
    test = films["image"][films["patient"].astype(int) >= 40]
    (tmp_path / "test_list.txt").write_text("\n".join(test))
    (tmp_path / "train_val_list.txt").write_text("\n".join(films["image"][~films["image"].isin(test)]))
    split = split_cohort(films, SplitSection(kind="official"), root=tmp_path)
    assert set(split.loc[split["part"] == "test", "image"]) == set(test)
    assert measure_leak(split).shared_films == 0
    with pytest.raises(CohortError, match="train_val_list"):
        split_cohort(films, SplitSection(kind="official"), root=tmp_path / "nowhere")


def test_one_patient_cannot_be_split() -> None:
    with pytest.raises(CohortError, match="of 1 patients"):
        split_cohort(_cohort(1, 6), SplitSection(), root=Path())


@given(patient=st.text(max_size=12), seed=st.integers(0, 100))
def test_patient_share_is_a_share(patient: str, seed: int) -> None:
    assert 0.0 <= patient_share(patient, seed) < 1.0


def test_split_file_holds_the_hash_it_returns(tmp_path: Path) -> None:
    split = split_cohort(_cohort(60, 2), SplitSection(), root=Path())
    digest = write_split(tmp_path / "split.parquet", split)
    assert split_hash(pd.read_parquet(tmp_path / "split.parquet")) == digest
    assert split_hash(split.assign(label=1 - split["label"])) != digest


def test_cache_holds_the_pixel_paths_output_and_decodes_once(
    tiny_nih: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, spec = read_catalog(tiny_nih), InputSpec(size=64)
    seen: list[int] = []
    cached = cache_films(
        catalog, catalog.films, spec=spec, folder=tmp_path, progress=lambda done, _n: seen.append(done)
    )
    assert seen == list(range(1, 97))
    row = cached.films.iloc[7]
    film = read_film(Path(row["path"]))
    assert isinstance(film, Film)
    np.testing.assert_array_equal(cached.pixels[row["row"]], model_input(film, spec))
    seen.clear()
    monkeypatch.setattr("cxr_trainer.data.decoding.read_film", lambda _path: pytest.fail("decoded twice"))
    cache_films(
        catalog, catalog.films.iloc[:50], spec=spec, folder=tmp_path, progress=lambda done, _n: seen.append(done)
    )
    assert seen == []


def test_cache_reports_a_broken_film_and_reads_a_changed_one_anew(tiny_nih: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(tiny_nih, root)
    broken = root / "images_001" / "images" / "00000002_001.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    catalog, spec = read_catalog(root), InputSpec(size=64)
    cached = cache_films(catalog, catalog.films, spec=spec, folder=tmp_path / "cache")
    assert [refusal.source for refusal in cached.refusals] == [broken]
    assert len(cached.films) == 95
    broken.write_bytes(whole)
    assert cache_films(catalog, catalog.films, spec=spec, folder=tmp_path / "cache").refusals == ()


def test_one_class_cohort_is_balanced_when_most_findings_are_absent() -> None:
    catalog = _full_catalog({"Hernia": 90, "Mass": 40}, normal=500)
    cohort = build_cohort(catalog, Target.ANOMALY, load_recipe(Target.ANOMALY).cohort, seed=0)
    assert (cohort.positives, cohort.negatives) == (130, 130)
    few = build_cohort(
        _full_catalog({"Hernia": 90, "Mass": 40}, normal=60), Target.ANOMALY, load_recipe(Target.ANOMALY).cohort, seed=0
    )
    assert (few.positives, few.negatives) == (60, 60)
    assert int(few.films["Mass"].sum()) == 30
    assert "2,800 + 2,800" in few.notes[0]


@given(films=st.integers(2, 200), batch=st.integers(2, 40), epoch=st.integers(0, 5))
def test_no_batch_has_a_single_film(films: int, batch: int, epoch: int) -> None:
    order = BatchOrder(films, batch, seed=3)
    sizes = [len(order.indices(epoch * order.batches + i)) for i in range(order.batches)]
    assert min(sizes) > 1
    assert max(sizes) <= batch + 1


@given(films=st.integers(1, 200), batch=st.integers(1, 40), epoch=st.integers(0, 5))
def test_an_epoch_sees_each_film_once(films: int, batch: int, epoch: int) -> None:
    order = BatchOrder(films, batch, seed=3)
    seen = np.concatenate([order.indices(epoch * order.batches + i) for i in range(order.batches)])
    assert sorted(seen) == list(range(films))
