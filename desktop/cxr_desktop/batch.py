"""One run of triage over many films. No Qt here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from cxr_desktop.inference.choice import plan_for_run
from cxr_desktop.inference.engine import Engine
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.loading import load_bundle
from cxr_desktop.inference.providers import choose_provider
from cxr_desktop.inference.triage import FilmsFound, TriageEvent, provenance_of, triage
from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.intake.files import find_films
from cxr_desktop.intake.pool import MakePool
from cxr_desktop.report import Worklist
from cxr_desktop.report.html_page import THUMBNAIL
from cxr_desktop.reports import Reports
from cxr_shared.bundle import Bundle

__all__ = ["Reports", "load_bundle", "score_all"]


def score_all(
    paths: Iterable[Path],
    bundle: Bundle,
    *,
    wanted: Wanted = Wanted.AUTO,
    thumbnails: bool = False,
    on_event: Callable[[TriageEvent], None] | None = None,
    make_pool: MakePool = DecodePool,
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
    make_pool
        Makes what decodes the films.

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
    with closing(make_pool()) as pool:
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
