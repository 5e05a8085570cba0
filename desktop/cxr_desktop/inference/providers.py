"""Which provider runs the models: CUDA if a child process proves it, else the CPU, and why."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cxr_desktop.inference import runtime
from cxr_desktop.inference.engine import Engine
from cxr_shared.bundle import Bundle
from cxr_shared.errors import CxrError

PROBE_TIMEOUT_S: Final = 120.0
_POLL_S: Final = 0.2
GPU_TOLERANCE_FACTOR: Final = 10.0
"""CUDA adds in another order than the CPU: how many times the manifest's tolerance it may differ."""


class Wanted(StrEnum):
    """What a person asked for."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class ProviderRefusedError(CxrError):
    """The provider that was asked for does not work here."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider and why it was chosen.

    Attributes
    ----------
    name
        ``"CPU"`` or ``"CUDA"``.
    ort
        onnxruntime's name of it.
    reason
        A phrase for a badge.
    best
        False where a better one was looked for and did not work.
    """

    name: str
    ort: str
    reason: str
    best: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """What the child process reported: logits by target slug and seconds, or why it failed."""

    logits: Mapping[str, float]
    seconds: float
    failure: str = ""


def reference_film(size: int) -> npt.NDArray[np.uint8]:
    """Make the film that both providers score: (1, size, size) uint8, two dark fields on a grey ground."""
    rows, columns = np.mgrid[0:size, 0:size] / max(1, size - 1)
    film: npt.NDArray[np.float64] = 150 + 40 * np.sin(9 * rows) * np.cos(7 * columns)
    for centre in (0.3, 0.7):
        film -= 110 * np.exp(-(((columns - centre) / 0.13) ** 2) - ((rows - 0.5) / 0.28) ** 2)
    return np.asarray(np.clip(np.rint(film), 0, 255), np.uint8)[None]


def choose_provider(
    bundle: Bundle,
    wanted: Wanted = Wanted.AUTO,
    *,
    timeout_s: float = PROBE_TIMEOUT_S,
    prove: Callable[[Bundle, float], Proof] | None = None,
    offered: tuple[str, ...] | None = None,
) -> Provider:
    """Choose the provider for a bundle.

    Parameters
    ----------
    bundle
        A verified bundle.
    wanted
        `AUTO` falls back to the CPU and says why; `CUDA` refuses to.
    timeout_s
        Longest time for the proof, in seconds.
    prove
        Runs the proof; by default `prove_cuda`.
    offered
        Names of onnxruntime's providers; by default what the installed one offers.

    Raises
    ------
    ProviderRefusedError
        CUDA was asked for and does not work here; the message says why.
    """
    if wanted is Wanted.CPU:
        return Provider("CPU", runtime.CPU, "as asked", best=True)
    names = tuple(runtime.onnxruntime().get_available_providers()) if offered is None else offered
    failure, praise = _judge_cuda(bundle, names, timeout_s, prove or prove_cuda)
    if not failure:
        return Provider("CUDA", runtime.CUDA, praise, best=True)
    if wanted is Wanted.CUDA:
        raise ProviderRefusedError(
            f"CUDA cannot be used: {failure}. Run with --provider cpu, or repair it and try again."
        )
    return Provider("CPU", runtime.CPU, f"CUDA was not used: {failure}", best=False)


def prove_cuda(
    bundle: Bundle, timeout_s: float = PROBE_TIMEOUT_S, *, stopped: Callable[[], bool] = lambda: False
) -> Proof:
    """Score the test film with CUDA in a child process, which may crash or hang without harm."""
    command = [sys.executable, "-m", "cxr_desktop.inference.probe", str(bundle.path), bundle.sha256]
    start = time.monotonic()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    ) as child:
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    output, _ = child.communicate(timeout=min(_POLL_S, timeout_s))
                    return read_proof(output, child.returncode, seconds=time.monotonic() - start)
                if stopped():
                    return Proof({}, 0.0, "the test was stopped")
                if time.monotonic() - start > timeout_s:
                    return Proof({}, timeout_s, f"the test took longer than {timeout_s:g} s")
        finally:
            child.kill()


def read_proof(output: bytes, exit_code: int, *, seconds: float) -> Proof:
    """Read what the child printed; its last line is JSON unless it crashed."""
    lines = output.decode(errors="replace").strip().splitlines()
    try:
        answer: dict[str, Any] = json.loads(lines[-1])
        if "failure" in answer:
            return Proof({}, seconds, str(answer["failure"]))
        return Proof({str(slug): float(logit) for slug, logit in answer["logits"].items()}, seconds)
    except (IndexError, ValueError, KeyError, TypeError, AttributeError):
        how = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
        return Proof({}, seconds, f"the test process ended without an answer ({how})")


def _judge_cuda(
    bundle: Bundle, offered: tuple[str, ...], timeout_s: float, prove: Callable[[Bundle, float], Proof]
) -> tuple[str, str]:
    """Why CUDA must not be used, or what speaks for it."""
    if runtime.CUDA not in offered:
        return "onnxruntime offers no CUDA provider (pip install onnxruntime-gpu)", ""
    proof = prove(bundle, timeout_s)
    if proof.failure:
        return proof.failure, ""
    return _compare(bundle, proof)


def _compare(bundle: Bundle, proof: Proof) -> tuple[str, str]:
    reference = Engine(bundle).score(reference_film(bundle.manifest.input.size))
    largest = 0.0
    for entry in bundle.manifest.models:
        logit = proof.logits.get(entry.target.slug)
        if logit is None:
            return f"it gave no score for {entry.target.slug}", ""
        difference = abs(logit - float(reference[entry.target].logits[0]))
        allowed = GPU_TOLERANCE_FACTOR * entry.reference.tolerance.logit
        if not difference <= allowed:
            return (
                f"its {entry.target.slug} logit is {difference:.2g} off the CPU's (at most {allowed:.2g})",
                "",
            )
        largest = max(largest, difference)
    return (
        "",
        f"proved on a test film in {proof.seconds:.1f} s; its logits are within {largest:.1g} of the CPU's",
    )
