"""The proofs themselves: what they accept, and that they fail on a word too many."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from cxr_installer import clean_root, lock, material, smoke, wheels
from cxr_installer.stamp import ROOT
from cxr_installer.tools import InstallerError, Said, ask, run

_STEP = smoke.Step("try", (), (r"ok \d+", "done"))


def test_expected_words_pass_whatever_their_order_and_number() -> None:
    smoke.judge(_STEP, Said(0, "ok 1\nok 2\n\ndone\n", ""))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Said(0, "ok 1\ndone\nWarning: something\n", ""), "unexpected line: Warning: something"),
        (Said(0, "ok 1\ndone\n", "libEGL warning\n"), "standard error holds an unexpected line"),
        (Said(0, "ok 1\n", ""), "lacks a line like done"),
        (Said(1, "ok 1\ndone\n", ""), "exit code 1 instead of 0"),
    ],
)
def test_anything_else_fails(said: Said, words: str) -> None:
    with pytest.raises(InstallerError, match=words):
        smoke.judge(_STEP, said)


def test_no_step_accepts_everything() -> None:
    for step in smoke.steps("b.cxr", "films", "out"):
        strange = Said(step.code, "Traceback (most recent call last):\n", "")
        with pytest.raises(InstallerError):
            smoke.judge(step, strange)


def test_a_refused_film_fails(tmp_path: Path) -> None:
    films = [{"file": f"{number}.dcm", "state": "scored"} for number in range(material.FILMS)]
    path = tmp_path / "worklist.json"
    path.write_text(json.dumps({"films": films}))
    smoke.check_worklist(path)
    films[3] |= {"state": "refused", "message": "no codec"}
    path.write_text(json.dumps({"films": films}))
    with pytest.raises(InstallerError, match=r"3\.dcm: no codec"):
        smoke.check_worklist(path)
    path.write_text(json.dumps({"films": films[:3]}))
    with pytest.raises(InstallerError, match="3 of 8 films"):
        smoke.check_worklist(path)


def test_the_material_has_one_film_for_each_way_of_storing_it(tmp_path: Path) -> None:
    bundle, films = material.write(tmp_path)
    assert bundle.stat().st_size
    assert len(list(films.iterdir())) == material.FILMS


def test_the_lock_pins_every_package_that_an_extra_names() -> None:
    import re
    import tomllib

    pins = lock.read(lock.LOCK.read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    names = {re.split(r"[\[<>=!;~ ]", each)[0].lower().replace("_", "-") for each in named} - {"cxr-triage"}
    assert names <= set(pins), names - set(pins)
    assert pins["onnxruntime"] == pins["onnxruntime-gpu"]


@pytest.mark.parametrize("line", ["torch>=2.0", "torch @ file:///wheels/torch.whl", "-e ."])
def test_a_lock_that_pins_nothing_is_refused(line: str) -> None:
    with pytest.raises(InstallerError, match="pins no version"):
        lock.read(f"numpy==2.0\n{line}\n")


_WHEEL = [
    *(f"{package}/py.typed" for package in wheels.PACKAGES),
    *wheels._ASSETS,
    "cxr_triage-0.1.0.dist-info/licenses/LICENSE",
    "cxr_triage-0.1.0.dist-info/METADATA",
]


def test_a_wheel_is_whole_and_holds_nothing_else() -> None:
    wheels.check(_WHEEL, what="x.whl")
    for missing in _WHEEL[:-1]:
        with pytest.raises(InstallerError, match="lacks"):
            wheels.check([each for each in _WHEEL if each != missing], what="x.whl")
    with pytest.raises(InstallerError, match=r"tests/conftest\.py"):
        wheels.check([*_WHEEL, "tests/conftest.py"], what="x.whl")


def test_the_assets_are_in_the_checkout() -> None:
    folders = {package: ROOT / package.removeprefix("cxr_") for package in wheels.PACKAGES}
    for asset in (*wheels._ASSETS, *(f"{package}/py.typed" for package in wheels.PACKAGES)):
        assert (folders[asset.split("/")[0]] / asset).is_file(), asset


def test_a_program_that_fails_or_is_missing_is_named() -> None:
    with pytest.raises(InstallerError, match="cxr-none is not installed"):
        run(["cxr-none"])
    with pytest.raises(InstallerError, match="ended with 3"):
        run(["sh", "-c", "exit 3"])
    assert ask(["sh", "-c", "echo a; echo b >&2; exit 3"]) == Said(3, "a\n", "b\n")
    with pytest.raises(InstallerError, match="longer than"):
        ask(["sleep", "5"], timeout_s=0.1)


class Clock:
    """A clock that only sleeping moves, and what happens at every tenth of a second."""

    def __init__(self, happens: Callable[[int], object]) -> None:
        self._happens, self.tenths = happens, 0

    def monotonic(self) -> float:
        return self.tenths / 10

    def sleep(self, seconds: float) -> None:
        for _ in range(round(10 * seconds)):
            self.tenths += 1
            self._happens(self.tenths)


def test_a_store_that_grows_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "worklist.sqlite"
    clock = Clock(lambda tenths: path.write_bytes(bytes(min(tenths // 20, 5))))
    monkeypatch.setattr(clean_root, "time", clock)
    clean_root.wait_until_settled(path, quiet_s=3.0, patience_s=120)
    assert path.stat().st_size == 5
    assert clock.monotonic() == pytest.approx(10 + 3, abs=0.2), "it grew until 10 s"


@pytest.mark.parametrize("grow", [lambda path, tenths: None, lambda path, tenths: path.write_bytes(bytes(tenths))])
def test_a_store_that_is_not_there_or_grows_on_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grow: Callable[[Path, int], object]
) -> None:
    path = tmp_path / "worklist.sqlite"
    monkeypatch.setattr(clean_root, "time", Clock(lambda tenths: grow(path, tenths)))
    with pytest.raises(InstallerError, match="was not done with its films within 120 s"):
        clean_root.wait_until_settled(path, patience_s=120)


@pytest.mark.waiting
@pytest.mark.slow
def test_the_service_is_tried_with_a_film_that_comes_back_as_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pynetdicom")
    from cxr_installer import smoke_service

    program = Path(sys.executable).with_name("cxr-desktop")
    monkeypatch.setattr("cxr_installer.smoke_service.program", lambda _: program)
    bundle, films = material.write(tmp_path / "in")
    (tmp_path / "out").mkdir()
    seconds = smoke_service.run(
        tmp_path, bundle=bundle, film=films / "plain.dcm", folder=tmp_path / "out",
        environment=smoke.plain_environment(tmp_path),
    )  # fmt: skip
    assert seconds > 0
    report, other = pydicom.Dataset(), pydicom.Dataset()
    report.StudyInstanceUID = pydicom.dcmread(films / "plain.dcm").StudyInstanceUID
    other.StudyInstanceUID = "1.2.3"
    said = (tmp_path / "out" / "service.log").read_text("utf-8")
    smoke_service._check(report, films / "plain.dcm", said, 0)
    for found, words, code in ((other, said, 0), (report, said, 1), (report, f"{said}Traceback", 0)):
        with pytest.raises(InstallerError):
            smoke_service._check(found, films / "plain.dcm", words, code)
