from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from cxr_desktop.intake import files
from cxr_desktop.intake.files import find_films, find_films_in_chunks, natural_key
from cxr_desktop.intake.names import shown_name


def _tree(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def _found(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in find_films([root])]


def test_a_folder_is_searched_to_any_depth_in_natural_order(tmp_path: Path) -> None:
    _tree(tmp_path, "film-10.png", "film-9.png", "Film-1.png", "b/c/2.dcm", "b/c/IM0001")
    assert _found(tmp_path) == ["Film-1.png", "film-9.png", "film-10.png", "b/c/2.dcm", "b/c/IM0001"]


def test_hidden_files_and_obvious_non_films_are_passed_over(tmp_path: Path) -> None:
    _tree(tmp_path, "a.png", "a.csv", "a.JSON", ".hidden.png", ".git/b.png", "DICOMDIR", "chest.cxr", "~$a.png")
    assert _found(tmp_path) == ["a.png"]


def test_a_named_file_is_listed_whatever_it_is(tmp_path: Path) -> None:
    _tree(tmp_path, "labels.csv", ".hidden.png")
    named = [tmp_path / "labels.csv", tmp_path / ".hidden.png", tmp_path / "missing.png"]
    assert list(find_films(named)) == named


def test_files_and_folders_mix_and_each_file_is_listed_once(tmp_path: Path) -> None:
    _tree(tmp_path, "a.png", "b.png")
    found = list(find_films([tmp_path / "b.png", tmp_path, tmp_path / "." / "a.png"]))
    assert found == [tmp_path / "b.png", tmp_path / "a.png"]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_to_the_parent_does_not_run_in_circles(tmp_path: Path) -> None:
    _tree(tmp_path, "a.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert _found(tmp_path) == ["a.png"]


def test_an_empty_folder_has_no_films(tmp_path: Path) -> None:
    assert list(find_films([tmp_path])) == []


def test_the_search_can_be_stopped(tmp_path: Path) -> None:
    _tree(tmp_path, "a.png", "b/c.png")
    assert list(find_films([tmp_path], stopped=lambda: True)) == []


def test_films_come_as_they_are_found(tmp_path: Path) -> None:
    _tree(tmp_path, "a.png", "b/c.png")
    found = find_films([tmp_path])
    assert next(found) == tmp_path / "a.png"
    _tree(tmp_path, "b/new.png")
    assert [path.name for path in found] == ["c.png", "new.png"]


def test_chunks_hold_all_films_in_order_and_none_is_longer_than_asked(tmp_path: Path) -> None:
    _tree(tmp_path, *(f"{number}.png" for number in range(25)))
    chunks = list(find_films_in_chunks([tmp_path], at_most=10, every_s=60))
    assert [len(chunk) for chunk in chunks] == [10, 10, 5]
    assert [path for chunk in chunks for path in chunk] == list(find_films([tmp_path]))
    assert list(find_films_in_chunks([tmp_path], stopped=lambda: True)) == []


def test_a_film_does_not_wait_for_a_slow_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _tree(tmp_path, "a.png", "b.png")
    now = 0.0
    monkeypatch.setattr(files, "time", SimpleNamespace(monotonic=lambda: now))

    def slow() -> Iterator[Path]:
        nonlocal now
        yield tmp_path / "a.png"
        for number in range(3):
            now += 0.06
            yield tmp_path / f"empty-{number}"
        yield tmp_path / "b.png"

    for number in range(3):
        (tmp_path / f"empty-{number}").mkdir()
    chunks = list(find_films_in_chunks(slow(), every_s=0.1))
    assert [[path.name for path in chunk] for chunk in chunks] == [["a.png"], ["b.png"]]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_to_a_film_is_that_film(tmp_path: Path) -> None:
    _tree(tmp_path, "a.png", "z/b.png")
    (tmp_path / "b-link.png").symlink_to(tmp_path / "z" / "b.png")
    assert _found(tmp_path) == ["a.png", "b-link.png"]


def test_names_sort_as_a_person_counts() -> None:
    names = ["b", "A 10", "a 9", "a 9b", "10", "9", "", "a", "007", "7"]
    assert sorted(names, key=natural_key) == ["", "007", "7", "9", "10", "a", "a 9", "a 9b", "A 10", "b"]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_in_a_circle_costs_itself(tmp_path: Path) -> None:
    (tmp_path / "a-circle").symlink_to(tmp_path / "a-circle")
    _tree(tmp_path, "b.png")
    assert _found(tmp_path) == ["a-circle", "b.png"]


def test_a_film_from_the_network_is_shown_by_the_beginning_of_its_hash_and_any_other_by_its_name() -> None:
    assert shown_name(Path("89460fde" + "7" * 56 + ".dcm")) == "received 89460fde"
    for name in ("film.dcm", "a" * 64, "A" * 64 + ".dcm", "89460fde.dcm"):
        assert shown_name(Path("folder", name)) == name
