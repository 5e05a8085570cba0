"""The package in a clean Debian: installed, used and removed where there is no Python and no network. Needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from cxr_desktop.inference.verdict import Scored
from cxr_desktop.store import Store
from cxr_installer import debian, material, smoke
from cxr_installer.tools import InstallerError, Said, ask, present, run
from cxr_shared.bundle import open_bundle

SUITE: Final = "bookworm"
_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
_USER: Final = "reader"
_HOME: Final = f"home/{_USER}"
_DISPLAY: Final = ":77"
_SEARCHED: Final = ("bin", "etc", "home", "lib", "opt", "root", "sbin", "tmp", "usr", "var")
_DPKG: Final = ("var/lib/dpkg/", "var/log/", "var/cache/")


def possible() -> str:
    """Return why this cannot be run here, or nothing."""
    if os.name != "posix" or os.geteuid() != 0:
        return "it needs root, to enter another root"
    lacking = [each for each in ("debootstrap", "unshare", "chroot", "Xvfb", "xdotool") if not present(each)]
    return f"{', '.join(lacking)} not installed" if lacking else ""


def prepare(root: Path, *, mirror: str = "http://deb.debian.org/debian") -> None:
    """Make a minimal Debian with what the package depends on; one that was made for the same is taken again.

    Raises
    ------
    InstallerError
        debootstrap or apt failed.
    """
    if stamp(root).is_file() and stamp(root).read_text(encoding="utf-8") == "\n".join(debian.depends()):
        return
    if _mounts(root):
        raise InstallerError(f"{root} has mounts that an earlier run left. Unmount {', '.join(_mounts(root))} first.")
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    run(["debootstrap", "--variant=minbase", SUITE, root, mirror], log=root.with_suffix(".log"))
    names = [each.split(" (")[0].split(" | ")[-1] for each in debian.depends() if not each.startswith("libc6")]
    inside(root, ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *names], network=True)
    inside(root, ["useradd", "--create-home", _USER])
    stamp(root).write_text("\n".join(debian.depends()), encoding="utf-8")


def stamp(root: Path) -> Path:
    """Return the file that says for which dependencies a root was made; it is written last."""
    return root.with_suffix(".depends")


def _mounts(root: Path) -> list[str]:
    lines = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    return [line.split()[1] for line in lines if line.split()[1].startswith(f"{root.resolve()}/")]


def _require_no_python(root: Path) -> None:
    if ask(["chroot", root, "sh", "-c", "command -v python3 || command -v python"]).code == 0:
        raise InstallerError("the clean root has a Python, so it would prove nothing")


def inside(root: Path, command: list[str], *, network: bool = False, user: str = "root") -> Said:
    """Run a command in the root, without any network unless it is said; InstallerError where it fails."""
    said = _enter(root, command, network=network, user=user, env={})
    if said.code:
        raise InstallerError(
            f"`{' '.join(command[:3])}` in the clean root ended with {said.code}:\n{said.out}{said.err}"
        )
    return said


def _enter(root: Path, command: list[str], *, network: bool, user: str, env: dict[str, str]) -> Said:
    wall = [] if network else ["unshare", "--net"]
    variables = {"PATH": _PATH, "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **env}
    return ask([*wall, "chroot", f"--userspec={user}", root, *command], env=variables, timeout_s=900)


@contextmanager
def mounted(root: Path) -> Iterator[None]:
    """Give the root /proc, the harmless devices and X's socket for as long as the block runs.

    Nothing of the machine's own /dev is there: whatever deletes the root cannot reach it.
    """
    sockets = Path("/tmp/.X11-unix")
    if not sockets.exists():
        sockets.mkdir()
        sockets.chmod(0o1777)
    inner = root / "tmp" / ".X11-unix"
    inner.mkdir(parents=True, exist_ok=True)
    mounts = [
        (root / "proc", ["-t", "proc", "proc"]),
        (root / "dev", ["-t", "tmpfs", "-o", "mode=0755", "tmpfs"]),
        (inner, ["--bind", str(sockets)]),
    ]
    done: list[Path] = []
    try:
        for target, how in mounts:
            run(["mount", *how, target])
            done.append(target)
        for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)):
            run(["mknod", "-m", "666", root / "dev" / name, "c", "1", str(minor)])
        (root / "dev" / "shm").mkdir()
        (root / "dev" / "shm").chmod(0o1777)
        yield
    finally:
        for target in reversed(done):
            run(["umount", "--lazy", target])


def files(root: Path) -> set[str]:
    """Return every file of the root but what dpkg keeps of itself."""
    found = set()
    for top in _SEARCHED:
        for folder, folders, names in os.walk(root / top):
            if Path(folder).is_mount():
                folders.clear()
                continue
            found |= {str(Path(folder, name).relative_to(root)) for name in names}
    return {each for each in found if not each.startswith(_DPKG)}


def run_all(package: Path, root: Path, *, log: Path, picture: Path) -> list[tuple[str, float]]:
    """Install, use and remove the package in a prepared root; return each step and its seconds.

    Raises
    ------
    InstallerError
        A step failed, said something unexpected, or left a file behind.
    """
    times: list[tuple[str, float]] = []
    words: list[str] = []
    bundle, films = f"/{_HOME}/in/chest.cxr", f"/{_HOME}/in/films"

    def note(name: str, start: float, said: str) -> None:
        times.append((name, time.monotonic() - start))
        words.append(f"== {name} ({times[-1][1]:.1f} s)\n{said}")
        log.write_text("\n".join(words), encoding="utf-8")

    for each in ("in", "out", ".cache", ".config", ".local"):
        shutil.rmtree(root / _HOME / each, ignore_errors=True)
    inside(root, ["dpkg", "--purge", debian.PACKAGE])  # what an earlier try left
    material.write(root / _HOME / "in")
    (root / _HOME / "out").mkdir()
    _require_no_python(root)
    run(["chroot", root, "chown", "-R", f"{_USER}:{_USER}", f"/{_HOME}"])
    (root / "tmp" / package.name).unlink(missing_ok=True)
    before = files(root)
    shutil.copy(package, root / "tmp" / package.name)
    with mounted(root):
        start = time.monotonic()
        note("dpkg --install", start, inside(root, ["dpkg", "--install", f"/tmp/{package.name}"]).out)
        for step in smoke.steps(bundle, films, f"/{_HOME}/out"):
            start = time.monotonic()
            env = {"HOME": f"/{_HOME}", "QT_QPA_PLATFORM": "offscreen"}
            said = _enter(root, ["cxr-desktop", *step.arguments], network=False, user=_USER, env=env)
            note(step.name, start, said.out + said.err)
            smoke.judge(step, said)
        smoke.check_worklist(root / _HOME / "out" / "worklist.json")
        start = time.monotonic()
        note("window under Xvfb", start, window(root, bundle, films, picture))
        start = time.monotonic()
        (root / "tmp" / package.name).unlink()
        note("dpkg --purge", start, inside(root, ["dpkg", "--purge", debian.PACKAGE]).out)
    left = {each for each in files(root) - before if not each.startswith(_HOME)}
    if left or before - files(root):
        raise InstallerError(f"removal left or took {', '.join(sorted(left | (before - files(root)))[:5])}")
    note("nothing left behind", time.monotonic(), "")
    return times


def window(root: Path, bundle: str, films: str, picture: Path) -> str:
    """Open the installed window on an X server without a network, take its picture, close it with Ctrl+Q.

    Raises
    ------
    InstallerError
        It did not open, said something, or did not close with 0.
    """
    server = subprocess.Popen(["Xvfb", _DISPLAY, "-screen", "0", "1600x1000x24", "-nolisten", "tcp"])
    command = [
        "unshare",
        "--net",
        "chroot",
        f"--userspec={_USER}",
        str(root),
        "cxr-desktop",
        films,
        f"--bundle={bundle}",
    ]
    variables = {"PATH": _PATH, "LANG": "C.UTF-8", "HOME": f"/{_HOME}", "DISPLAY": _DISPLAY}
    display = {**os.environ, "DISPLAY": _DISPLAY}
    try:
        time.sleep(1.0)
        with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as program:
            try:
                name = run(["xdotool", "search", "--sync", "--onlyvisible", "--name", "."], env=display, timeout_s=60)
                time.sleep(8.0)  # the films are scored
                _picture(picture, display)
                number = name.out.split()[0]
                run(["xdotool", "windowfocus", number, "key", "ctrl+q"], env=display)
                said, _ = program.communicate(timeout=30)
            finally:
                program.kill()
    except subprocess.TimeoutExpired:
        raise InstallerError("the window did not close on Ctrl+Q") from None
    finally:
        server.kill()
        server.wait()
    if program.returncode or said.strip():
        raise InstallerError(f"the window ended with {program.returncode} and said: {said.decode(errors='replace')}")
    scored = kept(root)
    if scored != material.FILMS:
        raise InstallerError(f"the window kept scores of {scored} of {material.FILMS} films; look at {picture}")
    return f"opened, scored {scored} films, closed with 0; {picture.name}\n"


def kept(root: Path) -> int:
    """Count the films whose scores the window kept, in its own store."""
    path = root / _HOME / ".local" / "share" / "cxr-triage" / "worklist.sqlite"
    sha256 = open_bundle(root / _HOME / "in" / "chest.cxr").sha256
    with closing(Store(path)) as store:
        return sum(isinstance(each.verdict, Scored) for each in store.load(sha256))


def _picture(path: Path, environment: dict[str, str]) -> None:
    """Take a picture of the whole screen with Qt, in a process that has that display."""
    code = (
        "import sys; from PySide6.QtGui import QGuiApplication as A; a = A([]); "
        "sys.exit(not a.primaryScreen().grabWindow(0).save(sys.argv[1]))"
    )
    environment = {name: value for name, value in environment.items() if name != "QT_QPA_PLATFORM"}
    run([sys.executable, "-c", code, path], env=environment)
