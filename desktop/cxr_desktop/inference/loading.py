"""From a bundle's file to an engine that is ready, and what there is to say of every provider."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cxr_desktop.inference import runtime
from cxr_desktop.inference.choice import chosen_plan
from cxr_desktop.inference.engine import Engine
from cxr_desktop.inference.kinds import Kind, Wanted
from cxr_desktop.inference.providers import Judgement, Proof, Provider, choose_provider, judge_all, prove_in_child
from cxr_desktop.inference.toy import bundle_or_toy
from cxr_desktop.inference.triage import provenance_of
from cxr_desktop.inference.trust import open_trusted
from cxr_desktop.inference.verdict import Provenance
from cxr_shared.bundle import Bundle
from cxr_shared.errors import CxrError

Prove = Callable[[Bundle, Kind, float], Proof]
Stopped = Callable[[], bool]


HOW_TO_GET_A_BUNDLE = (
    "Export one with `cxr-export onnx RUN --out chest.cxr`, then name it with --bundle or in CXR_BUNDLE."
)


class NoBundleError(CxrError):
    """Triage was asked for without a bundle."""

    def __init__(self) -> None:
        super().__init__(f"No bundle was given, so nothing can be scored. {HOW_TO_GET_A_BUNDLE}")


def load_bundle(path: Path | None) -> Bundle:
    """Open the bundle that was named, or in the environment by CXR_BUNDLE.

    Raises
    ------
    NoBundleError
        None was named.
    BundleError
        It must not be used.
    """
    named = path or os.environ.get("CXR_BUNDLE")
    if not named:
        raise NoBundleError
    with runtime.importing():
        return open_trusted(Path(named))


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
