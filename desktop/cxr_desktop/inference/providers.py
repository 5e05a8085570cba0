"""Which provider runs the models: the best that a child process proves, else the CPU, and why."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cxr_desktop import children
from cxr_desktop.inference import addon, runtime
from cxr_desktop.inference.devices import driver_missing, processor_name
from cxr_desktop.inference.engine import Engine
from cxr_desktop.inference.kinds import CPU, KINDS, Kind, Wanted, kind_wanted
from cxr_desktop.inference.plan import default_plan
from cxr_desktop.inference.reference import REFERENCE_PLAN, disagreement, logits_of, reference_film
from cxr_shared.bundle import Bundle
from cxr_shared.errors import CxrError

_POLL_S: Final = 0.2
_ASKED: Final = "as asked"


class ProviderRefusedError(CxrError):
    """The provider that was asked for does not work here."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A provider that is not used, and why, in a phrase."""

    kind: Kind
    reason: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider and why it was chosen.

    Attributes
    ----------
    kind
        Which one.
    reason
        A phrase for a badge.
    best
        False where a better one was looked for and did not work.
    device
        What it runs on, such as the card's name.
    rejected
        The better ones that were looked for.
    """

    kind: Kind
    reason: str
    best: bool = True
    device: str = ""
    rejected: tuple[Rejection, ...] = ()

    @property
    def name(self) -> str:
        """Its name for people."""
        return self.kind.name


@dataclass(frozen=True, slots=True)
class Proof:
    """What the child process reported, or why it failed.

    Attributes
    ----------
    logits
        Of the reference film, by target slug.
    seconds
        How long it took, start of the process included.
    failure
        Why it failed, or nothing.
    device
        What it ran on.
    """

    logits: Mapping[str, float]
    seconds: float
    failure: str = ""
    device: str = ""


Prove = Callable[[Bundle, Kind, float], Proof]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether one provider can be used.

    Attributes
    ----------
    kind
        Which one.
    usable
        Whether it can.
    reason
        Why not, or what speaks for it, in a phrase.
    device
        What it runs on; empty where it does not.
    """

    kind: Kind
    usable: bool
    reason: str
    device: str = ""


def choose_provider(
    bundle: Bundle,
    wanted: Wanted = Wanted.AUTO,
    *,
    timeout_s: float | None = None,
    prove: Prove | None = None,
    offered: tuple[str, ...] | None = None,
) -> Provider:
    """Choose the provider for a bundle.

    Parameters
    ----------
    bundle
        A verified bundle.
    wanted
        `AUTO` tries those of this system that need not be asked for, and falls back to the CPU; any other is used or
        refused.
    timeout_s
        Longest time for one proof, in seconds; by default as long as that provider may take.
    prove
        Runs a proof; by default `prove_in_child`.
    offered
        Names of onnxruntime's providers; by default what the installed one offers.

    Raises
    ------
    ProviderRefusedError
        The one that was asked for does not work here; the message says why.
    """
    if wanted is Wanted.CPU:
        return Provider(CPU, _ASKED, device=processor_name())
    if wanted is not Wanted.AUTO:
        found = judge(bundle, kind_wanted(wanted), timeout_s=timeout_s, prove=prove, offered=offered)
        if found.usable:
            return Provider(found.kind, found.reason, device=found.device)
        raise ProviderRefusedError(
            f"{found.kind.name} cannot be used: {found.reason}. Run with --provider cpu, or repair it and try again."
        )
    judged = []
    for found in judge_all(bundle, timeout_s=timeout_s, prove=prove, offered=offered):
        judged.append(found)
        if found.usable:
            break
    return best_of(judged)


def best_of(judged: Iterable[Judgement]) -> Provider:
    """Return the first that can be used without being asked for; the CPU is always among those of `judge_all`."""
    tried = [each for each in judged if not each.kind.asked_for_only]
    found = next(each for each in tried if each.usable)
    rejected = tuple(Rejection(each.kind, each.reason) for each in tried[: tried.index(found)])
    return Provider(found.kind, found.reason, best=not rejected, device=found.device, rejected=rejected)


def judge_all(
    bundle: Bundle,
    *,
    timeout_s: float | None = None,
    prove: Prove | None = None,
    offered: tuple[str, ...] | None = None,
    unasked: bool = False,
) -> Iterator[Judgement]:
    """Judge one provider of this system after another, the best first and the CPU last.

    Parameters
    ----------
    bundle, timeout_s, prove, offered
        As for `choose_provider`.
    unasked
        Whether to prove those too that are used only when they are asked for.
    """
    rejected: list[Judgement] = []
    for kind in KINDS:
        if kind is CPU or not kind.here or (kind.asked_for_only and not unasked):
            continue
        found = judge(bundle, kind, timeout_s=timeout_s, prove=prove, offered=offered)
        rejected += [] if found.usable or kind.asked_for_only else [found]
        yield found
    yield Judgement(CPU, usable=True, reason=_why_the_cpu(rejected, _names(offered)), device=processor_name())


def judge(
    bundle: Bundle,
    kind: Kind,
    *,
    timeout_s: float | None = None,
    prove: Prove | None = None,
    offered: tuple[str, ...] | None = None,
) -> Judgement:
    """Find out whether a provider can be used: offered, proved in a child process, and in agreement with the CPU."""
    if kind.ort not in _names(offered):
        # A package for NVIDIA's cards would not help where there is no driver.
        missing = driver_missing() if kind.nvidia and children.frozen() else ""
        reason = missing or f"onnxruntime offers no {kind.name} provider ({addon.why_not_offered(kind.package)})"
        return Judgement(kind, usable=False, reason=reason)
    proof = (prove or prove_in_child)(bundle, kind, timeout_s or kind.patience_s)
    if proof.failure:
        return Judgement(kind, usable=False, reason=proof.failure)
    largest, fault = disagreement(
        bundle, default_plan(bundle, kind), kind, reference=_cpu_logits(bundle), logits=proof.logits
    )
    if fault:
        return Judgement(kind, usable=False, reason=fault)
    praise = f"proved on a test film in {proof.seconds:.1f} s; its logits are within {largest:.1g} of the CPU's"
    return Judgement(kind, usable=True, reason=praise, device=proof.device)


def prove_in_child(
    bundle: Bundle, kind: Kind, timeout_s: float, *, stopped: Callable[[], bool] = lambda: False
) -> Proof:
    """Score the reference film with a provider in a child process, which may crash or hang without harm."""
    missing = driver_missing() if kind.nvidia else ""
    if missing:  # known at once, so no process is started
        return Proof({}, 0.0, missing)
    command = children.command("cxr_desktop.inference.probe", kind.wanted, str(bundle.path), bundle.sha256)
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
        logits = {str(slug): float(logit) for slug, logit in answer["logits"].items()}
        return Proof(logits, seconds, device=str(answer.get("device", "")))
    except (IndexError, ValueError, KeyError, TypeError, AttributeError):
        how = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
        return Proof({}, seconds, f"the test process ended without an answer ({how})")


def _cpu_logits(bundle: Bundle) -> dict[str, float]:
    return logits_of(Engine(bundle, plan=REFERENCE_PLAN).score(reference_film(bundle.manifest.input.size)))


def _names(offered: tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(runtime.onnxruntime().get_available_providers()) if offered is None else offered


def _why_the_cpu(rejected: list[Judgement], offered: tuple[str, ...]) -> str:
    """Say why nothing better runs: of those that are not even offered, the first is enough."""
    tried = [each for each in rejected if each.kind.ort in offered] or rejected[:1]
    return "; ".join(f"{each.kind.name} was not used: {each.reason}" for each in tried) or "nothing better is here"
