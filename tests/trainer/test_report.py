"""The pages: self-contained, accessible, drawn anew without films; the films they show."""

from __future__ import annotations

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from once import made_once

from cxr_shared.heat_map import CellGrid, lay_map, pixel_fractions
from cxr_trainer.commands.report import find_runs, write_reports
from cxr_trainer.data.prepare import prepare_films
from cxr_trainer.errors import RunError
from cxr_trainer.evaluate.shortcuts import READING
from cxr_trainer.fit.run import Run
from cxr_trainer.fit.session import fit
from cxr_trainer.model.heat_map import heat_maps
from cxr_trainer.model.network import initialised
from cxr_trainer.recipe import Recipe
from cxr_trainer.report.samples import EACH, KINDS, choose_samples, overlay
from cxr_trainer.report.texts import estimate_text

_VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """What a test asks of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "tags are nested"

    def handle_data(self, data):
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def run(tiny_nih: Path, tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the paper's leaking split."""
    recipe = tiny_recipe.model_copy(update={"split": tiny_recipe.split.model_copy(update={"kind": "paper"})})
    runs = made_once(tmp_path_factory, "paper-run", lambda out: fit(recipe, data=tiny_nih, out=out, device="cpu"))
    return Run.open(next(runs.iterdir()))


@pytest.fixture(scope="module")
def page(run: Run) -> Page:
    return Page((run.folder / "report.html").read_text())


def _assert_sound(page: Page) -> None:
    assert page.open == [], "every tag is closed"
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        address = attributes.get("src") or attributes.get("xlink:href") or "#"
        assert address.startswith(("data:image/jpeg;base64,", "#")), "nothing is loaded"
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(each.get("alt") for each in page.of("img"))
    assert all(each.get("aria-label") for each in page.of("svg"))
    assert len(page.of("caption")) == len(page.of("table"))
    assert all("scope" in each for each in page.of("th"))


def test_page_is_one_sound_file_that_loads_nothing(page: Page) -> None:
    _assert_sound(page)
    assert page.of("html")[0]["lang"] == "en"
    assert len(page.of("svg")) == 7


def test_page_says_what_its_figures_are_of(run: Run, page: Page) -> None:
    metrics = run.read_json("metrics.json")
    test = metrics["parts"]["test"]
    for words in (
        "NOT FOR CLINICAL USE", metrics["split"]["leak"], "Figures of merit, paper split", READING,
        estimate_text(test["auc"]), estimate_text(test["accuracy"], percent=True), "2,000 resamples",
        f"{test['films']} films of {test['patients']} patients", "The paper trains on 80 %", "90.81",
    ):  # fmt: skip
        assert words in page.text
    assert metrics["split"]["test_patients_trained_on"] > 0
    assert "are of patients that were trained on" in page.text


def test_page_shows_test_films_under_their_own_names_and_nothing_else_of_a_patient(run: Run, page: Page) -> None:
    predictions = run.read_predictions()
    tested = set(predictions.loc[predictions["part"] == "test", "image"])
    listed = run.read_json("figures/samples/samples.json")["films"]
    assert listed
    assert {film["image"] for film in listed} <= tested
    assert len(page.of("img")) == 2 * len(listed)
    assert not any(image in page.text for image in set(predictions["image"]) - {film["image"] for film in listed})


def test_page_is_drawn_anew_from_the_run_directory_alone(run: Run, tmp_path: Path, capsys) -> None:
    copy = tmp_path / run.folder.name
    shutil.copytree(run.folder, copy, ignore=shutil.ignore_patterns("*.safetensors", "state", "report.html"))
    for figure in (copy / "figures").glob("*.*"):
        figure.unlink()
    assert write_reports([copy]) == 0
    assert str(copy / "report.html") in capsys.readouterr().out
    assert (copy / "report.html").read_bytes() == (run.folder / "report.html").read_bytes()


def test_page_of_an_older_run_leaves_out_what_it_did_not_measure(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / run.folder.name
    shutil.copytree(run.folder, copy, ignore=shutil.ignore_patterns("samples"))
    metrics = run.read_json("metrics.json")
    for name in ("shortcuts", "methods", "map_peak"):
        del metrics[name]
    for parts in (metrics["parts"], *metrics["stages"].values()):
        for each in parts.values():
            for name in ("prevalence", "auprc", "brier", "ece", "operating_points"):
                del each[name]
    (copy / "metrics.json").write_text(json.dumps(metrics))
    write_reports([copy], out=tmp_path / "set.html")
    page = Page((copy / "report.html").read_text())
    _assert_sound(page)
    assert "not measured" in page.text
    assert page.of("img") == []


@pytest.mark.slow
def test_pages_of_a_folder_of_runs_link_to_each(run: Run, tmp_path: Path, capsys) -> None:
    names = ["hernia-a", "hernia-b"]
    for name in names:
        shutil.copytree(run.folder, tmp_path / name)
    shutil.copytree(run.folder, tmp_path / "hernia-c", ignore=shutil.ignore_patterns("metrics.json"))
    write_reports([tmp_path])
    printed = capsys.readouterr().out
    assert "left out, unfinished" in printed
    assert str(tmp_path / "report.html") in printed
    page = Page((tmp_path / "report.html").read_text())
    _assert_sound(page)
    links = [each["href"] for each in page.of("a")]
    assert links == [f"{name}/report.html" for name in names]
    assert all((tmp_path / link).is_file() for link in links)
    accuracy = run.read_json("metrics.json")["stages"]["clr"]["test"]["accuracy"]
    assert page.text.count(estimate_text(accuracy, percent=True).partition(" ")[2]) >= 2
    assert len(page.of("svg")) == 1 + len(names), "accuracies, and a small ROC curve a run"
    write_reports([tmp_path / "hernia-a"], out=tmp_path / "elsewhere" / "one.html")
    assert "../hernia-a/report.html" in (tmp_path / "elsewhere" / "one.html").read_text()


def test_folders_without_finished_runs_are_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no finished one"):
        find_runs(tmp_path)
    unfinished = tmp_path / "hernia-c"
    shutil.copytree(run.folder, unfinished, ignore=shutil.ignore_patterns("metrics.json"))
    with pytest.raises(RunError, match="cxr-trainer resume"):
        write_reports([unfinished])


def test_paper_split_says_how_it_departs_from_the_paper(tiny_nih: Path, run: Run) -> None:
    (note,) = [note for note in prepare_films(tiny_nih, run.recipe()).notes if "The paper trains on 80 %" in note]
    counts = run.read_json("metrics.json")["cohort"]["counts"]
    films = {part: sum(each.values()) for part, each in counts.items()}
    for part, share in films.items():
        assert f"{100 * share / sum(films.values()):.0f} %" in note, part
    patient = run.recipe().model_copy(update={"split": run.recipe().split.model_copy(update={"kind": "patient"})})
    assert not any("The paper trains" in note for note in prepare_films(tiny_nih, patient).notes)


def test_mean_of_a_heat_map_is_the_logit(tiny_recipe: Recipe) -> None:
    network = initialised(tiny_recipe.model, bn_momentum=0.5, seed=1)
    films = torch.randint(0, 256, (4, 1, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    network(films)  # moves the BN averages off zeros and ones
    network.eval()
    normal = torch.randn(2, 2, generator=torch.Generator().manual_seed(3))
    maps = heat_maps(network, normal, films)
    with torch.inference_mode():
        assert torch.allclose(maps.mean(dim=(1, 2)), network(films).logit, atol=1e-4)
        plain = heat_maps(network, torch.zeros(2, 2), films)
    assert torch.allclose(plain - maps, (normal - normal.mean()).expand_as(maps), atol=1e-4)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 40), zero=st.floats(-2, 2))
def test_samples_are_of_the_kind_they_are_called(seed: int, count: int, zero: float) -> None:
    generator = np.random.default_rng(seed)
    films = pd.DataFrame(
        {
            "image": [f"{i:08d}_000.png" for i in range(count)],
            "label": generator.integers(0, 2, count),
            "logit": generator.normal(0, 2, count),
            "row": np.arange(count),
        }
    )
    chosen = choose_samples(films, zero)
    assert chosen["row"].dtype == films["row"].dtype
    called, positive = films["logit"] >= zero, films["label"] == 1
    of_kind = dict(
        zip(KINDS, (called & positive, called & ~positive, ~called & positive, ~called & ~positive), strict=True)
    )
    for kind, mask in of_kind.items():
        shown = chosen[chosen["kind"] == kind]
        assert len(shown) == min(EACH, mask.sum())
        assert set(shown["image"]) <= set(films.loc[mask, "image"])
        if mask.any():
            distance = (films.loc[mask, "logit"] - zero).abs()
            shown_distance = (shown["logit"] - zero).abs()
            assert shown_distance.iloc[0] == distance.max()
            assert len(shown) == 1 or shown_distance.iloc[-1] == distance.min()


def test_evidence_is_coloured_where_the_cell_looks() -> None:
    values = np.zeros((4, 4), np.float32)
    values[1, 2] = 5.0
    places = pixel_fractions(160)

    def laid(grid: CellGrid) -> npt.NDArray[np.float32]:
        return lay_map(values, grid, rows=places, columns=places)

    spread = laid(CellGrid(pitch=0.8))  # cells nearer together: all of them nearer the middle
    assert np.unravel_index(int(spread.argmax()), spread.shape) == pytest.approx((80 - 0.4 * 40, 80 + 0.4 * 40), abs=1)
    for shift in (0.0, 0.5):
        row, column = np.unravel_index(int(laid(CellGrid(shift)).argmax()), (160, 160))
        assert (row, column) == pytest.approx(((1.5 + shift) * 40, (2.5 + shift) * 40), abs=1)
    film = np.full((160, 160), 100, np.uint8)
    shown = overlay(film, laid(CellGrid()), span=5.0)
    assert (shown[:30, :30] == 100).all(), "no evidence leaves the film as it is"
    assert shown[60, 100, 0] > 180 > 100 > shown[60, 100, 2], "orange speaks for"
    against = overlay(film, -laid(CellGrid()), span=5.0)
    assert against[60, 100, 2] > 180 > 100 > against[60, 100, 0], "blue speaks against"
