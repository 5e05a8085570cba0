"""What scoring an archive through Ray costs, what it loses when processes are killed, and what ten million films take.

    python tests/benchmarks/cluster_triage.py overhead WORK [--films 400] [--rounds 3]
    python tests/benchmarks/cluster_triage.py kills WORK [--films 400] [--kills 20]
    python tests/benchmarks/cluster_triage.py plan WORK [--films 10000000] [--gpu-films-per-second RATE]

WORK keeps the bundle (15 MobileNets with random weights, in float32), the films and the figures. The films are those of
CXR_REAL_MATERIAL's ``nih/images`` where it names a folder, else phantoms. Each command goes through the command line as
a person's does; the contenders run in turn, so that what else the machine does strikes all of them.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pandas as pd
from cyclopts import App
from rich.console import Console
from rich.table import Table

app = App(help=__doc__, help_format="plaintext")

_CONTENDERS: Final = ("plain", "parquet", "ray")
_KILLED: Final = {"decoder of Ray's": "decode_chunk", "actor": "MapWorker", "decoding child": "intake.worker"}
_TIMES: Final = ["read_ms", "infer_ms"]
_FIGURES: Final = "figures.json"


@app.command
def overhead(work: Path, *, films: int = 400, rounds: int = 3) -> None:
    """Time plain triage, `--parquet` and `--parquet --on ray` in turn, each with a quarter of the films and with all.

    What the further films took tells a film's cost from that of the start. The time of the CPU, of all processes, is
    what compares where a machine has other work.
    """
    work = work.resolve()
    folders, bundle = {count: _films(work, count) for count in (films // 4, films)}, _bundle(work)
    times: dict[str, list[dict[str, float]]] = {name: [] for name in _CONTENDERS}
    for round_ in range(rounds):
        for name in _CONTENDERS:
            few, all_ = (_time(name, folder, bundle, work / f"out-{name}") for folder in folders.values())
            found = {**all_, **_apart(few, all_, films // 4, films)}
            times[name].append(found)
            said = ", ".join(f"{what} {value:.3f}" for what, value in found.items())
            print(f"round {round_ + 1} {name}: {said}", flush=True)
    rows = pd.read_parquet(work / "out-ray", dtype_backend="pyarrow")
    unequal = _unequal(pd.read_parquet(work / "out-parquet", dtype_backend="pyarrow"), rows)
    _print_overhead(times)
    print(f"columns in which the two tables differ, times left out: {unequal or 'none'}")
    figures = {
        "times": times,
        "row_bytes": _bytes(work / "out-ray", "part-*.parquet") / len(rows),
        "inventory_bytes": _bytes(work / "out-ray", "_inventory/*.parquet") / len(rows),
        "film_bytes": _bytes(folders[films], "*") / len(rows),
    }
    (work / _FIGURES).write_text(json.dumps(figures, indent=2))


@app.command
def kills(work: Path, *, films: int = 400, kills: int = 20, every_s: float = 6.0, seed: int = 0) -> int:
    """Kill processes at random while Ray scores an archive; exit code 1 if a film was lost, doubled or changed."""
    work = work.resolve()
    folder, bundle = _films(work, films), _bundle(work)
    whole, out = work / "out-parquet", work / "out-kills"
    if not list(whole.glob("part-*.parquet")):
        _time("parquet", folder, bundle, whole)
    shutil.rmtree(out, ignore_errors=True)
    generator, counts, start = random.Random(seed), Counter[str](), time.monotonic()
    with subprocess.Popen(_command("ray", folder, bundle, out), stdout=subprocess.DEVNULL) as child:
        while child.poll() is None:
            threading.Event().wait(generator.expovariate(1 / every_s))
            what = generator.choice(sorted(_KILLED))
            found = [pid for pid, title in _below(child.pid) if _KILLED[what] in title]
            if sum(counts.values()) < kills and found:
                os.kill(generator.choice(found), signal.SIGKILL)
                counts[what] += 1
                print(f"{time.monotonic() - start:6.1f} s  killed {what} ({sum(counts.values())})", flush=True)
    rows, expected = pd.read_parquet(out, dtype_backend="pyarrow"), pd.read_parquet(whole, dtype_backend="pyarrow")
    unequal = _unequal(expected, rows[rows["refusal_kind"].fillna("") != "worker-crashed"])
    crashed = rows[rows["refusal_kind"].fillna("") == "worker-crashed"]
    doubled = len(rows) - rows["file"].nunique()
    lost = len(set(expected["file"]) - set(rows["file"]))
    print(f"exit code {child.returncode} after {time.monotonic() - start:.0f} s; killed {dict(counts)}")
    print(f"{len(rows)} rows for {len(expected)} films: {lost} lost, {doubled} doubled")
    print(f"{len(crashed)} films are refused because their own decoding child was killed with them")
    print(f"columns in which the others differ from an undisturbed run: {unequal or 'none'}")
    return int(bool(child.returncode or lost or doubled or unequal or sum(counts.values()) < kills))


@app.command
def plan(work: Path, *, films: int = 10_000_000, gpu_films_per_second: float | None = None) -> None:
    """Compute what an archive takes from the figures that `overhead` measured; prints Markdown.

    Parameters
    ----------
    work
        Where `overhead` kept its figures.
    films
        Of the archive.
    gpu_films_per_second
        Rate of one GPU for the bundle. It was not measured here: measure it with `cxr-export benchmark` on yours.
    """
    found = json.loads((work / _FIGURES).read_text())
    ray = found["times"]["ray"]
    core_s, decoding = (statistics.median(each[what] for each in ray) for what in ("film_cpu_s", "film_decoders_cpu_s"))
    print(f"measured through Ray: {core_s:.3f} core seconds a film, {decoding:.3f} of them for decoding")
    print("\n| machines of 16 cores | hours | core hours |\n|---:|---:|---:|")
    for machines in (1, 10, 50, 100):
        hours = films * core_s / (16 * machines) / 3600
        print(f"| {machines} | {hours:,.0f} | {films * core_s / 3600:,.0f} |")
    print(f"\nDecoding alone: {films * decoding / 3600:,.0f} core hours.")
    if gpu_films_per_second:
        hours = films / gpu_films_per_second / 3600
        print(f"One GPU at {gpu_films_per_second:g} films/s (given, not measured here): {hours:,.0f} hours,")
        print(f"with {gpu_films_per_second * decoding:.1f} cores that decode for it.")
    print(f"\nRows: {found['row_bytes']:,.0f} bytes a film, {films * found['row_bytes'] / 1e9:,.1f} GB.")
    print(f"Inventory: {found['inventory_bytes']:,.0f} bytes a film, {films * found['inventory_bytes'] / 1e9:,.2f} GB.")
    print(f"Films read: {found['film_bytes'] / 1e6:,.2f} MB a film, {films * found['film_bytes'] / 1e12:,.1f} TB.")


def _bundle(work: Path) -> Path:
    path = work / "mobilenets.cxr"
    if not path.is_file():
        from cluster_bundle import make_bundle  # the one part that needs torch

        make_bundle(path)
    return path


def _films(work: Path, count: int) -> Path:
    """A folder with so many films: links to the real ones, in turn, or phantoms."""
    folder = work / f"films-{count}"
    if folder.is_dir():
        return folder
    real = Path(os.environ.get("CXR_REAL_MATERIAL", ""), "nih", "images")
    if real.is_dir():
        source = sorted(real.glob("*.png"))
    else:
        from docs_material import make_phantoms

        source = sorted((make_phantoms(work / "phantoms", films=count, seed=0)).rglob("*.png"))
    folder.mkdir(parents=True)
    for number in range(count):
        shutil.copyfile(source[number % len(source)], folder / f"film-{number:06}.png")
    return folder


def _command(name: str, films: Path, bundle: Path, out: Path) -> list[str]:
    words = ["triage", str(films), "--bundle", str(bundle), "--provider", "cpu"]
    into = ["--json", str(out / "worklist.json")] if name == "plain" else ["--parquet", str(out), "--part-films", "100"]
    return [sys.executable, "-m", "cxr_desktop.cli", *words, *into, *(["--on", "ray"] if name == "ray" else [])]


def _time(name: str, films: Path, bundle: Path, out: Path) -> dict[str, float]:
    """Seconds of a command, whole and until rows come, and of the CPU that all its processes used."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    start = time.monotonic()
    code = f"import cluster_events; cluster_events.watch({str(out / '_events.json')!r}); "
    line = [
        sys.executable,
        "-c",
        f"{code}import sys; from cxr_desktop.cli import main; sys.exit(main())",
        *_command(name, films, bundle, out)[3:],
    ]
    with subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=Path(__file__).parent
    ) as child:
        used = list(_cpu_seconds(child))
    assert child.returncode == 0, f"{name} ended with {child.returncode}"
    whole = time.monotonic() - start
    events = json.loads((out / "_events.json").read_text())
    start_s = events["first"] - start
    return {"whole_s": whole, "start_s": start_s, "whole_cpu_s": used[-1][1], "decoders_cpu_s": used[-1][2]}


def _apart(few: dict[str, float], all_: dict[str, float], small: int, large: int) -> dict[str, float]:
    """Tell a film's cost from that of the start, by two sizes of an archive."""
    names = {"film_s": "whole_s", "film_cpu_s": "whole_cpu_s", "film_decoders_cpu_s": "decoders_cpu_s"}
    films = {name: (all_[whole] - few[whole]) / (large - small) for name, whole in names.items()}
    return {**films, "fixed_cpu_s": all_["whole_cpu_s"] - large * films["film_cpu_s"]}


def _cpu_seconds(child: subprocess.Popen[bytes]) -> Iterator[tuple[float, float, float]]:
    """Look twice a second how much of the CPU a process and all below it used: when, all of it, and decoders' share."""
    ticks: dict[int, int] = {}
    decoders: set[int] = set()
    while child.poll() is None:
        for pid, title in ((child.pid, ""), *_below(child.pid)):
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:  # it ended meanwhile
                continue
            ticks[pid] = int(fields[11]) + int(fields[12])
            decoders |= {pid} if "intake.worker" in title else set()
        unit = os.sysconf("SC_CLK_TCK")
        yield time.monotonic(), sum(ticks.values()) / unit, sum(ticks[pid] for pid in decoders) / unit
        threading.Event().wait(0.5)


def _print_overhead(times: dict[str, list[dict[str, float]]]) -> None:
    table = Table(
        "command", "whole, s", "s a film", "CPU s, start and end", "CPU s a film", "a film / plain", "CPU / plain"
    )
    middle = {
        name: {what: statistics.median(each[what] for each in found) for what in found[0]}
        for name, found in times.items()
    }
    for name, found in middle.items():
        ratios = (found[what] / middle["plain"][what] for what in ("film_s", "film_cpu_s"))
        table.add_row(
            name,
            *(f"{found['whole_s']:.1f}", f"{found['film_s']:.3f}"),
            *(f"{found['fixed_cpu_s']:.0f}", f"{found['film_cpu_s']:.3f}"),
            *(f"{ratio:.3f}" for ratio in ratios),
        )
    Console(width=140).print(table)


def _unequal(expected: pd.DataFrame, found: pd.DataFrame) -> list[str]:
    """Names of the columns in which films of both tables differ."""
    keep = [name for name in expected if name not in _TIMES]
    both = expected[keep].set_index("file").loc[found["file"]].reset_index()
    rows = found[keep].reset_index(drop=True)[list(both)]
    return [name for name in both if not both[name].equals(rows[name])]


def _below(root: int) -> Iterator[tuple[int, str]]:
    """Process ids and titles of the processes below one."""
    parents: dict[int, int] = {}
    titles: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            titles[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
    for pid, title in titles.items():
        above = parents[pid]
        while above not in (0, root):
            above = parents.get(above, 0)
        if above:
            yield pid, title


def _bytes(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern))


if __name__ == "__main__":
    sys.exit(app())
