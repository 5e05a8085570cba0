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
from subprocess import PIPE, STDOUT
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
    """Return every file and folder of the root but what dpkg keeps of itself."""
    found = set()
    for top in _SEARCHED:
        for folder, folders, names in os.walk(root / top):
            if Path(folder).is_mount():
                folders.clear()
                continue
            found |= {str(Path(folder, name).relative_to(root)) for name in (*names, *folders)}
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
    (root / "tmp" / ".X11-unix").mkdir(exist_ok=True)
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
    command = ["unshare", "--net", "chroot", f"--userspec={_USER}", str(root), "cxr-desktop", films]
    with x_server() as display:
        variables = {"PATH": _PATH, "LANG": "C.UTF-8", "HOME": f"/{_HOME}", "DISPLAY": display}
        outside = {**os.environ, "DISPLAY": display}
        # The bundle is named as a file manager names it: among the files to open.
        with subprocess.Popen([*command, bundle], env=variables, stdout=PIPE, stderr=STDOUT) as program:
            try:
                name = run(["xdotool", "search", "--sync", "--onlyvisible", "--name", "."], env=outside, timeout_s=60)
                wait_until_settled(store(root))
                _picture(picture, outside)
                run(["xdotool", "windowfocus", name.out.split()[0], "key", "ctrl+q"], env=outside)
                said, _ = program.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                raise InstallerError("the window did not close on Ctrl+Q") from None
            finally:
                program.kill()
    if program.returncode or said.strip():
        raise InstallerError(f"the window ended with {program.returncode} and said: {said.decode(errors='replace')}")
    scored = kept(root)
    if scored != material.FILMS:
        raise InstallerError(f"the window kept scores of {scored} of {material.FILMS} films; look at {picture}")
    return f"opened, scored {scored} films, closed with 0; {picture.name}\n"


def kept(root: Path) -> int:
    """Count the films whose scores the window kept, in its own store."""
    sha256 = open_bundle(root / _HOME / "in" / "chest.cxr").sha256
    with closing(Store(store(root))) as opened:
        return sum(isinstance(each.verdict, Scored) for each in opened.load(sha256))


def store(root: Path) -> Path:
    """Return the window's store in a root."""
    return root / _HOME / ".local" / "share" / "cxr-triage" / "worklist.sqlite"


@contextmanager
def x_server() -> Iterator[str]:
    """Run an X server that no network reaches, and give the name of its display.

    Raises
    ------
    InstallerError
        It did not start.
    """
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        try:
            with os.fdopen(read) as answer:
                number = answer.readline().strip()  # comes when it is ready, or its end
            if not number:
                raise InstallerError("Xvfb did not start. Run it by hand to see why.")
            yield f":{number}"
        finally:
            server.kill()


def wait_until_settled(path: Path, *, quiet_s: float = 3.0, patience_s: float = 120.0) -> None:
    """Wait until a store has grown and no longer grows; it is locked while its window is open, so its size must do.

    Raises
    ------
    InstallerError
        It was not there, or grew on, to the end of `patience_s`.
    """
    size, since, end = 0, time.monotonic(), time.monotonic() + patience_s
    while not size or time.monotonic() - since < quiet_s:
        if time.monotonic() > end:
            raise InstallerError(f"the window was not done with its films within {patience_s:g} s")
        time.sleep(0.1)
        now = sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*"))
        if now != size:
            size, since = now, time.monotonic()


def _picture(path: Path, environment: dict[str, str]) -> None:
    """Take a picture of the whole screen with Qt, in a process that has that display."""
    code = (
        "import sys; from PySide6.QtGui import QGuiApplication as A; a = A([]); "
        "sys.exit(not a.primaryScreen().grabWindow(0).save(sys.argv[1]))"
    )
    environment = {name: value for name, value in environment.items() if name != "QT_QPA_PLATFORM"}
    run([sys.executable, "-c", code, path], env=environment)
