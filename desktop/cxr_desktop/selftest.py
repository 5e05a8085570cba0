"""The program proves itself: load a bundle, score a film, keep it, open the window, close it."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cxr_desktop.batch import score_all
from cxr_desktop.inference.loading import load_bundle
from cxr_desktop.inference.toy import bundle_or_toy
from cxr_desktop.inference.verdict import NOT_A_CHEST_FILM, Refused, Scored, Verdict
from cxr_desktop.report import write_json_report
from cxr_desktop.store import Read, Store
from cxr_shared.bundle import Bundle
from cxr_shared.errors import CxrError
from cxr_shared.findings import Target
from cxr_shared.opencv import cv2
from cxr_shared.phantom import render


class SelfTestFailedError(CxrError):
    """A step of the self-test gave a wrong result."""


@contextlib.contextmanager
def named_bundle_or_toy(path: Path | None) -> Iterator[Bundle]:
    """Open the bundle that was named, or make a toy for as long as the block runs.

    Raises
    ------
    BundleError
        The bundle that was named must not be used.
    """
    with bundle_or_toy(None if path is None else load_bundle(path)) as bundle:
        yield bundle


def run(bundle: Path | None, *, window: bool) -> int:
    """Run every step, print one line for each, and return 0.

    Raises
    ------
    SelfTestFailedError
        A step gave a wrong result.
    CxrError
        Whatever a step raises.
    """
    with named_bundle_or_toy(bundle) as loaded, tempfile.TemporaryDirectory(prefix="cxr-self-test-") as folder:
        _done(f"bundle {loaded.manifest.name}: {len(loaded.targets)} models, every hash right")
        film = _write_film(Path(folder))
        verdict = _score(film, loaded)
        _keep(verdict, Path(folder, "store.sqlite"))
        if window:
            _open_and_close(film, loaded)
    print("self-test passed")
    return 0


def _write_film(folder: Path) -> Path:
    path = folder / "film.png"
    if not cv2.imwrite(str(path), render(1, findings=[Target.PNEUMOTHORAX]).pixels):
        raise SelfTestFailedError(f"No film could be written to {folder}. Free some space there.")
    return path


def _score(film: Path, bundle: Bundle) -> Verdict:
    worklist = score_all([film], bundle)
    verdict = worklist.verdicts[0]
    if isinstance(verdict, Refused) and verdict.kind == NOT_A_CHEST_FILM:
        _done("film read and measured; the bundle's film gate knows no phantoms and refused it")
    elif isinstance(verdict, Refused):
        raise SelfTestFailedError(f"The test film was not scored: {verdict.message}")
    write_json_report(film.with_suffix(".json"), worklist)
    _done(f"film read in {verdict.timings.read:.0f} ms, scored in {verdict.timings.infer:.0f} ms")
    _done(f"provider {verdict.provenance.provider}: {verdict.provenance.provider_reason}")
    return verdict


def _keep(verdict: Verdict, path: Path) -> None:
    """Keep a verdict and a reading, open the store anew, and compare."""
    read = Read(verdict.sha256, verdict.provenance.bundle_sha256, {}, note="self-test", finished=True)
    with contextlib.closing(Store(path)) as store:
        store.add_films([verdict.source], at=time.time())
        store.save_verdicts([verdict])
        read = store.save_read(read)
    with contextlib.closing(Store(path)) as store:
        (kept,) = store.load(verdict.provenance.bundle_sha256)
        store.verify_audit()
    if kept.read != read or not _same(kept.verdict, verdict):
        raise SelfTestFailedError(f"What was kept in {path.parent} is not what was read back. Check that disk.")
    _done("verdict and reading kept, read back, and vouched for by the audit trail")


def _same(kept: Verdict | None, verdict: Verdict) -> bool:
    if isinstance(kept, Scored) and isinstance(verdict, Scored):
        return dict(kept.scores) == dict(verdict.scores) and kept.urgency == verdict.urgency
    return isinstance(kept, Refused) and isinstance(verdict, Refused) and kept.message == verdict.message


def _open_and_close(film: Path, bundle: Bundle) -> None:
    from cxr_desktop.ui.screenshot import render_screenshot

    picture = film.with_name("window.png")
    render_screenshot(bundle, [film], picture, size=(1200, 800))
    if not picture.stat().st_size:
        raise SelfTestFailedError("The window drew nothing.")
    _done("window opened, drew and closed")


def _done(what: str) -> None:
    print(f"ok  {what}", flush=True)
