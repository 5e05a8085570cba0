"""Run commands of this product, each in a fork of this process, which has imported what they need.

Each is what the console script is: `main()` of its package, with the arguments, folder, environment, standard streams
and signals of a client (`client.py`). Any other program is executed in the fork.

A fork takes over one thread alone, so no library that is imported here may have started another.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

MAINS = {"cxr-trainer": "cxr_trainer.cli", "cxr-export": "cxr_export.cli", "cxr-desktop": "cxr_desktop.cli"}
PRELOADED = (
    "cxr_trainer.commands.audit",
    "cxr_trainer.commands.dry_run",
    "cxr_trainer.commands.fit",
    "cxr_trainer.commands.report",
    "cxr_trainer.commands.schedule",
    "cxr_export.write",
    "cxr_export.card",
    "cxr_export.inspect",
    "cxr_desktop.selftest",
    "cxr_desktop.ui.screenshot",
    "matplotlib.figure",  # the rest is imported where it is used
    "sklearn.metrics",
    "tensorboardX",
    "timm",
    "torchvision",
)


def main() -> NoReturn:
    """Serve until the standard input ends, then end all processes of this group; a fork ends with its command."""
    for module in (*MAINS.values(), *PRELOADED):
        importlib.import_module(module)
    threads = list(Path("/proc/self/task").iterdir())
    assert len(threads) == 1, f"{len(threads)} threads run after the imports"
    gc.freeze()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, selectors.DefaultSelector() as waiting:
        listener.bind(sys.argv[1])
        listener.listen()
        print("ready", flush=True)
        request = _serve(listener, waiting)
    _become(*request)


def _serve(listener: socket.socket, waiting: selectors.BaseSelector) -> tuple[dict[str, Any], list[int]]:
    """Fork for each client; returns in the forks alone, with the request and the standard streams."""
    waiting.register(listener, selectors.EVENT_READ)
    waiting.register(sys.stdin, selectors.EVENT_READ)
    while True:
        key, _ = waiting.select()[0]
        if key.fileobj is sys.stdin:
            os.killpg(0, signal.SIGKILL)
        elif key.fileobj is not listener:
            _attend(key, waiting)
        else:
            connection, _ = listener.accept()
            request, streams = _receive(connection)
            child = os.fork()
            if child == 0:
                return request, streams
            for stream in streams:
                os.close(stream)
            end = os.pidfd_open(child)
            for each in (end, connection):
                waiting.register(each, selectors.EVENT_READ, (child, end, connection))


def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    text, streams, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    while not text.endswith(b"\n"):
        more = connection.recv(1 << 16)
        assert more, "a client ended within its request"
        text += more
    return json.loads(text), streams


def _attend(key: selectors.SelectorKey, waiting: selectors.BaseSelector) -> None:
    """Pass on a client's signal, or tell it that its command ended; where the client is gone, kill the command."""
    child, end, connection = key.data
    if key.fileobj is connection:
        asked = connection.recv(1)
        signal.pidfd_send_signal(end, asked[0] if asked else signal.SIGKILL)
        if asked:
            return
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(OSError):
        connection.sendall(f"{code}\n".encode())
    for each in (end, connection):
        waiting.unregister(each)
    os.close(end)
    connection.close()


def _become(request: dict[str, Any], streams: list[int]) -> NoReturn:
    """Do what the client was asked to do, as if this process were it."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    if not request["interruptible"]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    name, arguments = request["name"], request["arguments"]
    if name not in MAINS:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvp(arguments[0], arguments)
    sys.argv = [name, *arguments]
    _end(_code(importlib.import_module(MAINS[name]).main))


def _code(main: Callable[[], int]) -> int:
    try:
        return main()
    except SystemExit as ended:
        if not isinstance(ended.code, int):
            raise
        return ended.code


def _end(code: int) -> NoReturn:
    """End as the interpreter does, but do not take every module apart, which takes longer than most commands."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
