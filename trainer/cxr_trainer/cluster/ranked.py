"""One run on several processes of this machine that share each batch, started and ended with the job.

torchrun's agent starts them (`cxr_trainer.parallel` is what they do). They are told what to do by a file, say what
happens by a file of events that the job reads, and are asked to stop by a file that appears. All of them end when the
job's process does.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from cxr_shared.errors import CxrError
from cxr_shared.files import write_json
from cxr_trainer.cluster.agent import LOOK_SECONDS, end_with
from cxr_trainer.cluster.jobs import JobEvent, Outcome, Tell
from cxr_trainer.fit.loop import Stopped

if TYPE_CHECKING:
    from cxr_trainer.cluster.fitting import FitWork
    from cxr_trainer.cluster.storage import Place


def fit_on_ranks(work: FitWork, place: Place, tell: Tell) -> Outcome:
    """Do the fit of `work` at `place` on ``work.processes`` processes; returns how it ended.

    Raises
    ------
    Stopped
        `place.stop` said so.
    """
    from cxr_trainer.cluster.fitting import has_begun

    with tempfile.TemporaryDirectory(prefix="cxr-ranks-") as temporary:
        folder = Path(temporary)
        begun = has_begun(place.folder)  # asked once, since the leading rank soon changes the answer
        (folder / "work").write_bytes(pickle.dumps((work, place.folder, begun)))
        with _agent(folder, work.processes) as agent:
            events = _Tail(folder / "events")
            while agent.poll() is None:
                if place.stop():
                    (folder / "stop").touch()
                events.hand_on(tell)
                time.sleep(LOOK_SECONDS)
            events.hand_on(tell)
        return _outcome(folder, agent.returncode)


def _outcome(folder: Path, code: int) -> Outcome:
    if not (folder / "outcome").is_file():
        last = (folder / "log").read_text("utf-8", errors="replace").strip().splitlines()[-1:]
        return Outcome("broken", f"The processes of the run ended with {code}: {' '.join(last)}")
    outcome = Outcome(**json.loads((folder / "outcome").read_text("utf-8")))
    if outcome.state == "stopped":
        raise Stopped
    return outcome


@contextlib.contextmanager
def _agent(folder: Path, processes: int) -> Iterator[subprocess.Popen[bytes]]:
    """The agent of torchrun, ended at the end."""
    command = [sys.executable, "-m", "cxr_trainer.cluster.agent", str(processes), str(folder), str(os.getpid())]
    environment = {**os.environ, "OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // processes))}
    with (folder / "log").open("wb") as log:
        # In a session of its own, since Ctrl-C asks the job, which asks the ranks.
        agent = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield agent
        finally:
            if agent.poll() is None:
                agent.terminate()
            agent.wait()


class _Tail:
    """Reads what is appended to a file of length-prefixed pickles, which our own processes write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def hand_on(self, tell: Tell) -> None:
        """Hand on every event that is whole."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as stream:
            stream.seek(self._read)
            while len(head := stream.read(4)) == 4:
                data = stream.read(int.from_bytes(head, "big"))
                if len(data) < int.from_bytes(head, "big"):
                    return
                self._read = stream.tell()
                tell(pickle.loads(data))


class EventFile:
    """Appends events to the file that the job reads; on the leading rank."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def emit(self, event: JobEvent) -> None:
        """Append one event."""
        data = pickle.dumps(event)
        with self._path.open("ab") as stream:
            stream.write(len(data).to_bytes(4, "big") + data)


def run_rank(folder: Path, *, parent: int) -> None:
    """Be one rank: make the run, or go on with it; the leading one leaves the outcome."""
    from cxr_trainer.cluster.fitting import RUNS_OWN, go_on

    end_with(parent)
    work, place, begun = pickle.loads((folder / "work").read_bytes())
    stop, sink = (folder / "stop").exists, EventFile(folder / "events")
    try:
        go_on(work.recipe, work.data, place, device=work.device, sink=sink, stop=stop, begun=begun)
        outcome = Outcome("finished")
    except Stopped:
        outcome = Outcome("stopped")
    except CxrError as error:
        outcome = Outcome("failed" if isinstance(error, RUNS_OWN) else "broken", str(error))
    if os.environ["RANK"] == "0":
        write_json(folder / "outcome", {"state": outcome.state, "said": outcome.said})
    if outcome.state in ("failed", "broken"):
        sys.exit(1)  # torchrun then ends the others, who may wait for this one
