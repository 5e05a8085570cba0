"""Where the frozen program begins: a child process's module, or the command line."""

from __future__ import annotations

import multiprocessing
import sys

from cxr_desktop import children


def main() -> int:
    """Run a child process's module, or the command line."""
    multiprocessing.freeze_support()
    arguments = sys.argv[1:]
    if children.requested(arguments):
        children.run(arguments[1], arguments[2:])
        return 0
    from cxr_desktop.windowed import run_here

    return run_here()


if __name__ == "__main__":
    sys.exit(main())
