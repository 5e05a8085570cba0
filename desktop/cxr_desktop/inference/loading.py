"""From a bundle's file to an engine that is ready, and what there is to say of every provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cxr_desktop.inference.choice import chosen_plan
from cxr_desktop.inference.engine import Engine
from cxr_desktop.inference.kinds import Kind, Wanted
from cxr_desktop.inference.providers import Judgement, Proof, Provider, choose_provider, judge_all, prove_in_child
from cxr_desktop.inference.toy import bundle_or_toy
from cxr_desktop.inference.triage import provenance_of
from cxr_desktop.inference.verdict import Provenance
from cxr_shared.bundle import Bundle

Prove = Callable[[Bundle, Kind, float], Proof]
Stopped = Callable[[], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A bundle that is ready to score."""

    bundle: Bundle
    engine: Engine
    provider: Provider
    provenance: Provenance


def load(bundle: Bundle, wanted: Wanted, *, stopped: Stopped) -> Loaded:
    """Prove a provider with a verified bundle and load its models there; ends early where `stopped` says so.

    Raises
    ------
    ProviderRefusedError
        The provider that was asked for does not work.
    BundleUnsupported, InferenceFailedError
        The bundle cannot run here.
    """
    provider = choose_provider(bundle, wanted, prove=_prove(stopped))
    engine = Engine(bundle, provider.kind, plan=chosen_plan(bundle, provider))
    return Loaded(bundle, engine, provider, provenance_of(engine, provider))


def judge_providers(bundle: Bundle | None, *, stopped: Stopped) -> list[Judgement]:
    """Prove every provider with a bundle, or with a toy where there is none."""
    with bundle_or_toy(bundle) as proved:
        return list(judge_all(proved, prove=_prove(stopped), unasked=True))


def _prove(stopped: Stopped) -> Prove:
    def prove(bundle: Bundle, kind: Kind, timeout_s: float) -> Proof:
        return prove_in_child(bundle, kind, timeout_s, stopped=stopped)

    return prove
