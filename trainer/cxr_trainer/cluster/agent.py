"""Process of a run on several ranks: PROCESSES, or 0 for one rank itself, a FOLDER, and the PARENT to end with.

Each process that decodes films for a rank imports this module again, and the agent computes nothing: what the ranks
need is imported by them alone.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Final

LOOK_SECONDS: Final = 0.2


def end_with(parent: int) -> None:
    """End this process as soon as it is no longer `parent`'s child."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def run_agent(processes: int, folder: str, *, parent: int) -> None:
    """Run torchrun's agent for `processes` ranks."""
    from torch.distributed.run import main

    end_with(parent)
    standalone = ["--standalone", f"--nproc-per-node={processes}", "-m"]
    main([*standalone, "cxr_trainer.cluster.agent", "0", folder, str(os.getpid())])


def main() -> None:
    """Run as torchrun's agent, or as one of its ranks, as the command line says."""
    processes, folder, parent = sys.argv[1:4]
    if processes != "0":
        run_agent(int(processes), folder, parent=int(parent))
        return
    from cxr_trainer.cluster.ranked import run_rank

    run_rank(Path(folder), parent=int(parent))


if __name__ == "__main__":
    main()
