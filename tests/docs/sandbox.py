"""What the pages' commands work on, made once for all workers: phantoms, runs, a bundle and films; and a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from warm.runner import Runner

from cxr_shared.findings import Target
from cxr_shared.phantom import write_phantoms

from .pages import Page

PHANTOMS = 80
SEED = 7
FINDINGS = (Target.HERNIA, Target.PNEUMOTHORAX)
TARGETS = (Target.ANOMALY, Target.HERNIA)
RECIPE = Path(__file__).parent / "small.toml"
FLOAT32 = ("--precisions", "float32")
MATERIAL = ("phantoms", "runs", "chest.cxr", "films")
NO_ONE = "http://127.0.0.1:9"
"""A proxy that answers nothing."""


class Sandbox:
    """Prepared material by the names that pages give in ``<!-- setup: NAME -->``.

    Parameters
    ----------
    root
        Folder of its own.
    runner
        What runs the commands.
    """

    def __init__(self, root: Path, runner: Runner) -> None:
        self._runner = runner
        self.root = root
        self.phantoms, self.runs, self.bundle, self.films = (root / name for name in MATERIAL)

    def make(self) -> None:
        """Make the material."""
        self._write_phantoms()
        self._fit()
        self._call("cxr-export", "onnx", *sorted(self.runs.iterdir()), "--out", self.bundle, *FLOAT32)
        self._write_films()

    def prepare(self, page: Page, folder: Path) -> None:
        """Put what `page` asks for into `folder`."""
        for name in page.setup:
            for material in SETUPS[name](self):
                if not (folder / material.name).exists():
                    _lay(material, folder / material.name)

    def run(self, page: Page, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run the page's blocks in order in one shell; each says its place before it begins."""
        blocks = [f"echo '>>> {block.place}' >&2\n{block.script}" for block in page.blocks if block.runs]
        script = "set -euo pipefail\n" + "\n".join(blocks)
        return self._runner.run("bash", "-c", script, folder=folder, environment=self._environment(folder))

    def _write_phantoms(self) -> None:
        """80 phantoms in NIH's layout, half of them with a hernia or a pneumothorax."""
        write_phantoms(self.phantoms, films=PHANTOMS, seed=SEED, findings=FINDINGS, workers=1)

    def _fit(self) -> None:
        """A finished run of each target, of models that have learnt next to nothing."""
        for target in TARGETS:
            words = ("fit", "--disease", target.slug, "--data", self.phantoms, "--recipe", RECIPE)
            self._call("cxr-trainer", *words, "--out", self.runs)

    def _write_films(self) -> None:
        """Ten more films, half PNG and half DICOM."""
        self.films.mkdir()
        for seed, dicom in ((1001, False), (1002, True)):
            made = self.root / f"made-{seed}"
            for image in write_phantoms(made, films=5, seed=seed, dicom=dicom, findings=FINDINGS, workers=1).images:
                shutil.move(image, self.films / image.name)

    def _call(self, *words: object) -> None:
        done = self._runner.run(*words, folder=self.root, environment=self._environment(self.root))
        assert done.returncode == 0, f"{words} gave {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    def _environment(self, folder: Path) -> dict[str, str]:
        """The tests' environment, with a home, caches and stores of the sandbox and nobody on the network."""
        home = self.root / "home" / folder.name
        home.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CXR_", "XDG_"))}
        inherited = [str(Path(each).resolve()) for each in kept.get("PYTHONPATH", "").split(os.pathsep) if each]
        return {
            **kept,
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
