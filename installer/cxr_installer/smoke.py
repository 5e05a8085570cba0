"""The frozen program, run as a person would, with nothing of this system's Python; a word too many fails it."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cxr_desktop.inference.kinds import KINDS
from cxr_installer import material, smoke_service
from cxr_installer.plan import program
from cxr_installer.stamp import version
from cxr_installer.tools import InstallerError, Said, ask

_OK: Final = (
    r"ok  bundle .*: \d+ models, every hash right",
    r"ok  film read in \d+ ms, scored in \d+ ms",
    r"ok  provider \w+: .*",
    r"ok  verdict and reading kept, read back, and vouched for by the audit trail",
    r"ok  window opened, drew and closed",
    r"self-test passed",
)
_LEFT_OUT: Final = material.FILMS - material.DICOM_FILMS
_TRIAGED: Final = (
    r"urgency +film +why",
    r" +\d\.\d\d  \S+\.(dcm|jpg|png) +(all below; nearest )?\w+ \d\.\d\d.*",
    rf"{material.FILMS} (normal|urgent|abnormal|below thresholds|disagreement)",
    r"CPU \(float32, .*\): .+",
    rf"DICOM: {2 * material.DICOM_FILMS} objects about {material.DICOM_FILMS} films, {_LEFT_OUT} films left out\.",
    r"film\.(jpg|png) is no DICOM file, so there is no study to add DICOM objects to; export it as PDF or JSON\.",
    r".*NOT FOR CLINICAL USE\.",
)
_PROVIDERS: Final = (
    r"provider +works +device +why",
    *(rf"{kind.name}( \(when asked for\))? +(yes|no) .*" for kind in KINDS if kind.here),
    r"CPU: .+",
    r"models run as +ms a film .*",
    r"float32, (side by side|in turn|branches|stacked) .*",
)


@dataclass(frozen=True, slots=True)
class Step:
    """A command line of the program and what it may say.

    Attributes
    ----------
    name
        For the log.
    arguments
        After the program's name.
    out
        Regular expressions; every line of standard output must match one of them, and each must be matched once.
    err
        The same for standard error, which is empty as a rule.
    code
        The exit code.
    """

    name: str
    arguments: tuple[str, ...]
    out: tuple[str, ...] = ()
    err: tuple[str, ...] = ()
    code: int = 0
    env: dict[str, str] = field(default_factory=dict)


def steps(bundle: str, films: str, out: str) -> list[Step]:
    """Return what is tried, with paths as the program sees them."""
    reports = [f"--{kind}={out}/worklist.{kind}" for kind in ("json", "csv", "html", "pdf")]
    empty = f"{films}-none"
    triage = ("triage", films, f"--bundle={bundle}", *reports, f"--dicom={out}/dicom")
    written = [rf"wrote {re.escape(out)}/worklist\.{kind}" for kind in ("json", "csv", "html", "pdf")]
    return [
        Step("version", ("--version",), (re.escape(version()),)),
        Step("self-test", ("self-test",), _OK),
        Step("system libraries", ("-m", "cxr_desktop.system_libraries")),
        Step("no interpreter", ("-m", "http.server"), err=(r"[╭│╰].*Unknown option: -m.*|[╭╰]─.*",), code=2),
        Step("providers", ("providers", f"--bundle={bundle}"), _PROVIDERS),
        Step("triage", triage, (*_TRIAGED, *written, rf"wrote {re.escape(out)}/dicom")),
        Step("no network", ("serve", f"--bundle={bundle}"), err=(r"error: The network is off: .*",), code=1),
        Step("no film", ("triage", empty, f"--bundle={bundle}"), err=(r"error: no film was found\. .*",), code=1),
    ]


def judge(step: Step, said: Said) -> None:
    """Compare what the program said with what it may say.

    Raises
    ------
    InstallerError
        Another exit code, an unexpected line, or an expected one that did not come.
    """
    if said.code != step.code:
        raise InstallerError(f"{step.name}: exit code {said.code} instead of {step.code}\n{said.out}{said.err}")
    for lines, allowed, stream in ((said.out, step.out, "output"), (said.err, step.err, "standard error")):
        _judge_lines(lines.splitlines(), allowed, f"{step.name}: {stream}")


def _judge_lines(lines: Iterable[str], allowed: Sequence[str], where: str) -> None:
    told = [line.rstrip() for line in lines if line.strip()]
    for line in told:
        if not any(re.fullmatch(each, line) for each in allowed):
            raise InstallerError(f"{where} holds an unexpected line: {line}")
    for each in allowed:
        if not any(re.fullmatch(each, line) for line in told):
            raise InstallerError(f"{where} lacks a line like {each}")


def check_worklist(path: Path) -> None:
    """Check that every film was scored by every model.

    Raises
    ------
    InstallerError
        One was refused or is missing.
    """
    answer = json.loads(path.read_text(encoding="utf-8"))
    refused = [f"{each['file']}: {each.get('message', '')}" for each in answer["films"] if each["state"] != "scored"]
    if refused or len(answer["films"]) != material.FILMS:
        raise InstallerError(f"{len(answer['films'])} of {material.FILMS} films came back; {'; '.join(refused)}")


def check_silence(home: Path) -> None:
    """Check that no library prepared to report to its maker.

    Raises
    ------
    InstallerError
        It left an identifier or a queue behind.
    """
    found = [str(each) for each in home.rglob("*") if each.suffix == ".ses" or each.name in ("Microsoft", "deviceid")]
    if found:
        raise InstallerError(f"a library keeps {', '.join(found)} to report to its maker")


def plain_environment(home: Path) -> dict[str, str]:
    """Return the environment of a person who has no Python: nothing of ours but a home folder."""
    own = {"HOME": str(home), "TMPDIR": str(home), "QT_QPA_PLATFORM": "offscreen"}
    if sys.platform == "win32":  # it starts no program without the first two
        kept = {name: os.environ[name] for name in ("SYSTEMROOT", "PATH") if name in os.environ}
        return {**own, **kept, "USERPROFILE": str(home), "LOCALAPPDATA": str(home), "TEMP": str(home)}
    return {**own, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def run(collection: Path, *, log: Path) -> list[tuple[str, float]]:
    """Try a collection; return each step and its seconds, and keep all that was said in `log`.

    Raises
    ------
    InstallerError
        Something is not as it should be.
    """
    times, words = [], []
    with tempfile.TemporaryDirectory(prefix="cxr-smoke-") as name:
        folder = Path(name)
        bundle, films = material.write(folder / "in")
        (folder / "out").mkdir()
        for step in steps(str(bundle), str(films), str(folder / "out")):
            start = time.monotonic()
            said = ask([program(collection), *step.arguments], cwd=folder, env=plain_environment(folder), timeout_s=300)
            times.append((step.name, time.monotonic() - start))
            words.append(f"$ cxr-desktop {' '.join(step.arguments)}\n{said.out}{said.err}[{said.code}]\n")
            log.write_text("\n".join(words), encoding="utf-8")
            judge(step, said)
        check_worklist(folder / "out" / "worklist.json")
        seconds = smoke_service.run(
            collection,
            bundle=bundle,
            film=films / "plain.dcm",
            folder=folder / "out",
            environment=plain_environment(folder),
        )
        times.append(("service", seconds))
        check_silence(folder)
    return times
