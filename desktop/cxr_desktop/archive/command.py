"""`cxr-desktop triage --parquet`: an archive scored, and said what became of it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cxr_desktop.archive.errors import ArchiveOptions
from cxr_desktop.archive.listing import absolute
from cxr_desktop.archive.run import PART_FILMS, Archive, Here, Scoring, score_archive
from cxr_desktop.archive.show import print_outcome, progress
from cxr_desktop.archive.sizes import Sizes
from cxr_desktop.archive.storage import Storage, is_url
from cxr_desktop.inference import runtime
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.report.pseudonyms import site_pseudonyms
from cxr_shared.bundle import Bundle


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for.

    Attributes
    ----------
    places
        Folders, films or URLs.
    parquet
        Folder or URL for the rows; None is refused.
    on
        ``ray`` or ``ray://HEAD``; None scores in this process.
    sizes
        How a cluster is shared out.
    provider
        Name of a provider.
    deidentified
        Whether patients become pseudonyms.
    part_films
        Films of a part.
    """

    places: Sequence[str]
    parquet: str | None
    on: str | None = None
    sizes: Sizes = field(default_factory=Sizes)
    provider: str = "auto"
    deidentified: bool = False
    part_films: int = PART_FILMS

    @property
    def asked(self) -> bool:
        """Whether anything was asked for that concerns archives alone."""
        return bool(self.parquet or self.on or self.sizes != Sizes() or any(map(is_url, self.places)))

    def check(self, **others: object) -> None:
        """See that what was asked for goes together.

        Parameters
        ----------
        others
            Other reports that were asked for, by their option's name.

        Raises
        ------
        ArchiveOptions
            It does not.
        """
        beside = [f"--{name}" for name, value in others.items() if value is not None]
        if self.parquet is None:
            raise ArchiveOptions(
                "An archive, on a cluster or behind a URL, is scored into a table: add --parquet FOLDER."
            )
        if beside:
            raise ArchiveOptions(
                f"--parquet is written film by film and {' and '.join(beside)} at the end, from all films at once. "
                "Leave one of them out."
            )
        if not self.places:
            raise ArchiveOptions("Name the archive: a folder, or a URL such as s3://BUCKET/FOLDER.")
        if self.on is None and self.sizes != Sizes():
            raise ArchiveOptions("--workers, --actors and --gpus-per-actor share out a cluster; they need --on.")


def run(request: Request, bundle: Bundle) -> int:
    """Score an archive and print what became of it; exit code 0, or 130 after Ctrl-C.

    Raises
    ------
    CxrError
        It cannot be done.
    """
    request.check()
    assert request.parquet is not None, "as was checked"
    archive = Archive(
        places=absolute(request.places),
        out=Storage(absolute([request.parquet])[0]),
        wanted=Wanted(request.provider),
        names=site_pseudonyms() if request.deidentified else None,
        part_films=request.part_films,
    )
    start = time.monotonic()
    with progress() as shown:
        try:
            with _scoring(request, bundle) as scoring:
                tally = score_archive(archive, bundle, scoring, tell=shown.event)
        except KeyboardInterrupt:
            shown.stopped(archive.out)
            return 130
    print_outcome(tally, archive, bundle.manifest.notice, seconds=time.monotonic() - start)
    return 0


@contextlib.contextmanager
def _scoring(request: Request, bundle: Bundle) -> Iterator[Scoring]:
    if request.on is None:
        yield Here(bundle)
        return
    from cxr_shared.cluster import LOCAL, connected

    with contextlib.ExitStack() as stack:
        if request.on == LOCAL:
            # Ray's native code writes warnings about itself to our standard error, and that it was told not to.
            os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
            with runtime.silent_stderr():
                stack.enter_context(connected(request.on))
        else:
            stack.enter_context(connected(request.on))
        from cxr_desktop.archive.cluster import OnRay

        yield OnRay(bundle, request.sizes)
