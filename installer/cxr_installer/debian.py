"""The Debian package: the frozen program in /usr/lib, its place in menus, its kinds of file, its man page."""

from __future__ import annotations

import datetime as dt
import email.utils
import gzip
import os
import platform
import re
import shutil
import textwrap
from pathlib import Path
from typing import Final

from cxr_desktop.children import CONSOLE
from cxr_desktop.pacs.template import TEMPLATE
from cxr_desktop.system_libraries import FONTS, NEEDED, Use
from cxr_installer import icons, manual
from cxr_installer.notices import NAME as NOTICES
from cxr_installer.stamp import ROOT, debian_version, version
from cxr_installer.tools import InstallerError, megabytes, run

PACKAGE: Final = "cxr-desktop"
UNIT: Final = f"{PACKAGE}.service"
_COMPILER: Final = {"libgcc_s.so.1": "libgcc-s1", "libstdc++.so.6": "libstdc++6", "libxcb-glx.so.0": "libxcb-glx0"}
"""What wheels' libraries load that `system_libraries` need not name, since every desktop has it."""

_LIBC: Final = ("ld-linux", "libc.so", "libdl.so", "libm.so", "libpthread.so", "librt.so")
_LINUX: Final = ROOT / "installer" / "linux"
_RENAMED: Final = {"libglib2.0-0": "libglib2.0-0t64 | libglib2.0-0"}
"""Packages that another release names otherwise; the first name is the newer one."""

_MAINTAINER: Final = "The cxr-triage authors <maintainers@cxr-triage.invalid>"
_COPYRIGHT: Final = f"""\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: cxr-triage
Comment: The program holds works of others. Their names, versions, licences and texts are in
 /usr/lib/{PACKAGE}/{NOTICES}.

Files: *
Copyright: The cxr-triage authors
License: Apache-2.0
 On Debian systems the text of this licence is in /usr/share/common-licenses/Apache-2.0.
"""
_CONTROL: Final = """\
Package: {package}
Version: {version}
Section: science
Priority: optional
Architecture: amd64
Installed-Size: {kilobytes}
Depends: {depends}
Maintainer: {maintainer}
Description: {short}
{long}
"""
_LONG: Final = (
    "Opens DICOM, PNG and JPEG films, scores them with a verified bundle of ONNX models, shows exact heat maps and "
    "sorts them by urgency. Research use only: NOT FOR CLINICAL USE. It brings its own Python, and opens no network "
    "connection unless a PACS is named; a service that a person may enable receives films and returns results."
)


def undeclared(collection: Path) -> list[str]:
    """Return the libraries that the program loads, does not bring, and whose packages it does not depend on."""
    libraries = [path for path in collection.rglob("*") if path.is_file() and not path.is_symlink() and _is_elf(path)]
    said = run(["readelf", "--dynamic", *libraries]).out if libraries else ""
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", said))
    declared = {library.soname for use in (Use.X11, Use.WAYLAND) for library in NEEDED[use]} | set(_COMPILER)
    brought = {path.name for path in collection.rglob("*.so*")}
    return sorted(each for each in needed - declared - brought if not each.startswith(_LIBC))


def _is_elf(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


def file_name() -> str:
    """Return the package's file name."""
    return f"{PACKAGE}_{debian_version(version())}_amd64.deb"


def depends() -> list[str]:
    """Return what the package needs: what Qt loads, as `cxr_desktop.system_libraries` names it, and a font."""
    libraries = (*NEEDED[Use.X11], *NEEDED[Use.WAYLAND], FONTS)
    packages = [*_COMPILER.values(), *(library.apt for library in libraries)]
    return [f"libc6 (>= {platform.libc_ver()[1]})", *(_RENAMED.get(each, each) for each in dict.fromkeys(packages))]


def control(*, installed_bytes: float) -> str:
    """Return the package's control file (Debian policy, chapter 5)."""
    long = textwrap.fill(_LONG, width=78, initial_indent=" ", subsequent_indent=" ")
    return _CONTROL.format(
        package=PACKAGE,
        maintainer=_MAINTAINER,
        version=debian_version(version()),
        kilobytes=round(installed_bytes / 1024),
        depends=", ".join(depends()),
        short="triage of chest films, research use only",
        long=long,
    )


def stage(collection: Path, root: Path, *, epoch: int) -> Path:
    """Lay the package's files out below `root`, which is made anew."""
    shutil.rmtree(root, ignore_errors=True)
    home = root / "usr" / "lib" / PACKAGE
    home.parent.mkdir(parents=True)
    shutil.copytree(collection, home, symlinks=True)
    share = root / "usr" / "share"
    _link(root / "usr" / "bin" / CONSOLE, f"../lib/{PACKAGE}/{CONSOLE}")
    _put(_LINUX / "cxr-desktop.desktop", share / "applications" / "cxr-desktop.desktop")
    _put(_LINUX / "cxr-desktop.xml", share / "mime" / "packages" / "cxr-desktop.xml")
    _put(_LINUX / UNIT, root / "usr" / "lib" / "systemd" / "system" / UNIT)
    _put(icons.SVG, share / "icons" / "hicolor" / "scalable" / "apps" / "cxr-desktop.svg")
    icons.write_png(share / "icons")
    _gzip(manual.roff(epoch=epoch), share / "man" / "man1" / "cxr-desktop.1.gz")
    _documents(share / "doc" / PACKAGE, epoch=epoch)
    _control_files(root)
    _permissions(root)
    return root


def build(collection: Path, out: Path, *, epoch: int) -> Path:
    """Make the package in `out` and return it; equal collections give equal bytes.

    Raises
    ------
    InstallerError
        dpkg-deb or readelf is not installed, or refused, or a library is loaded that no dependency brings.
    """
    missing = undeclared(collection)
    if missing:
        raise InstallerError(f"no dependency brings {', '.join(missing)}. Name it in cxr_desktop.system_libraries.")
    root = stage(collection, out / "deb-root", epoch=epoch)
    package = out / file_name()
    pack(root, package, epoch=epoch)
    shutil.rmtree(root)
    return package


def pack(root: Path, package: Path, *, epoch: int) -> None:
    """Run dpkg-deb over laid-out files, every time at most `epoch`."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    for path in [root, *root.rglob("*")]:
        os.utime(path, (epoch, epoch), follow_symlinks=False)
    partial = package.with_suffix(".partial")
    run(["dpkg-deb", "--root-owner-group", "-Zzstd", "-z9", "--build", root, partial], env=environment)
    partial.replace(package)


def _documents(folder: Path, *, epoch: int) -> None:
    folder.mkdir(parents=True)
    (folder / "copyright").write_text(_COPYRIGHT, encoding="utf-8")
    (folder / "examples").mkdir()
    (folder / "examples" / "network.toml").write_text(TEMPLATE, encoding="utf-8")
    _gzip((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), folder / "CHANGELOG.md.gz")
    day = email.utils.format_datetime(dt.datetime.fromtimestamp(epoch, dt.UTC))
    entry = f"{PACKAGE} ({debian_version(version())}) stable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n"
    _gzip(f"{entry} -- {_MAINTAINER}  {day}\n", folder / "changelog.gz")


def _control_files(root: Path) -> None:
    size = megabytes(root) * 1e6
    folder = root / "DEBIAN"
    folder.mkdir()
    (folder / "control").write_text(control(installed_bytes=size), encoding="utf-8")


def _permissions(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            runs = path.is_dir() or (path.stat().st_mode & 0o100 and ".so" not in path.name)
            path.chmod(0o755 if runs else 0o644)


def _link(path: Path, to: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(to)


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())


def _gzip(words: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(words.encode(), compresslevel=9, mtime=0))
