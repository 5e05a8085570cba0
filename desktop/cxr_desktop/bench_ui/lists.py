"""A long worklist: adding, scrolling, sorting, searching, verdicts that arrive, and opening it again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt

from cxr_desktop.bench_ui.figures import FRAME_MS, STALL_MS, Figure, percentile
from cxr_desktop.bench_ui.loop import Heart, timed, turn, turn_until
from cxr_desktop.bench_ui.material import scored, write_small_files
from cxr_desktop.inference.lanes import Lane
from cxr_desktop.inference.verdict import Verdict
from cxr_desktop.store import Store, default_store_path
from cxr_desktop.ui.desk import Desk
from cxr_desktop.ui.mailbox import Mailbox
from cxr_desktop.ui.window import MainWindow
from cxr_desktop.worklist.order import Column

_ARRIVING: Final = 1000
_SAVED_AT_ONCE: Final = 500
_REOPENED_MS: Final = 2000.0
_BUNDLE: Final = "b" * 64


def long_list(folder: Path, films: int) -> Iterator[Figure]:
    """Measure a list of so many films."""
    files = write_small_files(folder, films)
    window = _opened()
    try:
        yield _added(window, folder, films)
        yield _arriving(window, list(scored(files[-_ARRIVING:], bundle_sha256=_BUNDLE, seed=1)))
        store = Store(default_store_path().with_name("long.sqlite"))
        _fill(store, files)
    finally:
        _close(window)
    start = time.perf_counter()
    window = MainWindow(Desk(store=store))
    window.show()
    try:
        yield from _reopened(window, films, start)
        yield from _used(window, films)
    finally:
        _close(window)


def _added(window: MainWindow, folder: Path, films: int) -> Figure:
    with Heart() as heart:
        window.open_paths([folder])
        turn_until(lambda: window.table.films.rowCount() == films, "the films")
        turn()
    return Figure(f"{films:,} films dropped at once, longest stall", heart.longest_ms, aim=STALL_MS)


def _arriving(window: MainWindow, verdicts: Sequence[Verdict]) -> Figure:
    """Post verdicts as fast as they are taken, from another thread, as scoring does."""
    mailbox, sheet = Mailbox(), window.desk.sheet
    waiting = sheet.count(Lane.WAITING) - len(verdicts)

    def post() -> None:
        for verdict in verdicts:
            mailbox.post(lambda verdict=verdict: window.desk.judged.emit(verdict))  # type: ignore[misc]
            time.sleep(0.001)

    thread = threading.Thread(target=post, name="cxr-bench")
    with Heart() as heart:
        thread.start()
        turn_until(lambda: sheet.count(Lane.WAITING) == waiting, "the verdicts")
        end = time.monotonic() + 0.5  # the list is sorted a moment later
        turn_until(lambda: time.monotonic() > end, "the list")
    thread.join()
    return Figure(f"{len(verdicts):,} verdicts arriving, longest stall", heart.longest_ms, aim=STALL_MS)


def _fill(store: Store, files: Sequence[Path]) -> None:
    store.add_films(files, at=time.time())
    verdicts = list(scored(files, bundle_sha256=_BUNDLE))
    for start in range(0, len(verdicts), _SAVED_AT_ONCE):
        store.save_verdicts(verdicts[start : start + _SAVED_AT_ONCE])


def _reopened(window: MainWindow, films: int, start: float) -> Iterator[Figure]:
    with Heart() as heart:
        window.desk.remember(_BUNDLE)
        turn_until(lambda: window.table.films.rowCount() == films, "the list")
        turn()
        taken = (time.perf_counter() - start) * 1e3
        turn_until(lambda: window.table.films.searchable, "what a search needs")
    yield Figure(f"list of {films:,} films opened again", taken, aim=_REOPENED_MS)
    yield Figure("the same, longest stall", heart.longest_ms, aim=STALL_MS)


def _used(window: MainWindow, films: int) -> Iterator[Figure]:
    table, lanes = window.table, window.list.lanes
    turn()
    yield Figure(f"a page of {films:,} rows scrolled, 95 %", percentile(_scroll(window), 0.95), aim=FRAME_MS)
    orders = [timed(partial(table.sortByColumn, column, Qt.SortOrder.AscendingOrder)) for column in Column]
    yield Figure("sorted by a column, slowest", max(orders), aim=STALL_MS)
    table.sortByColumn(Column.LANE, Qt.SortOrder.AscendingOrder)
    filters = [timed(partial(lanes.choose, lane)) for lane in (Lane.ABNORMAL, None, Lane.NORMAL, None)]
    yield Figure("lane chosen, slowest", max(filters), aim=STALL_MS)
    typed = [timed(partial(lanes.search.setText, "pneumothorax b0001"[:end])) for end in range(1, 19)]
    yield Figure("searched, slowest key", max([*typed, timed(lanes.search.clear)]), aim=STALL_MS)


def _scroll(window: MainWindow) -> list[float]:
    """Scroll down by pages to the end, and time each with its painting, in ms."""
    bar, view = window.table.verticalScrollBar(), window.table.viewport()
    times: list[float] = []
    while bar.value() < bar.maximum() and len(times) < 300:
        start = time.perf_counter()
        bar.setValue(bar.value() + bar.pageStep())
        view.repaint()
        times.append((time.perf_counter() - start) * 1e3)
    return times or [0.0]


def _opened() -> MainWindow:
    window = MainWindow(Desk())
    window.show()
    turn()
    return window


def _close(window: MainWindow) -> None:
    window.close()
    turn()
