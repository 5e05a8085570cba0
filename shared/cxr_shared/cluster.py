"""Ray, connected to: a cluster that is there, or one of this machine's own for as long as the work takes."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any, Final

from cxr_shared.errors import CxrError, MissingExtra

LOCAL: Final = "ray"
"""Names a cluster of this machine alone, started and ended with the work."""
_REMOTE: Final = "ray://"
_SETTINGS: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Under `uv run` Ray would start every worker through uv, which may then install packages.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
}
"""Read by Ray when it is imported, and by the processes that it starts."""
_ANSWER_SECONDS: Final = 120.0
_STARTS: Final = 3
"""Tries to start a cluster of this machine: Ray waits 30 s for its processes, which a busy machine may exceed."""
_PACKAGE: Final = "cxr-triage"
_QUIET: Final[dict[str, Any]] = {"log_to_driver": False, "logging_level": logging.ERROR}


class ClusterUnavailable(CxrError):
    """The cluster that was named cannot be used."""


@contextlib.contextmanager
def connected(address: str, *, cpus: int | None = None, object_store_bytes: int | None = None) -> Iterator[None]:
    """Connect to Ray, and leave it at the end.

    Ray reports its use to its makers unless told not to; here it is told so, for a cluster of this machine. One that
    is there already was started by somebody else, with their choice. Every machine of such a cluster is asked once
    for its version of cxr-triage.

    Parameters
    ----------
    address
        ``ray``, or ``ray://HEAD[:PORT]`` of a running cluster whose machines have the same cxr-triage installed.
    cpus
        CPUs that a cluster of this machine offers; by default all. Another cluster has what it has.
    object_store_bytes
        Size of its object store; by default Ray's choice, a third of the memory.

    Raises
    ------
    MissingExtra
        Ray is not installed.
    ClusterUnavailable
        `address` is of another form, nobody answers there, or a machine has another cxr-triage or none; or Ray does
        not start on this machine.
    """
    if address != LOCAL and not (address.startswith(_REMOTE) and len(address) > len(_REMOTE)):
        raise ClusterUnavailable(f"'{address}' names no cluster. Give ray, or ray://HEAD of one that is running.")
    os.environ.update(_SETTINGS)
    try:
        import ray
    except ImportError as error:
        raise MissingExtra(module="ray", extra="cluster") from error
    if ray.is_initialized():
        raise ClusterUnavailable("This process is connected to a Ray cluster already. Leave that one first.")
    try:
        _start(ray, address, cpus=cpus, object_store_bytes=object_store_bytes)
        if address != LOCAL:
            _require_same_program(ray)
        yield
    finally:
        ray.shutdown()


def _start(ray: Any, address: str, *, cpus: int | None, object_store_bytes: int | None) -> None:  # noqa: ANN401
    try:
        if address == LOCAL:
            _start_here(ray, num_cpus=cpus, object_store_memory=object_store_bytes)
        else:
            ray.init(address=address, **_QUIET)
    except Exception as error:  # Ray raises errors of many kinds, bare Exceptions among them
        lines = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {lines[0] if lines else 'no reason'}"
        if address == LOCAL:
            raise ClusterUnavailable(
                f"Ray did not start on this machine ({reason}). Try again when it is less busy, or leave out --on."
            ) from error
        raise ClusterUnavailable(
            f"No Ray cluster answers at {address} ({reason}). "
            "Start one with `ray start --head`, or use --on ray for this machine alone."
        ) from error


def _start_here(ray: Any, **sizes: int | None) -> None:  # noqa: ANN401
    for left in reversed(range(_STARTS)):
        try:
            ray.init(address="local", include_dashboard=False, **_QUIET, **sizes)
        except Exception as error:
            if type(error) is not Exception or not left:  # a bare one says that time ran out
                raise
        else:
            return


def _require_same_program(ray: Any) -> None:  # noqa: ANN401
    """Ask every living machine once; raises ClusterUnavailable for the first that differs."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(num_cpus=0, max_retries=0)(installed_version)
    asked = {
        ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(): node
        for node in ray.nodes()
        if node["Alive"]
    }
    here = installed_version()
    for answer, node in asked.items():
        machine = node["NodeManagerHostname"]
        try:
            there = ray.get(answer, timeout=_ANSWER_SECONDS)
        except ray.exceptions.GetTimeoutError as error:
            raise ClusterUnavailable(
                f"{machine} did not answer within {_ANSWER_SECONDS:g} s. Look at `ray status` there."
            ) from error
        except ray.exceptions.RayError as error:  # what it runs cannot be imported there, or its worker does not start
            raise ClusterUnavailable(
                f"{machine} cannot run cxr-triage ({type(error).__name__}). Install {_PACKAGE} {here} with its extra "
                "[cluster] into the Python that Ray was started from there."
            ) from error
        if there != here:
            raise ClusterUnavailable(
                f"{machine} has cxr-triage {there}, this machine {here}. Install the same version on every machine of "
                "the cluster, and start Ray there again."
            )


def installed_version() -> str:
    """The version of cxr-triage that this process runs, ``none`` where it is not installed."""
    try:
        version = metadata.version(_PACKAGE)
    except metadata.PackageNotFoundError:
        version = "none"
    return f"{version} (Python {sys.version_info.major}.{sys.version_info.minor})"
