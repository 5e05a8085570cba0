"""The order in which packages are made and proved, and the table that says how it went."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from cxr_desktop.children import CONSOLE
from cxr_installer import archive, clean_root, debian, environment, freeze, gpu, smoke, wheels
from cxr_installer.plan import program
from cxr_installer.stamp import ROOT, version
from cxr_installer.tools import InstallerError, megabytes, present, run, source_date_epoch
from cxr_shared.files import sha256_file

_T = TypeVar("_T")


def everything(dist: Path, work: Path, *, demo_bundle: Path | None, clean: bool, extras: bool) -> Iterator[str]:
    """Do all of it, and say after each part what was made, how large it is and how long it took."""
    yield built_wheels(dist, work, extras=extras)
    yield frozen(dist, work, demo_bundle=demo_bundle, built=True)
    yield packed(dist, work)
    yield proved(dist, work) if clean else "clean root: left out, as asked"


def built_wheels(dist: Path, work: Path, *, extras: bool) -> str:
    """Build sdist and wheel, and try every extra."""
    (sdist, wheel), seconds = _timed(lambda: wheels.build(dist))
    lines = [_line(sdist, seconds), _line(wheel, seconds)]
    for extra in wheels.EXTRAS if extras else ():
        commands, seconds = _timed(lambda extra=extra: wheels.try_extra(wheel, extra, _new(work / "extra")))  # type: ignore[misc]
        lines.append(f"  [{extra}] installed and run ({', '.join(commands)}): {seconds:.0f} s")
    return "\n".join(lines)


def frozen(dist: Path, work: Path, *, demo_bundle: Path | None = None, built: bool = False) -> str:
    """Freeze the program from a wheel of what the checkout holds now, and try it; `built` where that was just made."""
    wheel = dist / f"cxr_triage-{version()}-py3-none-any.whl"
    if not built:
        wheels.build(dist)
    python, made_s = _timed(lambda: environment.make(work / "env", wheel))
    collection, froze_s = _timed(lambda: freeze.freeze(python, work, demo_bundle=demo_bundle))
    if freeze.reported_version(collection) != version():
        raise InstallerError(f"the program says version {freeze.reported_version(collection)} instead of {version()}")
    steps = smoke.run(collection, log=dist / "smoke.log")
    lines = [f"{collection}: {megabytes(collection):.0f} MB, environment {made_s:.0f} s, frozen {froze_s:.0f} s"]
    lines += [f"  {name}: {seconds:.1f} s" for name, seconds in steps]
    return "\n".join(lines)


def packed(dist: Path, work: Path) -> str:
    """Pack the frozen program as a Debian package, twice the same, and as a tarball."""
    collection, epoch = _collection(work), source_date_epoch(ROOT)
    package, deb_s = _timed(lambda: debian.build(collection, dist, epoch=epoch))
    name = f"{CONSOLE}-{version()}-linux-x86_64"
    target = dist / f"{name}.tar.gz"
    tarball, tar_s = _timed(lambda: archive.tarball(collection, target, root=name, epoch=epoch))
    lines = [_line(package, deb_s), _line(tarball, tar_s)]
    if present("lintian"):
        lines.append(_lint(package))
    unpacked = _new(work / "unpacked")
    run(["tar", "xzf", tarball, "-C", unpacked])
    smoke.run(unpacked / name, log=dist / "smoke-tarball.log")
    lines.append("  unpacked elsewhere and tried")
    shutil.rmtree(unpacked)
    return "\n".join(lines)


def _lint(package: Path) -> str:
    """Let lintian look at the package; what a bundled program cannot help is left out, anything else is an error."""
    # Wheels' own libraries; and Debian 12's lintian knows no zstd, which dpkg has had since 2022.
    helpless = (
        "custom-library-search-path,embedded-library,library-not-linked-against-libc,malformed-deb-archive,"
        "unstripped-binary-or-object"
    )
    said = run(["lintian", "--allow-root", "--fail-on", "error", "--suppress-tags", helpless, package])
    return f"  lintian: no error, {len(said.out.splitlines())} remarks"


def proved(dist: Path, work: Path) -> str:
    """Prove the Debian package in a clean Debian, or say why that was not possible."""
    reason = clean_root.possible()
    if reason:
        return f"clean root: not tried, {reason}"
    root = work / "clean-root"
    clean_root.prepare(root)
    package = dist / debian.file_name()
    if not package.is_file():
        raise InstallerError(f"{dist} holds no Debian package. Run `python -m cxr_installer linux` first.")
    steps = clean_root.run_all(package, root, log=dist / "clean-root.log", picture=dist / "clean-root.png")
    return "\n".join(["clean root:", *(f"  {name}: {seconds:.1f} s" for name, seconds in steps)])


def gpu_addon(dist: Path, work: Path, *, libraries: bool) -> str:
    """Make the GPU add-on (Linux only), see that the frozen program takes it, and pack it."""
    folder, size = gpu.build(work / "env" / "bin" / "python", _new(work / "addon"), libraries=libraries)
    environment = {**smoke.plain_environment(work), "CXR_GPU": str(folder)}
    said = run([program(_collection(work)), "providers"], env=environment)
    if "GPU add-on is not installed" in said.out or "the GPU add-on in" in said.out:
        raise InstallerError(f"the program does not take the add-on in {folder}:\n{said.out}")
    tarball, seconds = _timed(lambda: gpu.pack(folder, dist))
    return f"{folder}: {size:.0f} MB\n{said.out}\n{_line(tarball, seconds)}"


def _collection(work: Path) -> Path:
    collection = work / CONSOLE
    if not program(collection).is_file():
        raise InstallerError(f"{collection} holds no program. Run `python -m cxr_installer freeze` first.")
    return collection


def _line(path: Path, seconds: float) -> str:
    return f"{path}: {path.stat().st_size / 1e6:.1f} MB, {seconds:.0f} s, sha256 {sha256_file(path)}"


def _new(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _timed(work: Callable[[], _T]) -> tuple[_T, float]:
    start = time.monotonic()
    return work(), time.monotonic() - start
