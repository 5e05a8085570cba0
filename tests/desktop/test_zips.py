"""ZIPs: honest, damaged and hostile."""

from __future__ import annotations

import os
import stat
import struct
import sys
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_desktop.intake import containers, unpacked, zip_plan
from cxr_desktop.intake.explain import reason_for
from cxr_desktop.intake.files import find_films
from cxr_desktop.intake.pool import MakePool
from cxr_desktop.intake.prepared import NotRead, Prepared
from cxr_desktop.intake.zip_plan import Member, Plan, read_plan, safe_place
from cxr_shared.bundle import InputSpec

WriteFilm = Callable[..., Path]


def _zip(path: Path, members: dict[str, bytes], *, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _patched(path: Path, old: bytes, new: bytes) -> Path:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


def _flagged(path: Path, flag: int, *, members: Iterable[int]) -> Path:
    """Set a flag of members in the directory, as an encrypting program would."""
    content = bytearray(path.read_bytes())
    places = [at for at in range(len(content)) if content[at : at + 4] == b"PK\x01\x02"]
    for number in members:
        content[places[number] + 8] |= flag
    path.write_bytes(bytes(content))
    return path


def test_films_in_a_zip_become_private_files_in_natural_order(tmp_path: Path, own_unpacked: Path) -> None:
    names = ["b/2.dcm", "film-10.png", "film-9.png", "notes.txt", "__MACOSX/._film-9.png", ".DS_Store", "b/IM01"]
    archive = _zip(tmp_path / "disc.zip", {name: name.encode() for name in names}, method=zipfile.ZIP_DEFLATED)
    found = list(find_films([archive]))
    (folder,) = (path for path in own_unpacked.iterdir() if path.is_dir())
    assert [path.relative_to(folder).as_posix() for path in found] == ["film-9.png", "film-10.png", "b/2.dcm", "b/IM01"]
    assert [path.read_bytes() for path in found] == [b"film-9.png", b"film-10.png", b"b/2.dcm", b"b/IM01"]
    if os.name != "nt":
        assert {stat.S_IMODE(path.stat().st_mode) for path in (own_unpacked, folder)} == {0o700}


def test_a_zip_in_a_folder_is_opened_among_the_other_films(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    _zip(tmp_path / "b.ZIP", {"inside.png": b"y"})
    (tmp_path / "c.png").write_bytes(b"z")
    assert [path.name for path in find_films([tmp_path])] == ["a.png", "inside.png", "c.png"]


def test_what_was_unpacked_is_taken_as_it_is(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {"1.png": b"first", "2.png": b"second"})
    first, second = find_films([archive])
    before = first.stat().st_mtime_ns
    second.unlink()
    assert list(find_films([archive])) == [first, second]
    assert first.stat().st_mtime_ns == before
    assert second.read_bytes() == b"second"


def test_unpacking_can_be_stopped_and_leaves_nothing_half_written(tmp_path: Path, own_unpacked: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {f"{number}.png": os.urandom(3 * 2**20) for number in range(3)})
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > 12

    found = list(find_films([archive], stopped=stopped))
    assert 0 < len(found) < 3
    assert sorted(path for path in own_unpacked.rglob("*.png")) == sorted(found)
    assert not list(own_unpacked.rglob("*.part"))
    assert len(list(find_films([archive]))) == 3


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", os.urandom(1000)])
def test_a_zip_that_cannot_be_opened_is_a_row_with_its_reason(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "broken.zip"
    archive.write_bytes(content)
    assert list(find_films([archive])) == [archive]
    assert reason_for(archive) == (
        "This ZIP is damaged or incomplete. Copy it again, or unpack it and open the folder."
    )


def test_a_zip_without_films_and_an_encrypted_one_say_so(tmp_path: Path) -> None:
    empty = _zip(tmp_path / "empty.zip", {"notes.txt": b"x"})
    locked = _flagged(_zip(tmp_path / "locked.zip", {"a.png": b"x", "b.png": b"y"}), 1, members=[0, 1])
    assert list(find_films([empty, locked])) == [empty, locked]
    assert "No film" in str(reason_for(empty))
    assert "encrypted" in str(reason_for(locked))


def test_damaged_encrypted_and_nested_members_cost_themselves(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {"1.png": b"good", "2.png": b"damaged!", "3.png": b"secret", "4.zip": b"PK"})
    _flagged(_patched(archive, b"damaged!", b"damage!!"), 1, members=[2])
    good, *others = find_films([archive])
    assert good.read_bytes() == b"good"
    assert others == [archive / "2.png", archive / "3.png", archive / "4.zip"]
    reasons = [str(reason_for(path)) for path in others]
    assert ["damaged" in reasons[0], "encrypted" in reasons[1], "ZIP within a ZIP" in reasons[2]] == [True] * 3


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    (row,) = find_films([tmp_path / "a.zip"])
    assert row == tmp_path / "a.zip" / "link.png"
    assert "link" in str(reason_for(row))


@pytest.mark.parametrize(
    "name", ["../../evil.png", "/evil.png", "..\\..\\evil.png", "C:\\evil.png", "a/../../evil.png"]
)
def test_a_name_that_leads_outside_is_refused(tmp_path: Path, own_unpacked: Path, name: str) -> None:
    archive = _zip(tmp_path / "a.zip", {name: b"x", "good.png": b"y"})
    found = list(find_films([archive]))
    (row,) = (path for path in found if archive in path.parents)
    assert ".." not in row.parts
    assert "leads out of the folder" in str(reason_for(row))
    assert [path.name for path in own_unpacked.rglob("*.png")] == ["good.png"]
    assert not list(tmp_path.rglob("evil.png"))


def test_a_bomb_is_not_unpacked(tmp_path: Path, own_unpacked: Path) -> None:
    archive = _zip(tmp_path / "bomb.zip", {"bomb.dcm": bytes(64 * 2**20), "a.png": b"x"}, method=zipfile.ZIP_DEFLATED)
    found = list(find_films([archive]))
    assert [path.name for path in found] == ["a.png", "bomb.dcm"]
    assert "as no film can be" in str(reason_for(archive / "bomb.dcm"))
    assert [path.name for path in own_unpacked.rglob("*.*") if path.is_file()].count("bomb.dcm") == 0


def test_members_that_share_their_data_are_refused(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "a.zip", {"1.png": b"x" * 50, "2.png": b"x" * 50, "3.png": b"z" * 50})
    content = bytearray(archive.read_bytes())
    second = [at for at in range(len(content)) if content[at : at + 4] == b"PK\x01\x02"][1]
    content[second + 42 : second + 46] = struct.pack("<I", 0)  # its data is the first one's
    archive.write_bytes(bytes(content))
    plan = read_plan(archive)
    assert [bool(member.refusal) for member in plan.members] == [True, True, False]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_whose_memory_has_no_bound_are_refused(tmp_path: Path, method: int) -> None:
    archive = _zip(tmp_path / "a.zip", {"a.png": b"x" * 100}, method=method)
    (row,) = find_films([archive])
    assert "compressed by a method" in str(reason_for(row))


def test_too_many_files_and_too_many_bytes_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = _zip(tmp_path / "a.zip", {f"{number}.png": bytes(10) for number in range(8)})
    monkeypatch.setattr(zip_plan, "MAX_MEMBERS", 5)
    many = list(find_films([archive]))
    monkeypatch.setattr(zip_plan, "MAX_UNPACKED_BYTES", 35)
    reason_for.__globals__["_plan"].cache_clear()
    large = list(find_films([archive]))
    assert [path.name for path in many] == ["0.png", "1.png", "2.png", "3.png", "4.png", "a.zip"]
    assert [path.name for path in large] == ["0.png", "1.png", "2.png", "a.zip"]
    assert "Only the first 3 of the 8" in str(reason_for(archive))


def test_a_directory_that_claims_to_be_long_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = _zip(tmp_path / "a.zip", {f"{number}.png": b"" for number in range(100)})
    monkeypatch.setattr(zip_plan, "_MAX_DIRECTORY_BYTES", 1000)
    assert "damaged" in read_plan(archive).trouble


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = _zip(tmp_path / "a.zip", {"a.png": b"x"})
    monkeypatch.setattr(unpacked, "_FREE_BYTES", 2**62)
    assert list(find_films([archive])) == [archive]
    assert "Free some space" in str(reason_for(archive))


def test_old_folders_are_removed_but_none_that_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (_zip(tmp_path / f"{name}.zip", {"a.png": name * 100}) for name in "123")
    (old,) = find_films([first])
    unpacked.release()
    (used,) = find_films([second])
    monkeypatch.setattr(unpacked, "MAX_KEPT_BYTES", 150)
    (new,) = find_films([third])
    assert [path.exists() for path in (old, used, new)] == [False, True, True]


@pytest.mark.skipif(os.name == "nt", reason="another lock there")
def test_a_folder_that_another_program_uses_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    archive = _zip(tmp_path / "a.zip", {"a.png": b"x" * 100})
    code = (
        "import sys; from pathlib import Path; from cxr_desktop.intake.files import find_films\n"
        "print(*find_films([Path(sys.argv[1])]), flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, archive], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    theirs = Path(other.stdout.readline().strip())
    monkeypatch.setattr(unpacked, "MAX_KEPT_BYTES", 1)
    list(find_films([_zip(tmp_path / "b.zip", {"a.png": b"y" * 100})]))
    assert theirs.exists()
    other.communicate("")
    list(find_films([_zip(tmp_path / "c.zip", {"a.png": b"z" * 100})]))
    assert not theirs.exists()


def test_films_of_a_zip_are_decoded_and_its_troubles_are_rows(
    tmp_path: Path, write_film: WriteFilm, warm_pools: MakePool
) -> None:
    film = write_film(tmp_path / "film.png", grey=90)
    archive = _zip(tmp_path / "a.zip", {"film.png": film.read_bytes(), "inner.zip": b"PK\x05\x06"})
    paths = [*find_films([archive]), *find_films([_zip(tmp_path / "b.zip", {"read.me": b"x", "b.txt": b""})])]
    (tmp_path / "c.zip").write_bytes(b"PK\x03\x04")
    pool = warm_pools(workers=1)
    results = [each for ready in pool.prepare([*paths, tmp_path / "c.zip"], InputSpec(size=64)) for each in ready]
    by_name = {each.source.name: each for each in results}
    assert isinstance(by_name["film.png"], Prepared)
    words = {name: each.message for name, each in by_name.items() if isinstance(each, NotRead)}
    assert "ZIP within a ZIP" in words["inner.zip"]
    assert "This ZIP is damaged" in words["c.zip"]
    assert "no image" in words["read.me"]


NAMES = st.text(
    st.one_of(st.sampled_from("./\\:~ \0aA9é\u0301\ud7ff"), st.characters(exclude_categories=("Cs",))),
    min_size=1,
    max_size=60,
)
NASTY = st.lists(
    st.sampled_from(["..", ".", "", "C:", "con", "NUL.dcm", "a", "A", "a.png", "x" * 300, "é" * 90, " ", "...", "~"]),
    min_size=1,
    max_size=12,
).flatmap(lambda parts: st.sampled_from(["/", "\\"]).map(lambda sign: sign.join(parts)))


@given(st.one_of(NAMES, NASTY))
def test_a_place_never_leaves_its_folder(name: str) -> None:
    place, honest = safe_place(name)
    assert place.parts
    assert not place.is_absolute()
    for part in place.parts:
        assert part not in {"", ".", ".."}
        assert not part.startswith(".")
        assert not part.endswith((".", " "))
        assert not set(part) & set('/\\:\0<>"|?*')
        assert len(part.encode()) <= 100
        assert part.partition(".")[0].lower() not in {"con", "nul"}
    folder = os.path.realpath("/somewhere/unpacked")
    assert os.path.normpath(os.path.join(folder, *place.parts)).startswith(folder + os.sep)  # noqa: PTH118
    assert honest == (
        not name.startswith(("/", "\\"))
        and ".." not in name.replace("\\", "/").split("/")
        and not (len(name) > 1 and name[1] == ":" and name[0].isascii() and name[0].isalpha())
    )


@given(st.lists(st.one_of(NAMES, NASTY), max_size=12))
def test_no_two_members_share_a_place(names: list[str]) -> None:
    infos = [zipfile.ZipInfo() for _ in names]
    for info, name in zip(infos, names, strict=True):
        info.filename = name
    places = [str(place).casefold() for _, place, _ in zip_plan._placed(infos)]
    assert len(set(places)) == len(places)
    above = {str(parent).casefold() for place in places for parent in PurePosixPath(place).parents}
    assert not above & set(places)
    assert all(len(place) < 900 for place in places)


def test_a_member_that_is_gone_is_said(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    plan = Plan((Member(zipfile.ZipInfo("a.png"), PurePosixPath("a.png")),))
    assert "no longer" in containers.why_not(archive / "b.png", plan, archive)
