"""What the pages' commands work on, made once: phantoms, runs, a bundle and films; and a shell to run them in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from cxr_shared.findings import Target
from cxr_shared.phantom import write_phantoms

from .pages import Page

PHANTOMS = 80
SEED = 7
FINDINGS = (Target.HERNIA, Target.PNEUMOTHORAX)
TARGETS = (Target.ANOMALY, *FINDINGS)
RECIPE = Path(__file__).parent / "small.toml"
TIMEOUT_S = 900
NO_ONE = "http://127.0.0.1:9"
"""A proxy that answers nothing."""


class Sandbox:
    """Prepared material by the names that pages give in ``<!-- setup: NAME -->``.

    Parameters
    ----------
    root
        Folder of its own.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def phantoms(self) -> Path:
        """80 phantoms in NIH's layout, half of them with a hernia or a pneumothorax."""
        write_phantoms(self.root / "phantoms", films=PHANTOMS, seed=SEED, findings=FINDINGS, workers=1)
        return self.root / "phantoms"

    @cached_property
    def runs(self) -> Path:
        """A finished run of each target, of models that have learnt next to nothing."""
        for target in TARGETS:
            words = ("fit", "--disease", target.slug, "--data", self.phantoms, "--recipe", RECIPE)
            self._call("cxr-trainer", *words, "--out", self.root / "runs")
        return self.root / "runs"

    @cached_property
    def bundle(self) -> Path:
        """Their bundle."""
        runs = sorted(self.runs.iterdir())
        self._call("cxr-export", "onnx", *runs, "--out", self.root / "chest.cxr", "--precisions", "float32")
        return self.root / "chest.cxr"

    @cached_property
    def films(self) -> Path:
        """Ten more films, half PNG and half DICOM."""
        folder = self.root / "films"
        folder.mkdir()
        for seed, dicom in ((1001, False), (1002, True)):
            made = write_phantoms(
                self.root / f"made-{seed}", films=5, seed=seed, dicom=dicom, findings=FINDINGS, workers=1
            )
            for image in made.images:
                shutil.move(image, folder / image.name)
        return folder

    def prepare(self, page: Page, folder: Path) -> None:
        """Put what `page` asks for into `folder`."""
        for name in page.setup:
            for material in SETUPS[name](self):
                if not (folder / material.name).exists():
                    _lay(material, folder / material.name)

    def run(self, page: Page, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run the page's blocks in order in one shell; each says its place before it begins."""
        blocks = [f"echo '>>> {block.place}' >&2\n{block.script}" for block in page.blocks if block.runs]
        return self._shell("set -euo pipefail\n" + "\n".join(blocks), folder)

    def _call(self, *words: object) -> None:
        done = subprocess.run(
            [*_without_network(), *map(str, words)],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.root,
            env=self._environment(self.root),
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, f"{words} gave {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    def _shell(self, script: str, folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*_without_network(), "bash", "-c", script],
            check=False,
            capture_output=True,
            text=True,
            cwd=folder,
            env=self._environment(folder),
            timeout=TIMEOUT_S,
        )

    def _environment(self, folder: Path) -> dict[str, str]:
        """The tests' environment, with a home, caches and stores of the sandbox and nobody on the network."""
        home = self.root / "home" / folder.name
        home.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CXR_", "XDG_"))}
        inherited = [str(Path(each).resolve()) for each in kept.get("PYTHONPATH", "").split(os.pathsep) if each]
        return {
            **kept,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]]),
            "PYTHONPATH": os.pathsep.join(inherited),
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "CXR_CACHE": str(self.root / "cache"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "QT_QPA_PLATFORM": "offscreen",
            **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NO_ONE),
        }


SETUPS: dict[str, Callable[[Sandbox], tuple[Path, ...]]] = {
    "phantoms": lambda sandbox: (sandbox.phantoms,),
    "runs": lambda sandbox: (sandbox.phantoms, sandbox.runs),
    "bundle": lambda sandbox: (sandbox.phantoms, sandbox.runs, sandbox.bundle, sandbox.films),
}
"""What each name in ``<!-- setup: NAME -->`` puts into a page's folder."""


def _lay(source: Path, target: Path) -> None:
    """Copy; films are linked, since nothing writes into one."""
    if source.is_dir():
        films = source.name in ("phantoms", "films")
        shutil.copytree(source, target, copy_function=os.link if films else shutil.copy2)
    else:
        shutil.copy2(source, target)


def _without_network() -> list[str]:
    """Words before a command that leave it this machine's own address alone, where this system lets a test do that."""
    if shutil.which("unshare") and subprocess.run(["unshare", "-rn", "true"], check=False).returncode == 0:
        return ["unshare", "-rn", sys.executable, str(Path(__file__).with_name("loopback.py"))]
    return []
