"""Events on their way from the tasks to the command, and the wish to stop on its way back.

A task's events go into a small box; a thread takes them out a few times a second, hands them to one actor, and learns
in the answer whether to stop. The command empties the actor as often. Of updates, of which there may be hundreds a
second, each station keeps a run's latest alone; of the rest, the newest few thousand.

A task waits for the actor only when it starts and after each epoch. The actor's process may take longer to start than a
short job takes to finish, and the command could neither show such a job nor stop it. An epoch is what the command
counts when workers are lost: one that is killed a moment later must have reported it.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from cxr_trainer.cluster.jobs import JobEvent
from cxr_trainer.fit.events import CachingFilms, EpochFinished, StageFinished, Updated

SECONDS: Final = 0.4
_KEPT: Final = 4096
PROGRESS: Final = (EpochFinished, StageFinished)


class Sent(NamedTuple):
    """An event and the name of its job."""

    job: str
    event: JobEvent


class Box:
    """Bounded: events in their order, of each job's progress the latest alone."""

    def __init__(self) -> None:
        self._events: deque[Sent] = deque(maxlen=_KEPT)
        self._progress: dict[str, Sent] = {}

    def put(self, sent: Sent) -> None:
        """Add an event."""
        if isinstance(sent.event, Updated | CachingFilms):
            self._progress[sent.job] = sent
            return
        if sent.job in self._progress:  # what came before it
            self._events.append(self._progress.pop(sent.job))
        self._events.append(sent)

    def empty(self) -> list[Sent]:
        """Take everything out."""
        taken = [*self._events, *self._progress.values()]
        self._events.clear()
        self._progress.clear()
        return taken


class Relay:
    """The actor's state."""

    def __init__(self) -> None:
        self._box = Box()
        self._stop = False

    def put(self, events: Sequence[Sent]) -> bool:
        """Take a task's events; returns whether it shall stop."""
        for sent in events:
            self._box.put(sent)
        return self._stop

    def take(self, *, stop: bool) -> list[Sent]:
        """Hand out all events; from now on tasks are told `stop`. Said each time, so that a new actor learns it."""
        self._stop = stop
        return self._box.empty()


class Line:
    """A task's end of the relay.

    Parameters
    ----------
    actor
        Handle of the actor.
    job
        The task's job.
    """

    def __init__(self, actor: Any, job: str) -> None:  # noqa: ANN401  (Ray's handle)
        self._actor = actor
        self._job = job
        self._box = Box()
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._stop = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send_on, name="events", daemon=True)

    def start(self, event: JobEvent) -> None:
        """Send the first event, wait until the relay has it, and so learn whether to stop; then send others on."""
        self.tell(event)
        self._send()
        self._thread.start()

    def tell(self, event: JobEvent) -> None:
        """Send an event: progress at once, others soon."""
        with self._lock:
            self._box.put(Sent(self._job, event))
        if isinstance(event, PROGRESS):
            self._send()

    def stop(self) -> bool:
        """Whether the command asks to stop."""
        return self._stop.is_set()

    def close(self) -> None:
        """Send what is left."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._send()

    def _send_on(self) -> None:
        while not self._over.wait(SECONDS):
            self._send()

    def _send(self) -> None:
        import ray

        with self._sending:  # in their order, although two threads send
            with self._lock:
                events = self._box.empty()
            with contextlib.suppress(ray.exceptions.RayError):  # the actor is begun again; these events are not shown
                if ray.get(self._actor.put.remote(events)):
                    self._stop.set()
