"""Ray, connected to: a cluster that is there, or one of this machine's own for as long as the work takes."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Final

from cxr_shared.errors import CxrError, MissingExtra

LOCAL: Final = "ray"
"""Names a cluster of this machine alone, started and ended with the work."""
_REMOTE: Final = "ray://"
_NO_TELEMETRY: Final = "RAY_USAGE_STATS_ENABLED"


class ClusterUnavailable(CxrError):
    """The cluster that was named cannot be used."""


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """Connect to Ray, and leave it at the end.

    Ray reports its use to its makers unless told not to; here it is told so, for a cluster of this machine. One that
    is there already was started by somebody else, with their choice.

    Parameters
    ----------
    address
        ``ray``, or ``ray://HEAD[:PORT]`` of a running cluster whose machines have the same cxr-triage installed.

    Raises
    ------
    MissingExtra
        Ray is not installed.
    ClusterUnavailable
        `address` is of another form, or nobody answers there.
    """
    os.environ[_NO_TELEMETRY] = "0"
    if address != LOCAL and not (address.startswith(_REMOTE) and len(address) > len(_REMOTE)):
        raise ClusterUnavailable(f"'{address}' names no cluster. Give ray, or ray://HEAD of one that is running.")
    try:
        import ray
    except ImportError as error:
        raise MissingExtra(module="ray", extra="cluster") from error
    try:
        ray.init(
            address="local" if address == LOCAL else address,
            include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ClusterUnavailable(
            f"No Ray cluster answers at {address} ({type(error).__name__}). Start one with `ray start --head`, or "
            "use --on ray for this machine alone."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()
