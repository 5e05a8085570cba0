"""What a run into a place has settled, so that it goes on with the same: ``_run.json``, then ``_plan.json``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cxr_desktop.archive.errors import ArchiveRefused
from cxr_desktop.archive.rows import SCHEMA
from cxr_desktop.archive.storage import Storage
from cxr_desktop.inference.choice import plan_for_run
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.layouts import LayoutName
from cxr_desktop.inference.plan import Plan
from cxr_desktop.inference.providers import choose_provider
from cxr_desktop.inference.verdict import Provenance
from cxr_shared import __version__
from cxr_shared.bundle import Bundle
from cxr_shared.errors import OutputError

_RUN: Final = "_run.json"
_PLAN: Final = "_plan.json"
_BEGIN: Final = "Begin in another folder."


@dataclass(frozen=True, slots=True)
class Decision:
    """How every film of an archive is scored, wherever that is.

    Attributes
    ----------
    wanted
        The provider; never `Wanted.AUTO`.
    plan
        Layout and precision.
    provenance
        What stands in every row's metadata.
    """

    wanted: Wanted
    plan: Plan
    provenance: Provenance


def decide(bundle: Bundle, wanted: Wanted, *, films: int, threads: int | None = None) -> Decision:
    """Choose provider and plan on the machine where this runs.

    Raises
    ------
    ProviderRefusedError, BundleUnsupported, InferenceFailedError
        As `choose_provider` and `Engine`.
    """
    provider = choose_provider(bundle, wanted)
    plan = plan_for_run(bundle, provider, films=films, threads=threads)
    manifest = bundle.manifest
    provenance = Provenance(
        bundle_name=manifest.name,
        bundle_sha256=bundle.sha256,
        provider=provider.name,
        provider_reason=provider.reason,
        pixel_path_version=manifest.pixel_path_version,
        notice=manifest.notice,
        plan=str(plan),
    )
    return Decision(provider.kind.wanted, plan, provenance)


def claim(out: Storage, bundle: Bundle, places: tuple[str, ...], *, deidentified: bool) -> None:
    """Write down what a run is of, or see that it is the one that was begun there.

    Raises
    ------
    ArchiveRefused
        Another run was begun there.
    OutputError
        It could not be read or written.
    """
    mine = {
        "schema": SCHEMA,
        "bundle": {"name": bundle.manifest.name, "sha256": bundle.sha256},
        "films": list(places),
        "deidentified": deidentified,
    }
    there = _read(out, _RUN)
    if there is None:
        out.write(_RUN, _document({**mine, "program_version": __version__}))
        return
    if there.get("schema") != SCHEMA:
        raise ArchiveRefused(f"{out} was written by another version of the program ({there.get('schema')}). {_BEGIN}")
    if there["bundle"]["sha256"] != bundle.sha256:
        raise ArchiveRefused(
            f"{out} holds results of another bundle ({there['bundle']['name']}, {there['bundle']['sha256'][:12]}…), "
            f"and scores of two bundles must not stand in one table. {_BEGIN}"
        )
    if there["films"] != list(places):
        raise ArchiveRefused(f"{out} holds results of other films ({', '.join(there['films'])}). {_BEGIN}")
    if there["deidentified"] != deidentified:
        raise ArchiveRefused(
            f"{out} was begun {'with' if there['deidentified'] else 'without'} --deidentified. {_BEGIN}"
        )


def settled(out: Storage, wanted: Wanted) -> Decision | None:
    """Return what was decided for a place; None where nothing was.

    Raises
    ------
    ArchiveRefused
        Another provider is asked for than the one by which the place was begun.
    """
    there = _read(out, _PLAN)
    if there is None:
        return None
    plan = Plan(LayoutName(there["layout"]), there["precision"])
    found = Decision(Wanted(there["provider"]), plan, Provenance(**there["provenance"]))
    if wanted not in (Wanted.AUTO, found.wanted):
        raise ArchiveRefused(
            f"{out} was begun on {found.provenance.provider}, whose last digits are not those of another provider. "
            f"Go on with --provider {found.wanted}, or begin in another folder."
        )
    return found


def settle(out: Storage, decision: Decision) -> None:
    """Write down what was decided.

    Raises
    ------
    OutputError
        It could not be written.
    """
    fields = {
        "provider": decision.wanted.value,
        "layout": decision.plan.layout.value,
        "precision": decision.plan.precision,
        "provenance": dataclasses.asdict(decision.provenance),
    }
    out.write(_PLAN, _document(fields))


def _read(out: Storage, name: str) -> dict[str, Any] | None:
    content = out.read(name)
    if content is None:
        return None
    try:
        return dict(json.loads(content))
    except (ValueError, TypeError) as error:
        raise OutputError(f"{out}/{name} is damaged. Restore it, or begin in another folder.") from error


def _document(fields: Mapping[str, Any]) -> bytes:
    return (json.dumps(fields, indent=2) + "\n").encode()
