"""A pool of decoding processes in which a crash or a hang costs one film.

`concurrent.futures.ProcessPoolExecutor` breaks as a whole when one process dies and cannot end one that
hangs; `multiprocessing` imports the caller's main module again. So each process is a child with two pipes.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from cxr_desktop import children
from cxr_desktop.intake.frames import Frame, read_frame, write_frame
from cxr_desktop.intake.limits import OUT_OF_MEMORY_EXIT, memory_sentence
from cxr_desktop.intake.prepared import DisplayFilm, NotRead, Prepared, decode
from cxr_shared.film import RefusalKind

if TYPE_CHECKING:
    from cxr_shared.bundle import InputSpec

WORKER: Final = tuple(children.command("cxr_desktop.intake.worker"))
_POLL_S: Final = 0.1


Decoded: TypeAlias = Prepared | DisplayFilm | NotRead


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class DecodePool:
    """Decoding processes, started when first needed and ended by `close`.

    Parameters
    ----------
    workers
        Number of processes; by default half of the cores, 1 to 8, since inference uses the others.
    timeout_s
        Longest time for one film in seconds, the start of its process included.
    command
        Command line of a process.
    """

    def __init__(self, *, workers: int | None = None, timeout_s: float = 60.0, command: Sequence[str] = WORKER) -> None:
        self.workers = workers or min(8, max(1, available_cores() // 2))
        self._timeout_s = timeout_s
        self._command = tuple(command)
        self._closed = threading.Event()
        self._children: list[_Child] = []
        self._idle: list[_Child] = []
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="cxr-decode")

    def prepare(
        self,
        paths: Iterable[Path],
        spec: InputSpec,
        *,
        thumbnail: int = 0,
        ahead: int = 8,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[Prepared | NotRead]]:
        """Decode films for the models, each as soon as it is ready, at most `ahead` films in advance.

        Parameters
        ----------
        paths
            The files.
        spec
            The bundle's input.
        thumbnail
            Longer side of the thumbnail in pixels; 0 makes none.
        ahead
            Films decoded or being decoded that were not yet taken.
        stopped
            Asked often; True ends the iteration.

        Yields
        ------
        list
            All films that became ready since the last, at least one.
        """
        request = {"want": "prepare", "input": spec.model_dump(), "thumbnail": thumbnail}
        waiting: set[Future[Decoded]] = set()
        source = iter(paths)
        try:
            while not stopped():
                while len(waiting) < max(ahead, self.workers) and (path := next(source, None)) is not None:
                    waiting.add(self._submit({**request, "path": str(path)}))
                if not waiting:
                    return
                done, waiting = wait(waiting, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                if done:
                    yield [each.result() for each in done]  # type: ignore[misc]
        except CancelledError:  # the pool was closed meanwhile
            return
        finally:
            for future in waiting:
                future.cancel()

    def display(self, path: Path) -> DisplayFilm | NotRead:
        """Decode one film for the viewer; blocks the caller until it is ready.

        Raises
        ------
        concurrent.futures.CancelledError
            The pool was closed.
        """
        answer = self._submit({"want": "display", "path": str(path)}).result()
        assert not isinstance(answer, Prepared)
        return answer

    def close(self) -> None:
        """End every process and thread; may be called again, and from any thread but the pool's own."""
        with self._lock:
            self._closed.set()
            children = list(self._children)
        for child in children:
            child.end()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for child in children:
            child.bury()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, request: Mapping[str, Any]) -> Decoded:
        path = Path(request["path"])
        child = self._take()
        try:
            return decode(child.ask(request, timeout_s=self._timeout_s), path)
        except (OSError, EOFError, KeyError, TypeError, ValueError):
            child.bury()
            if self._closed.is_set():
                raise CancelledError from None
            return child.fault(path, timeout_s=self._timeout_s)
        finally:
            with self._lock:
                self._idle.append(child)

    def _submit(self, request: Mapping[str, Any]) -> Future[Decoded]:
        try:
            return self._threads.submit(self._ask, request)
        except RuntimeError:  # the pool was closed
            raise CancelledError from None

    def _take(self) -> _Child:
        with self._lock:
            if self._closed.is_set():
                raise CancelledError
            if not self._idle:
                self._idle.append(_Child(self._command))
                self._children.append(self._idle[-1])
            return self._idle.pop()


class _Child:
    """One decoding process, started again when it had to be ended."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._ended = False
        self._timed_out = False
        self._exit_code: int | None = None

    def ask(self, request: Mapping[str, Any], *, timeout_s: float) -> Frame:
        """Send a request and wait for its answer; OSError or EOFError when the process died or was ended."""
        self._timed_out = False
        process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        timer = threading.Timer(timeout_s, self._expire)
        timer.start()
        try:
            write_frame(process.stdin, request)
            return read_frame(process.stdout)
        finally:
            timer.cancel()
            timer.join()

    def fault(self, path: Path, *, timeout_s: float) -> NotRead:
        """Say in words why the last request got no answer."""
        if self._timed_out:
            return NotRead(
                kind="worker-timeout",
                message=f"Decoding took longer than {timeout_s:g} s and was stopped; the others went on.",
                source=path,
            )
        code = self._exit_code
        if code == OUT_OF_MEMORY_EXIT:
            return NotRead(kind=RefusalKind.TOO_LARGE.value, message=memory_sentence(), source=path)
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return NotRead(
            kind="worker-crashed",
            message=f"The decoding process ended on this file ({how}). The other films went on.",
            source=path,
        )

    def bury(self) -> None:
        """Reap a process that died or was killed, so that the next request starts another."""
        process = self._process
        if process is None:
            return
        # One that is dying by itself gets a moment, so that its own exit code is the one reported.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1.0)
        self._exit_code = _reap(process)
        self._process = None

    def end(self) -> None:
        """Kill the process for good; one that waits for an answer gets none."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()

    def _expire(self) -> None:
        with self._lock:
            self._timed_out = True
            if self._process is not None:
                self._process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._ended:
                raise EOFError("the pool was closed")
            if self._process is None:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C is for the desktop, which then ends its children
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
            return self._process


def _reap(process: subprocess.Popen[bytes]) -> int:
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    return process.wait()
