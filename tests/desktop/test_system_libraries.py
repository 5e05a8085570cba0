from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from programs import needed

from cxr_desktop import system_libraries
from cxr_desktop.system_libraries import FONTS, NEEDED, Use, find_missing, has_fonts, qt_use, require, sentence
from cxr_shared.errors import SystemLibraryMissing

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux needs these")


@linux
def test_a_missing_library_is_named_with_its_package() -> None:
    missing = find_missing(Use.X11, loads=lambda soname: soname != "libxcb-cursor.so.0", has_fonts=lambda: True)
    words = sentence(missing)
    assert "libxcb-cursor.so.0" in words
    assert "sudo apt-get install -y libxcb-cursor0 " in words
    assert "sudo dnf install xcb-util-cursor" in words


@linux
def test_a_package_is_named_once() -> None:
    words = sentence(find_missing(Use.OPENCV, loads=lambda _: False))
    assert words.count("libglib2.0-0") == 1


@linux
def test_missing_fonts_matter_for_pictures_but_not_for_triage() -> None:
    assert find_missing(Use.OFFSCREEN, loads=lambda _: True, has_fonts=lambda: False) == (FONTS,)
    assert find_missing(Use.OPENCV, loads=lambda _: True, has_fonts=lambda: False) == ()


@linux
def test_pictures_without_a_display_need_no_xcb() -> None:
    assert not [each for each in NEEDED[Use.OFFSCREEN] if "xcb" in each.soname]
    assert set(NEEDED[Use.OFFSCREEN]) < set(NEEDED[Use.X11])


@linux
def test_require_raises_the_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_libraries, "find_missing", lambda _: (FONTS,))
    with pytest.raises(SystemLibraryMissing, match="fonts-dejavu-core"):
        require(Use.OFFSCREEN)


@pytest.mark.parametrize(
    ("environment", "use"),
    [
        ({"QT_QPA_PLATFORM": "offscreen"}, Use.OFFSCREEN),
        ({"QT_QPA_PLATFORM": "minimal:x=1"}, Use.OFFSCREEN),
        ({"QT_QPA_PLATFORM": "xcb", "WAYLAND_DISPLAY": "wayland-0"}, Use.X11),
        ({"WAYLAND_DISPLAY": "wayland-0"}, Use.WAYLAND),
        ({"DISPLAY": ":0"}, Use.X11),
        ({}, Use.X11),
    ],
)
def test_the_platform_decides_what_is_needed(environment: dict[str, str], use: Use) -> None:
    assert qt_use(environment) is use


def test_fonts_are_found_below_a_folder(tmp_path: Path) -> None:
    assert not has_fonts([str(tmp_path)])
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.TTF").write_text("")
    assert has_fonts([str(tmp_path)])


@linux
def test_the_lists_hold_all_that_the_installed_wheels_load() -> None:
    """Every library that PySide6's and OpenCV's files need and no wheel brings is in the lists."""
    root = Path(pytest.importorskip("PySide6").__file__).parent
    brought = {path.name for path in root.rglob("*.so*")}
    everywhere = re.compile(r"lib(stdc\+\+|m|gcc_s|c|z|pthread|dl|rt)\.so\.\d|ld-linux.*")
    core = ["libQt6Core.so.6", "libQt6Gui.so.6", "libQt6DBus.so.6"]
    for use, plugin in {Use.OFFSCREEN: ["libqoffscreen.so"], Use.X11: ["libqxcb.so", "libQt6XcbQpa.so.6"]}.items():
        wanted = {name for file in [*core, *plugin] for name in _needed_by(root, file)}
        listed = {library.soname for library in NEEDED[use]}
        assert {name for name in wanted - brought - listed if not everywhere.fullmatch(name)} == set()


def _needed_by(root: Path, name: str) -> set[str]:
    file = next(root.rglob(name))
    readelf = needed("readelf", package="binutils")
    output = subprocess.run([readelf, "-d", str(file)], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"NEEDED.*\[(.+?)\]", output))
