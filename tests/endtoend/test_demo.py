"""The demo: what it counts, and what it says at its end."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("PySide6")

from cxr_desktop.cli import app as desktop
from cxr_desktop.inference.toy import write_toy_bundle
from cxr_shared.findings import Target
from cxr_shared.phantom import write_phantoms
from cxr_trainer.cli import app as trainer

from . import demo

APPS = {"cxr-trainer": trainer, "cxr-desktop": desktop}
BRIGHTNESS = {Target.ANOMALY: (12.0, -8.0), Target.HERNIA: (-12.0, 4.0), Target.PNEUMOTHORAX: (-12.0, 4.0)}
SMALL_RECIPE = Path(__file__).parents[1] / "docs" / "small.toml"


def offered(lines: list[str]) -> list[list[str]]:
    """The commands among the demo's last lines, as words; what is said of one stands further in."""
    return [shlex.split(line) for line in lines if re.match(r"  \S", line)]


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=folder, timeout=600)
    assert done.returncode == 0, f"{words} gave {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def triaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A demo's folder with three unseen films triaged, of which a gate that wants bright films refuses one."""
    folder = tmp_path_factory.mktemp("triaged") / "demo"
    (_, dark) = write_phantoms(folder / "unseen-png", films=2, seed=1, workers=1).images
    with Image.open(dark) as film:
        film.point(lambda grey: grey * 0.1).save(dark)
    write_phantoms(folder / "unseen-dicom", films=1, seed=2, dicom=True, workers=1)
    write_toy_bundle(folder / "demo.cxr", BRIGHTNESS, size=64, darkest=0.1)
    with pytest.MonkeyPatch.context() as patch:
        for name in demo.KEPT:
            patch.setenv(f"CXR_{name}", str(folder / "cache" / name.lower()))
        assert len(demo.triage_unseen(folder, folder / "demo.cxr")) == 3
        yield folder


def test_a_sound_film_that_the_gate_refuses_is_named_with_its_reason(triaged: Path) -> None:
    first, named, last = demo.refusals(triaged)
    assert first == "Sound films refused: 1 of 3"
    assert re.fullmatch(
        r"  unseen-png/\S+_001\.png: This does not look like a frontal chest film as the models know them "
        r"\(distance 0\.\d\d, at most 0\.90\), so it was not scored\.",
        named,
    )
    assert "the bundle's film gate is wrong" in last


def test_the_triage_that_is_offered_next_works_as_it_is_printed(triaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(triaged.parent)
    said = run(offered(demo.what_now(triaged))[0], triaged.parent).stdout
    assert "1 refused · 1 normal" in said
    assert (triaged / "next.html").is_file()


def test_where_no_film_was_refused_the_demo_says_just_that(tmp_path: Path) -> None:
    (tmp_path / "worklist.json").write_text('{"films": [{"file": "a.png", "state": "scored"}]}')
    assert demo.refusals(tmp_path) == ["Sound films refused: 0 of 1"]


def test_what_to_try_next_are_three_commands_and_the_window_as_the_programs_take_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.defpath)
    found = offered(demo.what_now(tmp_path / "my demo"))
    assert [Path(words[0]) for words in found] == [
        Path(sys.executable).parent / name for name in ("cxr-desktop", "cxr-trainer", "cxr-trainer", "cxr-desktop")
    ]
    for script, *words in found:
        APPS[Path(script).name].parse_args(words, print_error=False, exit_on_error=False)
    assert found[0][1:5] == ["triage", "my demo/unseen-png", "--bundle", "my demo/demo.cxr"]


def test_commands_are_typed_as_the_persons_shell_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = tmp_path / ".venv" / "bin"
    environment.mkdir(parents=True)
    for name in ("python", "cxr-desktop", "cxr-trainer"):
        (environment / name).write_text("#!/bin/sh\n")
        (environment / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(environment / "python"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.defpath)
    assert offered(demo.what_now(tmp_path / "demo"))[0][0] == ".venv/bin/cxr-desktop"
    monkeypatch.setenv("PATH", f"{environment}{os.pathsep}{os.defpath}")
    assert offered(demo.what_now(tmp_path / "demo"))[0][0] == "cxr-desktop"


def test_the_pointing_game_counts_films_with_the_finding_that_were_scored_positive() -> None:
    def film(name: str, x: float, *, positive: bool = True) -> dict:
        peak = {target: {"x": x, "y": 15.0} for target in demo.TARGETS}
        scores = {target: {"positive": positive} for target in demo.TARGETS}
        return {"file": f"films/{name}", "state": "scored", "peak": peak, "scores": scores}

    boxes = {
        "inside.png": [("hernia", 10.0, 10.0, 20.0, 20.0)],
        "outside.png": [("hernia", 10.0, 10.0, 20.0, 20.0)],
        "missed.png": [("hernia", 10.0, 10.0, 20.0, 20.0)],
        "refused.png": [("hernia", 10.0, 10.0, 20.0, 20.0)],
        "other.png": [("pneumothorax", 10.0, 10.0, 20.0, 20.0)],
    }
    films = [
        film("inside.png", 20.0),
        film("outside.png", 31.0),
        film("missed.png", 20.0, positive=False),
        film("other.png", 20.0),
        film("normal.png", 20.0),
        {"file": "films/refused.png", "state": "refused"},
    ]
    assert demo.pointing_game(films, "hernia", boxes) == (1, 2)
    assert demo.pointing_game(films, "anomaly", boxes) == (2, 3)


@pytest.mark.slow
@pytest.mark.nightly
def test_the_demo_goes_the_whole_way_and_what_it_offers_next_works(tmp_path: Path) -> None:
    """On few films and a few epochs, so its models reach nothing; `make demo` is what holds them to their figures."""
    words = [sys.executable, demo.__file__, "demo", "--films", "80", "--recipe", str(SMALL_RECIPE), "--no-window"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=1800)
    said = done.stdout
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == (1 if "NOT reached" in said else 0), f"{said}\n{done.stderr}"
    for target in demo.TARGETS:
        assert re.search(rf"{target} +AUC \d\.\d{{3}} ", said)
    assert re.search(r"^Sound films refused: \d+ of 40$", said, re.MULTILINE)
    folder = tmp_path / "demo"
    for name in ("worklist.html", "worklist.json", "window.png", "demo.cxr"):
        assert (folder / name).stat().st_size > 0
    *three, window = offered(said[said.index("What now?") :].splitlines())
    assert len(three) == 3
    assert window[1:] == ["demo/unseen-png", "--bundle", "demo/demo.cxr"]
    for command in three:
        run(command, tmp_path)
    assert (folder / "next.html").is_file()
    assert (folder / "runs" / "report.html").is_file()
