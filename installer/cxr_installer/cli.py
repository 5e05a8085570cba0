"""`python -m cxr_installer`: each package by itself, or all of them with their proofs."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from cxr_installer.stamp import ROOT
from cxr_installer.tools import InstallerError

app = App(name="cxr_installer", help="Build and prove what people download.", help_format="plaintext")

Out = Annotated[Path, Parameter(help="Where packages and logs go.")]
DIST = ROOT / "dist"
WORK = ROOT / "build" / "installer"


@app.command(name="all")
def everything(*, demo_bundle: Path | None = None, clean_root: bool = True, extras: bool = True) -> int:
    """Build and try all that this machine can.

    Parameters
    ----------
    demo_bundle
        A bundle to bring along with the program.
    clean_root
        Whether to install the Debian package in a clean Debian too; needs root, debootstrap and a mirror.
    extras
        Whether to install the wheel with each extra too.
    """
    from cxr_installer import assemble

    start = time.monotonic()
    for part in assemble.everything(DIST, WORK, demo_bundle=demo_bundle, clean=clean_root, extras=extras):
        print(part, flush=True)
    print(f"all in {time.monotonic() - start:.0f} s")
    return 0


@app.command
def freeze(*, demo_bundle: Path | None = None) -> int:
    """Freeze the program and try it; it lies in build/installer/cxr-desktop."""
    from cxr_installer import assemble

    print(assemble.frozen(DIST, WORK, demo_bundle=demo_bundle))
    return 0


@app.command
def linux() -> int:
    """Pack what was frozen as a Debian package and a tarball."""
    from cxr_installer import assemble

    print(assemble.packed(DIST, WORK))
    return 0


@app.command
def prove() -> int:
    """Install, use and remove the Debian package in a clean Debian; needs root."""
    from cxr_installer import assemble

    print(assemble.proved(DIST, WORK))
    return 0


@app.command
def windows(collection: Path) -> int:
    """Compile the Windows installer over a folder that was frozen on Windows."""
    from cxr_installer import windows as nsis

    print(nsis.build(collection, DIST))
    return 0


@app.command
def gpu(*, libraries: bool = True) -> int:
    """Make the GPU add-on for what was frozen.

    Parameters
    ----------
    libraries
        Whether NVIDIA's libraries go in.
    """
    from cxr_installer import assemble

    print(assemble.gpu_addon(DIST, WORK, libraries=libraries))
    return 0


@app.command
def wheels() -> int:
    """Build sdist and wheel and look into them."""
    from cxr_installer import wheels as packages

    for path in packages.build(DIST):
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
    return 0


@app.command
def lock() -> int:
    """Install the newest of all packages and write their versions to requirements.lock."""
    from cxr_installer import lock as locking

    print(locking.renew(WORK))
    return 0


def main() -> int:
    """Run the command line; a failed build is one sentence and exit code 1."""
    try:
        result = app()
    except InstallerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return result if isinstance(result, int) else 0
