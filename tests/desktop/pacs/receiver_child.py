"""A receiver in a process of its own, to be attacked, measured and killed.

python receiver_child.py FOLDER CONFIG_JSON: prints its port, and ends when its standard input does.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

SPOOL, LOG, EVENTS = "spool", "receiver.log", "events.json"


def main(folder: Path, config_json: str) -> None:
    from cxr_desktop.pacs.config import ReceiveConfig
    from cxr_desktop.pacs.receive import Receiver, ReceiverEvent
    from cxr_desktop.pacs.spool import Spool

    logging.basicConfig(filename=folder / LOG, level=logging.DEBUG, format="%(name)s %(levelname)s %(message)s")
    logging.captureWarnings(True)
    config = ReceiveConfig.model_validate_json(config_json)
    counted: Counter[str] = Counter()
    lock = threading.Lock()

    def count(event: ReceiverEvent) -> None:
        with lock:
            counted[" ".join(filter(None, (type(event).__name__, getattr(event, "reason", ""))))] += 1

    with Receiver(config, Spool(folder / SPOOL, config.quotas), on_film=lambda _film: None, on_event=count) as receiver:
        print(receiver.port, flush=True)
        sys.stdin.read()
    (folder / EVENTS).write_text(json.dumps(counted))


class Child:
    """A running receiver child."""

    def __init__(self, folder: Path, **config: object) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(folder), json.dumps({"port": 0, **config})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},  # numpy's own threads would count as callers
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    @property
    def films(self) -> list[Path]:
        return list((self.folder / SPOOL).rglob("*.dcm"))

    @property
    def unfinished(self) -> list[Path]:
        return list((self.folder / SPOOL / "incoming").iterdir())

    @property
    def log(self) -> str:
        return (self.folder / LOG).read_text()

    @property
    def threads(self) -> int:
        return self._status("Threads:")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    @property
    def peak_mb(self) -> float:
        """Highest resident memory since it started, or since `forget_peak`, in 10^6 bytes."""
        return self._status("VmHWM:") * 1024 / 1e6

    @property
    def processor_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def wait_until_alone(self, within: float = 60) -> bool:
        """Wait until no caller is left: the listener, the notifier and the main thread remain."""
        by = time.monotonic() + within
        while self.threads > 3 and time.monotonic() < by:
            time.sleep(0.02)
        return self.threads <= 3

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> dict[str, int]:
        """End it as a service manager would; returns its events, counted."""
        if self.process.poll() is None:
            self.process.communicate(timeout=60)
        counted: dict[str, int] = json.loads((self.folder / EVENTS).read_text())
        return counted

    def _status(self, key: str) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(key))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
