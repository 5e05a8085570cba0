"""The command line as a person runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_process import Command, command

from cxr_desktop.bench_ui import start
from cxr_desktop.cli import main


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `cxr-desktop` in this process."""
    monkeypatch.delenv("CXR_BUNDLE", raising=False)
    return command("cxr-desktop", main, monkeypatch, capsys)


def _run(*arguments: object, bundle: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "CXR_BUNDLE"}
    if bundle is not None:
        environment["CXR_BUNDLE"] = str(bundle)
    return subprocess.run(
        [sys.executable, "-m", "cxr_desktop.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        env=environment,
    )


def test_triage_writes_all_reports_and_prints_the_urgent_films(
    films: dict[str, Path], bundle_path: Path, tmp_path: Path
) -> None:
    outputs = [tmp_path / name for name in ("w.json", "w.csv", "w.html")]
    done = _run(
        "triage", films["dark"].parent, tmp_path / "missing.png", "--provider", "cpu",
        "--json", outputs[0], "--csv", outputs[1], "--html", outputs[2],
        bundle=bundle_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert all(path.stat().st_size for path in outputs)
    assert done.stdout.index("dark.png") < done.stdout.index("bright.png") < done.stdout.index("broken.png")
    assert "NOT FOR CLINICAL USE" in done.stdout
    films_written = json.loads(outputs[0].read_text())["films"]
    assert {Path(film["file"]).stem: film["state"] for film in films_written}["missing"] == "refused"


def test_triage_opens_zips_and_names_what_it_could_not_open(
    desktop: Command, films: dict[str, Path], bundle_path: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as archive:
        archive.write(films["dark"], "a/dark.png")
        archive.writestr("inner.zip", b"PK")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    done = desktop(
        "triage", tmp_path / "films.zip", tmp_path / "broken.zip", "--provider", "cpu", "--json", tmp_path / "w.json",
        "--bundle", bundle_path,
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    written = json.loads((tmp_path / "w.json").read_text())["films"]
    assert {Path(film["file"]).name: film["state"] for film in written} == {
        "dark.png": "scored",
        "inner.zip": "refused",
        "broken.zip": "refused",
    }


def test_triage_writes_pdf_and_dicom_and_names_nobody_where_asked(
    desktop: Command,
    qapp: Any,
    films: dict[str, Path],
    bundle_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CXR_PSEUDONYM_KEY", str(tmp_path / "key"))
    done = desktop(
        "triage", films["dark"], "--provider", "cpu", "--pdf", tmp_path / "w.pdf", "--dicom", tmp_path / "dicom",
        "--json", tmp_path / "w.json", "--deidentified", "--bundle", bundle_path,
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "w.pdf").read_bytes().startswith(b"%PDF")
    assert "film-0001 is no DICOM file" in done.out
    assert "look whether text is burned into" in done.out
    assert "dark" not in (tmp_path / "w.json").read_text()


def test_no_bundle_is_one_sentence_that_says_how_to_get_one(desktop: Command, films: dict[str, Path]) -> None:
    done = desktop("triage", films["dark"])
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "cxr-export onnx" in done.err


def test_no_film_is_exit_code_1(desktop: Command, tmp_path: Path, bundle_path: Path) -> None:
    done = desktop("triage", tmp_path, "--bundle", bundle_path, "--provider", "cpu")
    assert done.code == 1
    assert "no film was found" in done.err


def test_only_refused_films_are_rows_and_exit_code_0(
    desktop: Command, films: dict[str, Path], bundle_path: Path
) -> None:
    done = desktop("triage", films["broken"], "--bundle", bundle_path, "--provider", "cpu")
    assert done.code == 0
    assert "not scored" in done.out


def _wait_for_films(process: subprocess.Popen[str], of: int) -> None:
    """Read the bar that the command draws until some films are done."""
    assert process.stderr is not None
    drawn = ""
    while not re.search(rf"[1-9]\d*/{of}\b", drawn):
        drawn += (read := process.stderr.read(1))
        assert read, drawn


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent otherwise on Windows")
def test_ctrl_c_writes_what_was_done_and_says_so(
    tmp_path: Path, bundle_path: Path, write_film: Callable[..., Path]
) -> None:
    (tmp_path / "films").mkdir()
    one = write_film(tmp_path / "films" / "0.png", grey=40, shape=(2400, 2400))
    for index in range(1, 400):
        (tmp_path / "films" / f"{index}.png").hardlink_to(one)
    report = tmp_path / "w.json"
    command = [sys.executable, "-m", "cxr_desktop.cli", "triage", *sorted((tmp_path / "films").iterdir())]
    command += ["--bundle", bundle_path, "--provider", "cpu", "--json", report]
    process = subprocess.Popen(
        [*map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FORCE_COLOR": "1", "TERM": "xterm"},  # so that it draws its bar
        # A shell lets its background jobs ignore Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  (no lock is held)
    )
    _wait_for_films(process, of=400)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    document = json.loads(report.read_text())
    assert process.returncode == 130
    assert document["complete"] is False
    assert 0 < len(document["films"]) < 400
    assert "stopped early" in output
    assert "(partial)" in output


def test_providers_says_which_and_why(bundle_path: Path) -> None:
    done = _run("providers", "--bundle", bundle_path)
    assert done.returncode == 0
    assert re.search(r"^CUDA .*(proved on a test film|no NVIDIA|offers no CUDA)", done.stdout, re.MULTILINE)
    assert re.search(r"^(CPU: CUDA was not used|CUDA: proved)", done.stdout, re.MULTILINE)
    assert re.search(r"^float32, side by side .*\d", done.stdout, re.MULTILINE)
    assert len(re.findall(r" used *$", done.stdout, re.MULTILINE)) == 1


@pytest.mark.slow
def test_bench_ui_prints_figures_beside_their_aims_and_leaves_the_persons_list_alone(
    desktop: Command, qapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one start of the window in place of five, and five of them nightly."""
    monkeypatch.setattr(start, "_STARTS", 1)
    done = desktop("bench-ui", "--films", "60")
    assert done.code == 0, done.err
    _check_bench(done.out)


@pytest.mark.nightly
@pytest.mark.slow
def test_bench_ui_as_a_person_runs_it() -> None:
    done = _run("bench-ui", "--films", "60")
    assert done.returncode == 0, done.stderr
    _check_bench(done.stdout)


def _check_bench(printed: str) -> None:
    for what in ("start until the window is painted", "first pixel", "window/level", "60 films opened again", "memory"):
        assert what in printed
    assert "≤ 2,000 ms" in printed
    assert not Path(os.environ["CXR_STORE"]).exists()
    assert not Path(os.environ["CXR_SETTINGS"]).exists()
