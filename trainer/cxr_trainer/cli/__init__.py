"""The `cxr-trainer` command: declares options, calls one use case, turns its answer into an exit code."""

from __future__ import annotations

from cxr_shared.console import run_command
from cxr_trainer.cli import films, runs, studies
from cxr_trainer.cli.options import app

__all__ = ["app", "films", "main", "runs", "studies"]


def main() -> int:
    """Run the command line; returns the exit code."""
    return run_command(app, extra="trainer")
