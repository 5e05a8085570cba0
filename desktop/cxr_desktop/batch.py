"""One run of triage over many films. No Qt here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from cxr_desktop.inference import runtime
from cxr_desktop.inference.choice import plan_for_run
from cxr_desktop.inference.engine import Engine
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.providers import choose_provider
from cxr_desktop.inference.triage import FilmsFound, TriageEvent, provenance_of, triage
from cxr_desktop.inference.trust import open_trusted
from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.intake.files import find_films
from cxr_desktop.report import Worklist
from cxr_desktop.report.html_page import THUMBNAIL
from cxr_desktop.reports import Reports
from cxr_shared.bundle import Bundle
from cxr_shared.errors import CxrError

__all__ = ["HOW_TO_GET_A_BUNDLE", "NoBundleError", "Reports", "load_bundle", "score_all"]

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


def score_all(
    paths: Iterable[Path],
    bundle: Bundle,
    *,
    wanted: Wanted = Wanted.AUTO,
    thumbnails: bool = False,
    on_event: Callable[[TriageEvent], None] | None = None,
) -> Worklist:
    """Score every film among `paths`; Ctrl-C ends early and keeps what was done.

    Parameters
    ----------
    paths
        Files and folders.
    bundle
        A verified bundle.
    wanted
        The provider asked for.
    thumbnails
        Keep the pictures that the HTML page shows.
    on_event
        Called with each event, in the caller's thread.

    Returns
    -------
    Worklist
        `complete` is False after Ctrl-C.

    Raises
    ------
    ProviderRefusedError
        A provider was asked for and does not work.
    BundleUnsupported, InferenceFailedError
        The bundle cannot run here.
    """
    provider = choose_provider(bundle, wanted)
    files = tuple(find_films(paths))
    engine = Engine(bundle, provider.kind, plan=plan_for_run(bundle, provider, films=len(files)))
    worklist = Worklist(provenance_of(engine, provider))
    with DecodePool() as pool:
        events = triage(files, engine, worklist.provenance, pool=pool, thumbnail=THUMBNAIL if thumbnails else 0)
        try:
            for event in events:
                if isinstance(event, FilmsFound):
                    worklist.found = len(event.files)
                else:
                    worklist.add(event.verdict)
                if on_event is not None:
                    on_event(event)
        except KeyboardInterrupt:
            worklist.stopped = True
    return worklist
