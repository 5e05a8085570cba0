"""What is on the list, whose scores are shown, and for which pixels."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cxr_desktop.inference.verdict import Refused, Scored
from cxr_desktop.store import Opinion, Read, Store
from cxr_shared.findings import Target

OLD, NEW = "a" * 64, "b" * 64
Write = Callable[..., Path]
Make = Callable[..., Scored]


def test_yesterdays_list_is_there_in_the_order_added(
    reopen: Callable[[], Store], store: Store, file: Write, make_scored: Make
) -> None:
    files = [file(name) for name in ("c.png", "a.png", "b.png")]
    store.add_films(files, at=5.0)
    store.save_verdicts([make_scored(files[0])])
    films = reopen().load(NEW)
    assert [(film.source, film.added_at) for film in films] == [(each, 5.0) for each in files]
    assert [film.verdict is None for film in films] == [False, True, True]
    assert [bool(film.sha256) for film in films] == [True, False, False]


def test_a_file_is_listed_once_however_it_is_written(store: Store, file: Write, tmp_path: Path) -> None:
    film = file("a.png")
    link = tmp_path / "link.png"
    link.symlink_to(film)
    (tmp_path / "sub").mkdir()
    store.add_films([film, tmp_path / "sub" / ".." / "a.png"], at=1.0)
    store.add_films([link], at=2.0)
    assert [(each.source, each.added_at) for each in store.load()] == [(film, 1.0)]


def test_a_relative_path_is_found_from_another_folder(
    store: Store, file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = file("a.png")
    monkeypatch.chdir(tmp_path)
    store.add_films([Path("a.png")], at=1.0)
    monkeypatch.chdir("/")
    assert [each.source for each in store.load()] == [film]


def test_a_removed_film_keeps_its_verdict_and_read_and_comes_back_last(
    store: Store, file: Write, make_scored: Make
) -> None:
    first, second = file("a.png"), file("b.png")
    store.add_films([first, second], at=1.0)
    verdict = make_scored(first)
    store.save_verdicts([verdict])
    read = store.save_read(Read(verdict.sha256, NEW, {}, finished=True))
    store.remove_films([first])
    assert [each.source for each in store.load(NEW)] == [second]
    assert store.reads(verdict.sha256) == [read]
    store.add_films([first], at=9.0)
    films = store.load(NEW)
    assert [(each.source, each.added_at) for each in films] == [(second, 1.0), (first, 9.0)]
    assert films[1].read == read
    assert films[1].verdict is not None


def test_a_verdict_that_comes_late_does_not_bring_a_removed_film_back(
    store: Store, file: Write, make_scored: Make
) -> None:
    film = file("a.png")
    store.add_films([film], at=1.0)
    store.remove_films([film])
    store.save_verdicts([make_scored(film)])
    assert store.load() == []


def test_scores_of_an_old_bundle_are_marked_and_never_hide_those_of_the_new(
    store: Store, file: Write, make_scored: Make
) -> None:
    both, old_only = file("a.png"), file("b.png")
    store.add_films([both, old_only], at=1.0)
    store.save_verdicts([make_scored(both, bundle=NEW, logit=1.0), make_scored(old_only, bundle=OLD, logit=2.0)])
    store.save_verdicts([make_scored(both, bundle=OLD, logit=3.0)])  # newer, but of the other bundle

    def shown(bundle: str) -> list[tuple[float, bool]]:
        films = store.load(bundle)
        verdicts = [film.verdict for film in films]
        assert all(isinstance(each, Scored) for each in verdicts)
        return [(film.verdict.scores[Target.EFFUSION].logit, film.stale) for film in films]

    assert shown(NEW) == [(1.0, False), (2.0, True)]
    assert shown(OLD) == [(3.0, False), (2.0, False)]
    assert shown("") == [(3.0, False), (2.0, False)]
    assert shown("c" * 64) == [(3.0, True), (2.0, True)]


def test_the_newest_verdict_counts_and_the_earlier_ones_stay(store: Store, file: Write, make_scored: Make) -> None:
    film = file("a.png")
    store.add_films([film], at=1.0)
    for logit in (1.0, 2.0, 3.0):
        store.save_verdicts([make_scored(film, logit=logit)])
    (loaded,) = store.load(NEW)
    assert isinstance(loaded.verdict, Scored)
    assert loaded.verdict.scores[Target.ANOMALY].logit == 3.0
    assert [each.scores[Target.ANOMALY].logit for each in store.history(loaded.sha256)] == [1.0, 2.0, 3.0]


def test_two_places_of_one_content_share_its_verdict_and_its_read(store: Store, file: Write, make_scored: Make) -> None:
    films = [file("a.png", "same"), file("b.png", "same")]
    store.add_films(films, at=1.0)
    store.save_verdicts([make_scored(films[0], logit=1.0)])
    store.save_verdicts([make_scored(films[1], logit=2.0)])
    read = store.save_read(Read(make_scored(films[0]).sha256, NEW, {Target.EFFUSION: Opinion.AGREE}))
    loaded = store.load(NEW)
    assert [film.verdict.source for film in loaded if film.verdict] == films
    assert [film.verdict.scores[Target.ANOMALY].logit for film in loaded] == [2.0, 2.0]
    assert [film.read for film in loaded] == [read, read]


def test_the_latest_reading_counts_and_the_earlier_ones_stay(store: Store, file: Write, make_scored: Make) -> None:
    film = file("a.png")
    store.add_films([film], at=1.0)
    verdict = make_scored(film)
    store.save_verdicts([verdict])
    first = store.save_read(Read(verdict.sha256, NEW, {}, note="blind", blind=True, at="2026-11-23T08:00:00+00:00"))
    second = store.save_read(Read(verdict.sha256, NEW, {Target.EFFUSION: Opinion.DISAGREE}, finished=True))
    assert store.reads(verdict.sha256) == [first, second]
    assert store.load(NEW)[0].read == second
    assert first.at == "2026-11-23T08:00:00+00:00"
    assert second.at.endswith("+00:00")


def test_a_read_without_a_content_is_no_read(store: Store) -> None:
    with pytest.raises(ValueError, match="content"):
        store.save_read(Read("", NEW, {}))


def test_a_file_that_changed_is_unread(
    reopen: Callable[[], Store], store: Store, file: Write, make_scored: Make
) -> None:
    longer, touched, same = file("longer.png"), file("touched.png"), file("same.png")
    films = [longer, touched, same]
    store.add_films(films, at=1.0)
    store.save_verdicts([make_scored(film) for film in films])
    longer.write_text("another and longer content")
    os.utime(touched, ns=(1, 1))
    loaded = reopen().load(NEW)
    assert [film.sha256 == "" and film.verdict is None for film in loaded] == [True, True, False]


def test_a_changed_file_that_is_scored_again_is_itself(store: Store, file: Write, make_scored: Make) -> None:
    film = file("a.png", "old")
    store.add_films([film], at=1.0)
    old = make_scored(film, logit=1.0)
    store.save_verdicts([old])
    film.write_text("new content")
    assert store.load(NEW)[0].verdict is None
    new = make_scored(film, logit=2.0)
    store.save_verdicts([new])
    assert store.load(NEW)[0].sha256 == new.sha256 != old.sha256
    assert len(store.history(old.sha256)) == 1


def test_a_file_written_to_while_it_was_scored_is_unread(store: Store, file: Write, make_scored: Make) -> None:
    film = file("a.png", "half")
    store.add_films([film], at=1.0)
    verdict = make_scored(film)
    film.write_text("half, and the other half")
    store.save_verdicts([verdict])
    (loaded,) = store.load(NEW)
    assert (loaded.sha256, loaded.verdict) == ("", None)


def test_a_file_written_before_it_was_scored_is_read(store: Store, file: Write, make_scored: Make) -> None:
    film = file("a.png", "half")
    store.add_films([film], at=1.0)
    film.write_text("half, and the other half")
    store.save_verdicts([make_scored(film)])
    assert store.load(NEW)[0].verdict is not None


def test_a_file_that_is_away_keeps_its_verdict(store: Store, file: Write, make_scored: Make) -> None:
    film = file("a.png")
    store.add_films([film], at=1.0)
    store.save_verdicts([make_scored(film)])
    film.unlink()
    assert store.load(NEW)[0].verdict is not None
    film.write_text("something else came")
    assert store.load(NEW)[0].verdict is None


def test_a_refusal_without_content_is_kept_by_its_place(
    store: Store, file: Write, make_refused: Callable[..., Refused]
) -> None:
    films = [file("a.png"), file("b.png")]
    store.add_films(films, at=1.0)
    store.save_verdicts([make_refused(films[0])])
    first, second = store.load(NEW)
    assert isinstance(first.verdict, Refused)
    assert (first.verdict.kind, first.verdict.message) == ("worker-crashed", "The process ended.")
    assert (first.sha256, second.verdict) == ("", None)
    films[0].write_text("whole now")
    assert store.load(NEW)[0].verdict is None


def test_a_file_that_is_missing_keeps_its_refusal_until_it_is_there(
    store: Store, file: Write, make_refused: Callable[..., Refused], tmp_path: Path
) -> None:
    film = tmp_path / "missing.png"
    store.add_films([film], at=1.0)
    store.save_verdicts([make_refused(film)])
    assert store.load(NEW)[0].verdict is not None
    film.write_text("here")
    assert store.load(NEW)[0].verdict is None


def test_a_crash_on_a_known_film_does_not_lose_its_read(
    store: Store, file: Write, make_scored: Make, make_refused: Callable[..., Refused]
) -> None:
    film = file("a.png")
    store.add_films([film], at=1.0)
    verdict = make_scored(film, bundle=OLD)
    store.save_verdicts([verdict])
    read = store.save_read(Read(verdict.sha256, OLD, {}, finished=True))
    store.save_verdicts([make_refused(film, bundle=NEW)])
    (loaded,) = store.load(NEW)
    assert isinstance(loaded.verdict, Refused)
    assert (loaded.sha256, loaded.read) == (verdict.sha256, read)
    assert isinstance(store.load(OLD)[0].verdict, Scored)


def test_maps_are_read_when_they_are_asked_for(store: Store, file: Write, make_scored: Make) -> None:
    film = file("a.png")
    store.add_films([film], at=1.0)
    verdict = make_scored(film)
    store.save_verdicts([verdict])
    (loaded,) = store.load(NEW)
    assert isinstance(loaded.verdict, Scored)
    assert list(loaded.verdict.maps) == list(verdict.maps)
    with pytest.raises(KeyError):
        loaded.verdict.maps[Target.HERNIA]
    np.testing.assert_array_equal(loaded.verdict.maps[Target.EFFUSION], verdict.maps[Target.EFFUSION])
    store.close()
    np.testing.assert_array_equal(loaded.verdict.maps[Target.ANOMALY], verdict.maps[Target.ANOMALY])


def test_a_loaded_verdict_can_be_saved_again(store: Store, file: Write, make_scored: Make) -> None:
    film = file("a.png")
    store.add_films([film], at=1.0)
    store.save_verdicts([make_scored(film)])
    (loaded,) = store.load(NEW)
    assert loaded.verdict is not None
    store.save_verdicts([loaded.verdict])
    (again,) = store.load(NEW)
    assert isinstance(again.verdict, Scored)
    assert isinstance(loaded.verdict, Scored)
    assert dict(again.verdict.scores) == dict(loaded.verdict.scores)
    store.verify_audit()


def test_any_thread_may_save_and_load(store: Store, tmp_path: Path, make_scored: Make) -> None:
    def work(number: int) -> None:
        for each in range(8):
            film = tmp_path / f"{number}-{each}.png"
            film.write_text(film.name)
            store.add_films([film], at=1.0)
            store.save_verdicts([make_scored(film)])
            store.load(NEW)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert sum(film.verdict is not None for film in store.load(NEW)) == 32
    store.verify_audit()


def test_a_long_list_is_whole(
    reopen: Callable[[], Store], store: Store, tmp_path: Path, file: Write, make_scored: Make
) -> None:
    """More films than are asked about at a time; tests/benchmarks/store_load.py says how fast."""
    films = [file(f"{number}.png") for number in range(700)]
    store.add_films(films, at=1.0)
    store.save_verdicts([make_scored(film, logit=number / 8) for number, film in enumerate(films)])
    films[300].write_text("changed since")
    loaded = reopen().load(NEW)
    assert [film.source for film in loaded] == films
    assert [film.source for film in loaded if film.verdict is None] == [films[300]]
    assert all(
        film.verdict.scores[Target.ANOMALY].logit == number / 8 for number, film in enumerate(loaded) if film.verdict
    )
