"""How a cluster's machines are shared out between decoding and the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cxr_desktop.archive.errors import ArchiveOptions
from cxr_desktop.inference.kinds import Wanted

_MOST_THREADS: Final = 4
"""A bundle's models run side by side, each on one thread; more threads than this would often wait for the last."""
_DECODER: Final = 0.25
"""CPUs of a decoder beside models on the CPU: they take many times as long, so it mostly waits for them."""
_DECODERS: Final = 2
"""Decoders for each actor on the CPU: one fetches while the other decodes, and each costs a process's start."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a person asked for; None leaves it to the cluster's resources.

    Attributes
    ----------
    workers
        Most decoders at once.
    actors
        Processes that run the models.
    gpus_per_actor
        GPUs of each, which may be a fraction.
    """

    workers: int | None = None
    actors: int | None = None
    gpus_per_actor: float | None = None


@dataclass(frozen=True, slots=True)
class Shares:
    """What each process is given, in Ray's units.

    Attributes
    ----------
    actors, workers
        As in `Sizes`; `workers` is None for as many as there is room for.
    threads
        Threads of the CPU of each actor.
    actor_cpus, actor_gpus, decoder_cpus
        What Ray counts for each.
    """

    actors: int
    workers: int | None
    threads: int
    actor_cpus: float
    actor_gpus: float
    decoder_cpus: float


def shares(sizes: Sizes, machines: Sequence[Mapping[str, float]], wanted: Wanted) -> Shares:
    """Share out machines.

    Without GPUs, each actor has up to 4 threads and leaves an eighth of its CPUs, at least half of one, to decoders,
    of which there are two.
    With GPUs there is an actor for each (or for each fraction), on one CPU, and decoders have the other CPUs.

    Parameters
    ----------
    sizes
        What was asked for.
    machines
        ``CPU`` and ``GPU`` of each, as `ray.nodes` has them.
    wanted
        The provider asked for.

    Raises
    ------
    ArchiveOptions
        GPUs were asked for and there are none, or not so many.
    """
    gpus = 0.0 if wanted is Wanted.CPU else sum(each.get("GPU", 0.0) for each in machines)
    fraction = sizes.gpus_per_actor if sizes.gpus_per_actor is not None else min(gpus, 1.0)
    if fraction > max((each.get("GPU", 0.0) for each in machines), default=0.0):
        raise ArchiveOptions(f"No machine of the cluster has {fraction:g} GPUs for an actor. Ask for fewer.")
    if fraction:
        per_machine = (int(each.get("GPU", 0.0) / fraction + 1e-6) for each in machines)
        return Shares(sizes.actors or max(1, sum(per_machine)), sizes.workers, 1, 1.0, fraction, 1.0)
    cpus = [int(each["CPU"]) for each in machines if each.get("CPU", 0.0) >= 1] or [1]
    threads = min(_MOST_THREADS, *cpus, max(1, sum(cpus) // (sizes.actors or 1)))
    actors = sizes.actors or sum(each // threads for each in cpus)
    workers = sizes.workers or _DECODERS * actors
    return Shares(actors, workers, threads, threads - max(0.5, threads / 8), 0.0, _DECODER)
