"""Where received films are kept: by content, whole, within the quota."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxr_desktop.pacs.config import Quotas
from cxr_desktop.pacs.errors import SpoolFull, SpoolNotWritable
from cxr_desktop.pacs.spool import Spool, origin_of
from cxr_shared.files import sha256_bytes

FREE = Quotas(free_gigabytes=0)


def _keep(spool: Spool, data: bytes) -> tuple[Path, bool]:
    with spool.begin() as arriving:
        arriving.write(data)
        return arriving.keep()


@given(parts=st.lists(st.binary(max_size=5000), max_size=20))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_film_is_what_was_written_under_the_name_of_its_content(tmp_path: Path, parts: list[bytes]) -> None:
    spool = Spool(tmp_path / "spool", FREE)
    before = set(spool.films())
    with spool.begin() as arriving:
        for part in parts:
            arriving.write(memoryview(part))
        film, new = arriving.keep()
    data = b"".join(parts)
    assert film.read_bytes() == data
    assert film.stem == sha256_bytes(data)
    assert film.parent == spool.folder / film.stem[:2]
    assert _keep(spool, data) == (film, False)
    assert list(spool.films()).count(film) == 1
    assert new == (film not in before)
    assert not list(spool.incoming.iterdir())


def test_both_ways_in_lead_to_the_same_film(tmp_path: Path) -> None:
    spool = Spool(tmp_path, FREE)
    written = spool.temporary()
    written.write_bytes(b"film")
    film, new = spool.keep(written)
    assert new
    assert not written.exists()
    assert _keep(spool, b"film") == (film, False)
    assert spool.bytes == 4


def test_what_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, Quotas(spool_gigabytes=1e-6, free_gigabytes=0))
    with spool.begin() as arriving:
        arriving.write(b"x" * 900)
    with pytest.raises(SpoolFull), spool.begin() as arriving:
        arriving.write(b"x" * 1001)
    assert not list(spool.incoming.iterdir())
    assert list(spool.films()) == []
    assert spool.bytes == 0
    _keep(spool, bytes(1000))


def test_what_is_arriving_counts_against_the_quota(tmp_path: Path) -> None:
    spool = Spool(tmp_path, Quotas(spool_gigabytes=1e-6, free_gigabytes=0))
    with spool.begin() as one, spool.begin() as two:
        one.write(bytes(600))
        with pytest.raises(SpoolFull):
            two.write(bytes(401))
        two.write(bytes(400))
        assert one.keep()[1]
        with pytest.raises(SpoolFull):
            two.write(bytes(1))
        two.discard()
    assert _keep(spool, b"x" * 400)[1]


def test_many_at_once_stay_within_the_quota(tmp_path: Path) -> None:
    """Sixteen at once, each half the quota long: two at most are kept, and all room comes back."""
    spool = Spool(tmp_path, Quotas(spool_gigabytes=1e-4, free_gigabytes=0))
    start = threading.Barrier(16)
    kept: list[Path] = []
    full: list[int] = []

    def send(number: int) -> None:
        start.wait()
        try:
            with spool.begin() as arriving:
                for _ in range(50):
                    arriving.write(bytes([number]) * 1000)
                kept.append(arriving.keep()[0])
        except SpoolFull:
            full.append(number)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) + len(full) == 16
    assert len(kept) <= 2
    assert spool.bytes == 50_000 * len(kept)
    assert not list(spool.incoming.iterdir())
    for film in kept:
        spool.remove(film)
    assert _keep(spool, bytes(100_000))[1]
    with pytest.raises(SpoolFull, match="spool_gigabytes"):
        _keep(spool, b"x")


def test_a_full_disk_is_said_before_it_is_full(tmp_path: Path) -> None:
    spool = Spool(tmp_path, Quotas(free_gigabytes=1e9))
    with pytest.raises(SpoolFull, match="Free some space"):
        spool.begin()
    assert not list(spool.incoming.iterdir())


def test_a_new_process_finds_the_films_and_removes_what_was_unfinished(tmp_path: Path) -> None:
    before = Spool(tmp_path, FREE)
    film, _ = _keep(before, b"film")
    before.temporary().write_bytes(b"unfinished")
    after = Spool(tmp_path, FREE)
    assert list(after.films()) == [film]
    assert after.bytes == 4
    assert not list(after.incoming.iterdir())
    assert _keep(after, b"film") == (film, False)


@pytest.mark.skipif(os.name == "nt", reason="the system itself keeps an open file from being removed there")
def test_a_second_program_leaves_alone_what_the_first_is_writing(tmp_path: Path) -> None:
    with Spool(tmp_path, FREE).begin() as arriving:
        arriving.write(b"fi")
        second = Spool(tmp_path, FREE)
        arriving.write(b"lm")
        film, new = arriving.keep()
    assert new
    assert film.read_bytes() == b"film"
    assert _keep(second, b"film") == (film, False)


def test_removed_films_make_room_and_can_come_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, FREE)
    film, _ = _keep(spool, b"film")
    spool.remove(film)
    spool.remove(film)
    assert spool.bytes == 0
    assert _keep(spool, b"film") == (film, True)


@pytest.mark.skipif(os.name == "nt", reason="permission bits are POSIX's")
def test_films_are_for_their_owner_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", FREE)
    film, _ = _keep(spool, b"film")
    assert stat.S_IMODE(film.stat().st_mode) == 0o600
    for folder in (spool.folder, spool.incoming, film.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SpoolNotWritable, match="Choose another folder"):
        Spool(tmp_path / "file" / "spool", FREE)
    spool = Spool(tmp_path / "spool", FREE)
    spool.incoming.rmdir()
    with pytest.raises(SpoolNotWritable):
        spool.begin()


@pytest.mark.parametrize("content", [b"", b"\0" * 200, b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM" + b"\xff" * 40])
def test_a_file_that_does_not_say_where_it_came_from_has_no_origin(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "film.dcm").write_bytes(content)
    assert origin_of(tmp_path / "film.dcm") == ""
    assert origin_of(tmp_path / "none.dcm") == ""
