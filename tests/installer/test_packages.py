"""Packages made of a small stand-in for the frozen program: their contents, and that they can be made again."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from PIL import Image
from programs import needed

from cxr_installer import archive, debian, freeze, icons, manual, windows
from cxr_installer.notices import Notice, of_packages, of_python, text
from cxr_installer.plan import CONSOLE
from cxr_installer.stamp import ROOT, version
from cxr_installer.tools import InstallerError
from cxr_shared.files import sha256_file

EPOCH = 1_700_000_000


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    folder = tmp_path / CONSOLE
    (folder / "_internal" / "onnxruntime").mkdir(parents=True)
    program = folder / CONSOLE
    program.write_text("#!/bin/sh\necho hello\n")
    program.chmod(0o755)
    (folder / "NOTICES.txt").write_text("whose work this is\n")
    (folder / "LICENSE.txt").write_text("Apache\n")
    (folder / "_internal" / "libreal.so.1").write_bytes(b"not really")
    (folder / "_internal" / "libreal.so").symlink_to("libreal.so.1")
    return folder


def test_the_debian_package_holds_the_program_and_its_place_in_the_desktop(collection: Path, tmp_path: Path) -> None:
    needed("dpkg-deb", package="dpkg")
    package = debian.build(collection, tmp_path, epoch=EPOCH)
    listed = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True).stdout
    for name in (
        "usr/bin/cxr-desktop -> ../lib/cxr-desktop/cxr-desktop",
        "usr/lib/cxr-desktop/_internal/libreal.so -> libreal.so.1",
        "usr/share/applications/cxr-desktop.desktop",
        "usr/share/mime/packages/cxr-desktop.xml",
        "usr/share/icons/hicolor/48x48/apps/cxr-desktop.png",
        "usr/share/man/man1/cxr-desktop.1.gz",
        "usr/share/doc/cxr-desktop/copyright",
    ):
        assert f"./{name}" in listed
    assert {line.split()[1] for line in listed.splitlines()} == {"root/root"}
    said = subprocess.run(["dpkg-deb", "--field", package], capture_output=True, text=True, check=True).stdout
    assert f"Version: {version()}" in said
    assert "libxcb-cursor0" in said
    assert "python" not in said.lower().replace("own python", "")


def test_the_same_program_gives_the_same_package(collection: Path, tmp_path: Path) -> None:
    needed("dpkg-deb", package="dpkg")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = debian.build(collection, tmp_path / "a", epoch=EPOCH)
    again = debian.build(collection, tmp_path / "b", epoch=EPOCH)
    assert sha256_file(first) == sha256_file(again)


def test_a_tarball_is_the_same_wherever_its_folder_lay(collection: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    shutil.copytree(collection, other, symlinks=True)
    first = archive.tarball(collection, tmp_path / "a.tar.gz", root="cxr", epoch=EPOCH)
    again = archive.tarball(other, tmp_path / "b.tar.gz", root="cxr", epoch=EPOCH)
    assert sha256_file(first) == sha256_file(again)
    with tarfile.open(first) as packed:
        members = {each.name: each for each in packed}
    assert members[f"cxr/{CONSOLE}"].mode == 0o755
    assert members["cxr/_internal/libreal.so"].linkname == "libreal.so.1"
    assert {(each.uid, each.mtime) for each in members.values()} == {(0, EPOCH)}


def test_links_to_nowhere_go_and_tables_lose_their_spaces(collection: Path) -> None:
    (collection / "_internal" / "libQt6Network.so.6").symlink_to("PySide6/Qt/lib/libQt6Network.so.6")
    table = collection / "_internal" / "module_attribute_map.json"
    table.write_text('{"a": [1, 2],\n "b": "é"}', encoding="utf-8")
    freeze.finish(collection)
    assert not (collection / "_internal" / "libQt6Network.so.6").is_symlink()
    assert (collection / "_internal" / "libreal.so").is_symlink()
    assert table.read_text(encoding="utf-8") == '{"a":[1,2],"b":"é"}'


def test_a_program_with_torch_in_it_is_no_release(collection: Path) -> None:
    (collection / "_internal" / "torch").mkdir()
    with pytest.raises(InstallerError, match="torch"):
        freeze.finish(collection)


def test_the_man_page_names_every_command() -> None:
    page = manual.roff(epoch=EPOCH)
    for word in ("triage", "providers", "self\\-test", "\\-\\-bundle", "FILES"):
        assert word in page
    assert manual.roff(epoch=EPOCH) == page
    assert "2023-11-14" in page


def test_the_man_page_is_good_troff(tmp_path: Path) -> None:
    man = needed("man", package="man-db")
    path = tmp_path / "cxr-desktop.1"
    path.write_text(manual.roff(epoch=EPOCH), encoding="utf-8")
    command = [man, "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""


def test_the_icon_is_drawn_at_every_size(tmp_path: Path) -> None:
    paths = icons.write_png(tmp_path)
    assert [Image.open(path).size for path in paths] == [(side, side) for side in icons.SIZES]
    shades = Image.open(paths[-1]).convert("L").getextrema()
    assert shades[0] < 40
    assert shades[1] > 140
    assert {(16, 16), (256, 256)} <= set(Image.open(icons.write_ico(tmp_path / "x.ico")).info["sizes"])


def test_the_menu_entry_is_valid() -> None:
    needed("desktop-file-validate", package="desktop-file-utils")
    entry = debian.ROOT / "installer" / "linux" / "cxr-desktop.desktop"
    done = subprocess.run(["desktop-file-validate", entry], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_notices_name_everyone_and_a_work_without_a_text_stops_the_build() -> None:
    both = text([Notice("a", "1", "MIT", texts=("Permission",)), Notice("b", "2", "", texts=("words",))])
    assert "a 1: MIT" in both
    assert "b 2: see below" in both
    assert "Permission" in both
    for texts in ((), ("",), ("  \n",)):
        with pytest.raises(InstallerError, match="wordless"):
            text([Notice("wordless", "1", "MIT", texts=texts)])


def test_every_work_of_this_environment_has_a_licence_text() -> None:
    """The window's packages, as the installers freeze them; build tools of this environment may have none."""
    names = {"pyside6-essentials", "shiboken6", "flatbuffers", "pyjpegls", "numpy", "onnx", "pydicom", "highdicom"}
    found = {each.name.lower().replace("_", "-"): each for each in of_packages(Path(sys.executable))}
    assert names <= set(found)
    for name in names:
        assert "".join(found[name].texts).strip(), name
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in "".join(found["pyside6-essentials"].texts)
    (python,) = of_python(Path(sys.executable))
    assert "PYTHON SOFTWARE FOUNDATION" in "".join(python.texts).upper()


def test_the_windows_script_compiles_without_a_warning(collection: Path, tmp_path: Path) -> None:
    needed("makensis", package="nsis")
    for name in ("cxr-desktop.exe", "cxr-desktopw.exe"):
        (collection / name).write_bytes(b"MZ")
    setup = windows.build(collection, tmp_path)
    assert setup.read_bytes()[:2] == b"MZ"
    assert version().encode("utf-16-le") in setup.read_bytes()


def test_the_windows_script_is_told_of_version_and_size(collection: Path, tmp_path: Path) -> None:
    told = windows.definitions(collection, tmp_path / "setup.exe", tmp_path / "x.ico", text="1.2.3rc1")
    assert (told["VERSION"], told["VERSION4"]) == ("1.2.3rc1", "1.2.3.0")


def test_no_windows_installer_is_made_of_a_linux_program(collection: Path, tmp_path: Path) -> None:
    with pytest.raises(InstallerError, match="Freeze it on Windows"):
        windows.build(collection, tmp_path)


def test_a_library_that_no_dependency_brings_stops_the_package(collection: Path, tmp_path: Path) -> None:
    needed("readelf", package="binutils")
    needed("gcc", package="gcc")
    for library in ("libbrought.so.1", "libmissing.so.1"):
        source = ["-x", "c", "-", f"-Wl,-soname,{library}", "-o", str(tmp_path / library)]
        subprocess.run(["gcc", "-shared", "-fPIC", *source], input=b"int x;", check=True)
    needs = ["-Wl,--no-as-needed", str(tmp_path / "libbrought.so.1"), str(tmp_path / "libmissing.so.1")]
    program = collection / "_internal" / "module.so"
    subprocess.run(["gcc", "-shared", "-fPIC", *needs, "-x", "c", "-", "-o", program], input=b"int y;", check=True)
    shutil.copy(tmp_path / "libbrought.so.1", collection / "_internal")
    (collection / "_internal" / "libreal.so.1").unlink()
    (collection / "_internal" / "libreal.so").unlink()
    assert debian.undeclared(collection) == ["libmissing.so.1"]
    with pytest.raises(InstallerError, match=r"libmissing\.so\.1"):
        debian.build(collection, tmp_path, epoch=EPOCH)


def test_the_debian_package_brings_the_service_and_enables_nothing(collection: Path, tmp_path: Path) -> None:
    needed("dpkg-deb", package="dpkg")
    package = debian.build(collection, tmp_path, epoch=EPOCH)
    listed = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True).stdout
    assert "./usr/lib/systemd/system/cxr-desktop.service" in listed
    assert "./usr/share/doc/cxr-desktop/examples/network.toml" in listed
    assert ".wants/" not in listed
    scripts = subprocess.run(["dpkg-deb", "--ctrl-tarfile", package], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(scripts)) as control:
        assert {Path(name).name for name in control.getnames()} <= {"", ".", "control", "md5sums"}


def test_systemd_takes_the_service_and_finds_it_well_locked_up(tmp_path: Path) -> None:
    needed("systemd-analyze", package="systemd")
    unit = tmp_path / debian.UNIT
    words = (ROOT / "installer" / "linux" / debian.UNIT).read_text("utf-8")
    unit.write_text(words.replace("/usr/bin/cxr-desktop", sys.executable))  # the program is not installed here
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit]
    locked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert locked.returncode == 0, locked.stdout[-400:] + locked.stderr
