"""The lock: one version of every package that any extra needs, for installs that can be repeated."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from cxr_installer.environment import LOCK, create, installed
from cxr_installer.stamp import ROOT
from cxr_installer.tools import InstallerError, run
from cxr_shared.files import write_text

_NOT_LOCKED: Final = frozenset({"cxr-triage", "pip"})
_HEAD: Final = """\
# Versions that were tested together; `make lock` renews them. Use them as constraints:
#   pip install -c requirements.lock 'cxr-triage[desktop]'
# onnxruntime and onnxruntime-gpu are held to one version, so that a GPU add-on fits the frozen program.
"""


def renew(work: Path) -> Path:
    """Install the newest of all that every extra needs into a new environment, and write its versions down.

    Parameters
    ----------
    work
        Where that environment is made, and removed again.

    Raises
    ------
    InstallerError
        Something cannot be installed.
    """
    python = create(work / "lock-env")
    run([python, "-m", "pip", "install", "--quiet", f"{ROOT}[dev]"])
    pins = {name: number.partition("+")[0] for name, number in installed(python).items() if name not in _NOT_LOCKED}
    pins["onnxruntime"] = pins["onnxruntime-gpu"]
    shutil.rmtree(work / "lock-env")
    write_text(LOCK, _HEAD + "".join(f"{name}=={pins[name]}\n" for name in sorted(pins)))
    return LOCK


def read(text: str) -> dict[str, str]:
    """Return the version of every package of a lock.

    Raises
    ------
    InstallerError
        A line pins nothing.
    """
    pins = {}
    for line in text.splitlines():
        words = line.partition("#")[0].strip()
        if not words:
            continue
        pin = re.fullmatch(r"([a-z0-9._-]+)==([^\s;+]+)", words)
        if pin is None:
            raise InstallerError(f"{words!r} in the lock pins no version. Run `make lock`.")
        pins[pin[1]] = pin[2]
    return pins
