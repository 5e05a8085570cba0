"""Scoring an archive through Ray Data: decoding as tasks, the models as actors."""

from __future__ import annotations

import contextlib
import logging
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from cxr_desktop.archive.errors import ArchiveUnfinished, MachineFailed
from cxr_desktop.archive.films import Part
from cxr_desktop.archive.settled import Decision, decide
from cxr_desktop.archive.sizes import Shares, Sizes, shares
from cxr_desktop.archive.stages import BundleSource, Scorer, chunks_of, decode_chunk
from cxr_desktop.inference.kinds import Wanted
from cxr_shared.bundle import Bundle
from cxr_shared.errors import MissingExtra

WAVE: Final = 5_000
"""Tasks that Ray hears of at once; its bookkeeping of each stays in the driver's memory until they are done."""


_OUR_ERROR: Final = re.compile(r"cxr_(?:desktop|shared)\.[\w.]+: (.+)")
"""Last line of what Ray tells of an error of ours in another process; of one in an actor's start there is no more."""


@dataclass(frozen=True, slots=True)
class Setup:
    """All that the stages need.

    Attributes
    ----------
    source, decision, shares
        The bundle, how it is run, and on what.
    spec
        The bundle's input, as a document.
    decoder
        Command line of a decoding process; None for each machine's own.
    """

    source: BundleSource
    decision: Decision
    shares: Shares
    spec: dict[str, Any]
    decoder: tuple[str, ...] | None = None


class OnRay:
    """Scores parts on the cluster that this process is connected to.

    Parameters
    ----------
    bundle
        A verified bundle.
    sizes
        What a person asked for.
    decoder
        As in `Setup`.
    """

    def __init__(self, bundle: Bundle, sizes: Sizes, *, decoder: tuple[str, ...] | None = None) -> None:
        ray = _ray()
        self._bundle = bundle
        self._sizes = sizes
        self._decoder = decoder
        self._source = BundleSource(str(bundle.path.resolve()), bundle.sha256, ray.put(bundle.path.read_bytes()))

    def decide(self, wanted: Wanted, *, films: int) -> Decision:
        """Choose provider and plan: here on a cluster of one machine, else in a task with an actor's share of one.

        Raises
        ------
        MachineFailed, ProviderRefusedError, BundleError, InferenceFailedError
            The bundle cannot run there.
        """
        ray = _ray()
        given = self._shares(wanted)
        if not _is_client() and len(_machines(ray)) == 1:
            return decide(self._bundle, wanted, films=films, threads=given.threads)
        scout = ray.remote(num_cpus=given.actor_cpus, num_gpus=given.actor_gpus)(_decide)
        with _plainly():
            found = ray.get(scout.remote(self._source, wanted, films=films, threads=given.threads))
        assert isinstance(found, Decision)
        return found

    def score(self, parts: Iterable[Part], decision: Decision) -> Iterator[Any]:
        """Score parts, in any order.

        Yields
        ------
        pyarrow.Table
            Rows of one part.

        Raises
        ------
        MachineFailed
            A machine cannot run the bundle.
        ArchiveUnfinished
            Ray gave up, such as after too many processes were killed.
        """
        setup = Setup(
            source=self._source,
            decision=decision,
            shares=self._shares(decision.wanted),
            spec=self._bundle.manifest.input.model_dump(),
            decoder=self._decoder,
        )
        chunks = chain.from_iterable(map(chunks_of, parts))
        with _plainly():
            while wave := list(islice(chunks, WAVE)):
                yield from _elsewhere(wave, setup) if _is_client() else score_wave(wave, setup)

    def _shares(self, wanted: Wanted) -> Shares:
        return shares(self._sizes, _machines(_ray()), wanted)


def score_wave(chunks: Sequence[Any], setup: Setup) -> Iterator[Any]:
    """Score chunks through Ray Data, in a process of the cluster; yields their rows in any order.

    Ray does a decoder's task up to four times if its process is killed, and an actor's as often as it takes.
    """
    ray = _ray()
    _quiet(ray)
    given = setup.shares
    decoders = ray.data.TaskPoolStrategy(given.workers)
    decoded = ray.data.from_arrow(list(chunks)).map_batches(
        decode_chunk,
        batch_size=None,
        batch_format="pyarrow",
        fn_kwargs={"spec": setup.spec, "command": setup.decoder},
        compute=decoders,
        num_cpus=given.decoder_cpus,
    )
    scored = decoded.map_batches(
        Scorer,
        batch_size=None,
        batch_format="pyarrow",
        fn_constructor_args=(setup.source, setup.decision, given.threads),
        compute=ray.data.ActorPoolStrategy(size=given.actors),
        num_cpus=given.actor_cpus,
        num_gpus=given.actor_gpus,
    )
    yield from scored.iter_batches(batch_size=None, batch_format="pyarrow")


class _Wave:
    """A wave in a process of the cluster, for a driver outside: Ray Data cannot be driven through Ray's client."""

    def __init__(self, chunks: Sequence[Any], setup: Setup) -> None:
        self._rows = score_wave(chunks, setup)

    def take(self) -> Any:  # noqa: ANN401
        """Wait for the next rows; None at the end."""
        return next(self._rows, None)


def _elsewhere(chunks: Sequence[Any], setup: Setup) -> Iterator[Any]:
    ray = _ray()
    wave = ray.remote(num_cpus=0)(_Wave).remote(list(chunks), setup)
    try:
        while (rows := ray.get(wave.take.remote())) is not None:
            yield rows
    finally:
        ray.kill(wave)


def _decide(source: BundleSource, wanted: Wanted, *, films: int, threads: int) -> Decision:
    with tempfile.TemporaryDirectory(prefix="cxr-archive-") as folder:
        return decide(source.open(Path(folder)), wanted, films=films, threads=threads)


def _ray() -> Any:  # noqa: ANN401  (its own types do not know its options)
    try:
        import ray
        import ray.data
        import ray.exceptions
    except ImportError as error:
        raise MissingExtra(module=error.name or "ray", extra="cluster") from error
    return ray


def _machines(ray: Any) -> list[dict[str, float]]:  # noqa: ANN401
    return [each["Resources"] for each in ray.nodes() if each["Alive"]]


def _is_client() -> bool:
    ray = _ray()
    return bool(ray.util.client.ray.is_connected())


@contextlib.contextmanager
def _plainly() -> Iterator[None]:
    """Turn what Ray wraps around an error of ours back into it, and any other fault of the cluster into a sentence."""
    ray = _ray()
    try:
        yield
    except ray.exceptions.RayError as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        ours = _OUR_ERROR.fullmatch(lines[-1].strip())
        if ours is not None:
            raise MachineFailed(ours[1]) from error
        raise ArchiveUnfinished(
            f"The cluster gave up ({lines[-1]}). What was written stays; the same command goes on."
        ) from error


def _quiet(ray: Any) -> None:  # noqa: ANN401
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.target_max_block_size = None  # a task's table stays one
    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.ERROR)
