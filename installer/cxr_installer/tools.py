"""Running other programs, and refusing to go on where one failed or said what nobody expected."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

EPOCH: Final = 1_700_000_000
"""Time of every file in a package where neither SOURCE_DATE_EPOCH nor git says one, in seconds since 1970."""


class InstallerError(Exception):
    """A package cannot be made, or is not as it should be; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a program answered: its exit code and both streams as text."""

    code: int
    out: str
    err: str


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    timeout_s: float = 3600,
) -> Said:
    """Run a program to its end and return what it said; `log` keeps all of it.

    Raises
    ------
    InstallerError
        It is not installed, it ran too long, or it failed; the message holds its last lines.
    """
    said = ask(command, cwd=cwd, env=env, timeout_s=timeout_s)
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(said.out + said.err, encoding="utf-8")
    if said.code:
        tail = "\n".join((said.out + said.err).strip().splitlines()[-15:])
        raise InstallerError(f"`{' '.join(map(str, command[:4]))} …` ended with {said.code}:\n{tail}")
    return said


def ask(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 3600,
) -> Said:
    """Run a program as `run` does, whatever its exit code.

    Raises
    ------
    InstallerError
        It is not installed, or it ran too long.
    """
    try:
        done = subprocess.run(
            [str(each) for each in command],
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError:
        raise InstallerError(f"{command[0]} is not installed. Install it and run the same command again.") from None
    except subprocess.TimeoutExpired:
        raise InstallerError(f"`{' '.join(map(str, command[:4]))} …` took longer than {timeout_s:g} s.") from None
    return Said(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def present(program: str) -> bool:
    """Whether a program can be called by its name."""
    return shutil.which(program) is not None


def source_date_epoch(root: Path) -> int:
    """Return SOURCE_DATE_EPOCH, else the time of the last commit, else `EPOCH` (reproducible-builds.org)."""
    named = os.environ.get("SOURCE_DATE_EPOCH", "")
    if named:
        return int(named)
    if not present("git"):
        return EPOCH
    said = ask(["git", "log", "-1", "--format=%ct"], cwd=root)
    return int(said.out) if said.code == 0 and said.out.strip() else EPOCH


def megabytes(folder: Path) -> float:
    """Size of all files in a folder, links not followed, in 10⁶ bytes."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6
