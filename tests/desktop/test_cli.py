"""The command line as a person runs it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

_HEAVY = ("numpy", "cv2", "onnxruntime", "onnx", "PySide6", "pydicom", "pydantic")


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
    films: dict[str, Path], bundle_path: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "films.zip", "w") as archive:
        archive.write(films["dark"], "a/dark.png")
        archive.writestr("inner.zip", b"PK")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    done = _run(
        "triage", tmp_path / "films.zip", tmp_path / "broken.zip", "--provider", "cpu", "--json", tmp_path / "w.json",
        bundle=bundle_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    written = json.loads((tmp_path / "w.json").read_text())["films"]
    assert {Path(film["file"]).name: film["state"] for film in written} == {
        "dark.png": "scored",
        "inner.zip": "refused",
        "broken.zip": "refused",
    }


def test_triage_writes_pdf_and_dicom_and_names_nobody_where_asked(
    films: dict[str, Path], bundle_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("PySide6")
    monkeypatch.setenv("CXR_PSEUDONYM_KEY", str(tmp_path / "key"))
    done = _run(
        "triage", films["dark"], "--provider", "cpu", "--pdf", tmp_path / "w.pdf", "--dicom", tmp_path / "dicom",
        "--json", tmp_path / "w.json", "--deidentified", bundle=bundle_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "w.pdf").read_bytes().startswith(b"%PDF")
    assert "film-0001 is no DICOM file" in done.stdout
    assert "look whether text is burned into" in done.stdout
    assert "dark" not in (tmp_path / "w.json").read_text()


def test_no_bundle_is_one_sentence_that_says_how_to_get_one(films: dict[str, Path]) -> None:
    done = _run("triage", films["dark"])
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cxr-export onnx" in done.stderr


def test_no_film_is_exit_code_1(tmp_path: Path, bundle_path: Path) -> None:
    done = _run("triage", tmp_path, "--bundle", bundle_path, "--provider", "cpu")
    assert done.returncode == 1
    assert "no film was found" in done.stderr


def test_only_refused_films_are_rows_and_exit_code_0(films: dict[str, Path], bundle_path: Path) -> None:
    done = _run("triage", films["broken"], "--bundle", bundle_path, "--provider", "cpu")
    assert done.returncode == 0
    assert "not scored" in done.stdout


def _wait_for_a_decoder(process: subprocess.Popen[str]) -> None:
    """Wait until the command decodes its films, however loaded the machine is."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        lists = Path(f"/proc/{process.pid}/task").glob("*/children")  # a thread lists the children that it started
        with contextlib.suppress(OSError):  # threads and children come and go
            children = [child for each in lists for child in each.read_text().split()]
            if any(b"cxr_desktop.intake.worker" in Path(f"/proc/{each}/cmdline").read_bytes() for each in children):
                return
        time.sleep(0.05)


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
        text=True,
        # A shell lets its background jobs ignore Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  (no lock is held)
    )
    _wait_for_a_decoder(process)
    time.sleep(2)  # a film takes a tenth of that, 400 take twenty times as long
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    document = json.loads(report.read_text())
    assert process.returncode == 130
    assert document["complete"] is False
    assert 0 < len(document["films"]) < 400
    assert "stopped early" in output
    assert "(partial)" in output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['cxr-desktop', '--help']\n"
        "from cxr_desktop.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"assert not [name for name in {_HEAVY!r} if name in sys.modules], sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "triage" in done.stdout


def test_providers_says_which_and_why(bundle_path: Path) -> None:
    done = _run("providers", "--bundle", bundle_path)
    assert done.returncode == 0
    assert re.search(r"^CUDA .*(proved on a test film|no NVIDIA|offers no CUDA)", done.stdout, re.MULTILINE)
    assert re.search(r"^(CPU: CUDA was not used|CUDA: proved)", done.stdout, re.MULTILINE)
    assert re.search(r"^float32, side by side .*\d", done.stdout, re.MULTILINE)
    assert len(re.findall(r" used *$", done.stdout, re.MULTILINE)) == 1


def test_self_test_passes_without_a_bundle() -> None:
    done = _run("self-test", "--no-window")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "self-test passed")
    assert "verdict and reading kept, read back" in done.stdout


def test_bench_ui_prints_figures_beside_their_aims_and_leaves_the_persons_list_alone() -> None:
    done = _run("bench-ui", "--films", "60")
    assert done.returncode == 0, done.stderr
    for what in ("start until the window is painted", "first pixel", "window/level", "60 films opened again", "memory"):
        assert what in done.stdout
    assert "≤ 2,000 ms" in done.stdout
    assert not Path(os.environ["CXR_STORE"]).exists()
    assert not Path(os.environ["CXR_SETTINGS"]).exists()
