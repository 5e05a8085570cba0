"""One writer for each run: a lease in the storage where the run lies.

A retried task may begin while the process it replaces is cut off but not dead, and two people may give the same
command. Ray knows of neither, and locks of a file system hold on one machine or not at all on object stores. So whoever
makes a run holds a small file beside it, made exclusively, and changes it every few seconds. A lease that its reader
has watched unchanged for a minute is taken over; clocks are never compared between machines. On one machine a process
that no longer exists is known at once. A holder that finds another's name in its lease stops.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from cxr_shared.files import write_bytes
from cxr_trainer.errors import RunBusy
from cxr_trainer.fit.loop import Stopped

BEAT_SECONDS: Final = 5.0
STALE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 1.0


class Slot(Protocol):
    """A small file that can be made exclusively."""

    def create(self, data: bytes) -> bool:
        """Make it with `data`; False where it exists."""
        ...

    def read(self) -> bytes | None:
        """Its content, None where it does not exist."""
        ...

    def replace(self, data: bytes) -> None:
        """Write over it, whole."""
        ...

    def delete(self) -> None:
        """Remove it where it exists."""
        ...


@dataclass(frozen=True, slots=True)
class FileSlot:
    """A slot in a folder that all machines see."""

    path: Path

    def create(self, data: bytes) -> bool:
        """See `Slot`; the content is there as soon as the name is."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        growing = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex}.part")
        growing.write_bytes(data)
        try:
            os.link(growing, self.path)
        except FileExistsError:
            return False
        finally:
            growing.unlink(missing_ok=True)
        return True

    def read(self) -> bytes | None:
        """See `Slot`."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def replace(self, data: bytes) -> None:
        """See `Slot`."""
        write_bytes(self.path, data)

    def delete(self) -> None:
        """See `Slot`."""
        self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the last one takes the folder away
            self.path.parent.rmdir()


class Lease:
    """A held lease."""

    def __init__(self, slot: Slot, fields: dict[str, Any]) -> None:
        self._slot = slot
        self._fields = fields
        self._lost = threading.Event()
        self._over = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._beating.start()

    def lost(self) -> bool:
        """Whether another has taken it."""
        return self._lost.is_set()

    def still_held(self) -> bool:
        """Look now whether it is still ours."""
        try:
            there = _parse(self._slot.read())
        except OSError:  # not to be reached just now; the next beat looks again
            return not self.lost()
        if there.get("holder") != self._fields["holder"]:
            self._lost.set()
        return not self.lost()

    def release(self) -> None:
        """Give it back, unless another has it."""
        self._over.set()
        self._beating.join()
        if self.still_held():
            self._slot.delete()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            if not self.still_held():
                return
            self._fields["beat"] += 1
            with contextlib.suppress(Exception):  # the storage may be away for a while; the run notices when it writes
                self._slot.replace(_bytes(self._fields))


@contextlib.contextmanager
def held(slot: Slot, *, name: str, command: str, stop: Callable[[], bool]) -> Iterator[Lease]:
    """Hold the lease in `slot`, waiting for one of the same command, whose worker was given up, to end.

    Parameters
    ----------
    slot
        Where it lies.
    name
        The run, for messages.
    command
        Names the command whose job this is; equal for its retries.
    stop
        Ends the waiting.

    Raises
    ------
    RunBusy
        A living process of another command makes the run.
    Stopped
        `stop` said so.
    """
    fields = {
        "holder": uuid.uuid4().hex, "command": command, "host": platform.node(), "machine": _machine(),
        "pid": os.getpid(), "born": _birth(os.getpid()), "beat": 0,
    }  # fmt: skip
    while not slot.create(_bytes(fields)):
        _wait_for_end(slot, name=name, command=command, stop=stop)
    lease = Lease(slot, fields)
    try:
        yield lease
    finally:
        lease.release()


def _wait_for_end(slot: Slot, *, name: str, command: str, stop: Callable[[], bool]) -> None:
    """Return when the lease is free, or was given up and is removed.

    Of two who take over at once, one may remove what the other has just made; that one's next beat tells it to stop.
    """
    seen, since = slot.read(), time.monotonic()
    while seen is not None:
        holder = _parse(seen)
        if _dead(holder) or time.monotonic() - since > STALE_SECONDS:
            if slot.read() == seen:
                slot.delete()
            return
        time.sleep(_LOOK_SECONDS)
        now = slot.read()
        if stop():
            raise Stopped
        if now not in (seen, None) and holder.get("command") != command:
            raise RunBusy(name, host=str(holder.get("host", "?")), pid=int(holder.get("pid", 0)))
        if now != seen:
            seen, since = now, time.monotonic()


def _dead(holder: dict[str, Any]) -> bool:
    """Whether the holder was a process of this machine that is no more."""
    if holder.get("machine") != _machine():
        return False
    pid = int(holder.get("pid", 0))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # it exists and is somebody else's
        return False
    return bool(holder.get("born") != _birth(pid))


def _machine() -> str:
    """Tells machines, boots and, on Linux, containers apart, within which process numbers mean the same."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{platform.node()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _birth(pid: int) -> str:
    """When a process of this machine began, in the kernel's ticks, as numbers are used again; empty if it is dead."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state in ("Z", "X") else fields[18]


def _bytes(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def _parse(data: bytes | None) -> dict[str, Any]:
    try:
        fields = json.loads(data or b"{}")
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
