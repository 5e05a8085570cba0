"""A process that is measured: one JSON order a line, one JSON answer a line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Self

from cxr_export.errors import BenchmarkFailed


class Measured:
    """A contender in a process of its own, so that none has another's memory, threads or settings.

    Parameters
    ----------
    module
        What ``python -m`` runs.
    arguments
        Its arguments.
    """

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, do: str, *, tolerant: bool = False, **order: Any) -> dict[str, Any]:  # noqa: ANN401  (JSON)
        """Give an order and wait for its answer; where `tolerant`, a ``failure`` is an answer too.

        Raises
        ------
        BenchmarkFailed
            The process ended, or says why it cannot carry out the order.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps({"do": do, **order}), file=self._process.stdin, flush=True)
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        except (OSError, ValueError) as error:
            raise BenchmarkFailed(
                f"The process {self._module} ended while it was measured (out of memory?). Close other programs and "
                "run the benchmark again."
            ) from error
        if "failure" in answer and not tolerant:
            raise BenchmarkFailed(str(answer["failure"]))
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
