"""Whose the decoding processes are: a window's own end with it, those that it was lent go on."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6")

from pytestqt.qtbot import QtBot

from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.intake.pool import MakePool, Pool
from cxr_shared.bundle import InputSpec

from .conftest import _children, left_behind

SPEC = InputSpec(size=64)
_lists_children = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone lists the children of a process")


@_lists_children
def test_a_window_decodes_with_the_pools_that_it_was_given_and_closes_each(
    room: Any, qtbot: QtBot, films: dict[str, Path]
) -> None:
    made: list[DecodePool] = []

    def make(*, workers: int | None = None) -> Pool:
        made.append(DecodePool(workers=1))
        return made[-1]

    room.make_pool = make
    before = _children()
    window = room.open_shown(films["dark"])
    window.actions_by_name["model_view"].trigger()
    qtbot.waitUntil(lambda: window.stage.companion.view is not None, timeout=60000)
    assert len(_children() - before) == len(made) == 3, "for the viewer, for what the model saw, and for the scores"
    window.desk.use_bundle(room.bundle, wanted=Wanted.CPU)
    qtbot.waitUntil(lambda: len(made) == 4, timeout=60000)
    room.close()
    for pool in made:
        with pytest.raises(CancelledError):
            pool.display(films["dark"])
    assert _children() == before


@_lists_children
def test_a_window_that_closes_ends_no_process_that_it_was_lent(room: Any, films: dict[str, Path]) -> None:
    before = _children()
    for film in (films["dark"], films["bright"]):
        window = room.open_scored([film])
        assert window.desk.sheet.row_of(film).scored is not None
        room.close()
        assert _children() == before


def test_a_pool_that_was_given_back_gives_nothing_and_the_next_one_does(
    warm_pools: MakePool, films: dict[str, Path]
) -> None:
    lent = warm_pools()
    paths = [films["dark"], films["bright"], films["middle"]]
    found = lent.prepare(paths, SPEC, ahead=1)
    assert [film.source for film in next(found)] == [films["dark"]]
    lent.close()
    assert list(found) == []
    assert list(lent.prepare(paths, SPEC)) == []
    with pytest.raises(CancelledError):
        lent.display(films["dark"])
    again = warm_pools().prepare(paths, SPEC, ahead=1)
    assert [film.source for ready in again for film in ready] == paths


@_lists_children
def test_what_a_test_leaves_behind_is_named(warm_pools: MakePool) -> None:
    before, children = set(threading.enumerate()), _children()
    assert left_behind(before, children) == []
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait, name="left-behind")
    thread.start()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        try:
            assert left_behind(before, children, patience_s=0.01) == ["left-behind", str(child.pid)]
        finally:
            go_on.set()
            child.kill()
    thread.join()
    assert left_behind(before, children) == []
