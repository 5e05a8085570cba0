"""Process of a run on several ranks: PROCESSES, or 0 for one rank itself, a FOLDER, and the PARENT to end with."""

from __future__ import annotations

import sys
from pathlib import Path

from cxr_trainer.cluster.ranked import run_agent, run_rank

if __name__ == "__main__":
    processes, where, parent = sys.argv[1:4]
    if processes == "0":
        run_rank(Path(where), parent=int(parent))
    else:
        run_agent(int(processes), where, parent=int(parent))
