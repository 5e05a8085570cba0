"""The two stages of scoring on a cluster, as functions of tables: decoding, and the models.

A chunk of films is one table and one task, and gives one table: done again after its process was killed, it gives the
same films again, however the order in which they were ready may differ.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from cxr_desktop.archive.fetching import FetchingPool
from cxr_desktop.archive.films import Part
from cxr_desktop.archive.inventory import films_of, table_of_films
from cxr_desktop.archive.rows import table_of
from cxr_desktop.archive.settled import Decision
from cxr_desktop.archive.tables import arrow
from cxr_desktop.inference.engine import Engine
from cxr_desktop.inference.kinds import kind_wanted
from cxr_desktop.inference.providers import choose_provider
from cxr_desktop.inference.triage import judge
from cxr_desktop.inference.trust import open_trusted
from cxr_desktop.intake.decoding import WORKER, DecodePool
from cxr_desktop.intake.frames import Array
from cxr_desktop.intake.prepared import NotRead, Prepared, decode, encode
from cxr_shared.bundle import Bundle, InputSpec
from cxr_shared.errors import BundleError
from cxr_shared.files import write_bytes

CHUNK: Final = 32
"""Films of a task: what is lost with a process that is killed, and long enough that a task's own cost is small."""


def chunks_of(part: Part) -> Iterator[Any]:
    """Cut a part into tables of at most `CHUNK` films, with their numbers."""
    pa = arrow()
    table = table_of_films(part.films)
    table = table.append_column("number", pa.array(range(len(table)), pa.int32()))
    table = table.append_column("part", pa.array([part.number] * len(table), pa.int32()))
    for start in range(0, len(table), CHUNK):
        # A slice would be sent with all of the part's bytes.
        yield table.take(pa.array(range(start, min(start + CHUNK, len(table)))))


def decode_chunk(table: Any, *, spec: dict[str, Any], command: Sequence[str] | None = None) -> Any:  # noqa: ANN401
    """Decode the films of a chunk.

    Parameters
    ----------
    table
        From `chunks_of`.
    spec
        The bundle's `InputSpec`, as a document.
    command
        Command line of the decoding process; by default this machine's own.

    Returns
    -------
    pyarrow.Table
        ``part``, ``number``, ``file``, ``frame`` (what is known of the film, JSON), ``pixels`` (the model input, or
        nothing for a film that gave none).
    """
    films = films_of(table)
    numbers = table["number"].to_pylist()
    rows = []
    with contextlib.closing(FetchingPool(_pool(tuple(command or WORKER)), films)) as pool:
        for ready in pool.prepare(pool.paths, InputSpec(**spec), ahead=4):
            for each in ready:
                place = pool.place(each.source)
                rows.append({"number": numbers[place], "file": table["file"][place].as_py(), **_packed(each)})
    pa = arrow()
    fields = [("number", pa.int32()), ("file", pa.binary()), ("frame", pa.string()), ("pixels", pa.binary())]
    made = pa.Table.from_pylist(rows, schema=pa.schema(fields))
    return made.append_column("part", pa.array([table["part"][0].as_py()] * len(made), pa.int32()))


@dataclass(frozen=True, slots=True)
class BundleSource:
    """Where a process takes the bundle from.

    Attributes
    ----------
    path
        Where it lay when the run began; used where the same file lies there.
    sha256
        Of its file.
    content
        Ray's reference to its bytes.
    """

    path: str
    sha256: str
    content: Any

    def open(self, folder: Path) -> Bundle:
        """Open and verify the bundle, by this machine's own CXR_BUNDLE_KEY where there is one.

        Parameters
        ----------
        folder
            Where a copy may be written, which must stay as long as the bundle is used.

        Raises
        ------
        BundleError, KeyUnusable
            It must not be used here.
        """
        there = Path(self.path)
        with contextlib.suppress(BundleError, OSError):
            bundle = open_trusted(there)
            if bundle.sha256 == self.sha256:
                return bundle
        import ray

        copy = folder / there.name
        write_bytes(copy, ray.get(self.content))
        return open_trusted(copy)


class Scorer:
    """The second stage: the models, loaded once a process.

    Parameters
    ----------
    source
        The bundle.
    decision
        How to run it; the provider is proved on this machine first.
    threads
        Threads of the CPU.

    Raises
    ------
    BundleError, ProviderRefusedError, InferenceFailedError
        It cannot be run so on this machine.
    """

    def __init__(self, source: BundleSource, decision: Decision, threads: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="cxr-archive-")
        bundle = source.open(Path(self._folder.name))
        choose_provider(bundle, decision.wanted)
        self._engine = Engine(bundle, kind_wanted(decision.wanted), threads=threads, plan=decision.plan)
        self._targets = tuple(entry.target for entry in bundle.manifest.models)
        self._decision = decision

    def __call__(self, table: Any) -> Any:  # noqa: ANN401
        """Score a chunk of `decode_chunk`; the rows of `rows.schema_of`."""
        size = self._engine.bundle.manifest.input.size
        films = [(row["number"], Path(os.fsdecode(row["file"])), row) for row in table.to_pylist()]
        ready = [_unpacked(row, path, size) for _, path, row in films]
        places = {path: number for number, path, _ in films}
        keys = {number: os.fsdecode(row["file"]) for number, _, row in films}
        verdicts = judge([ready], self._engine, self._decision.provenance)
        judged = [(number := places[each.source], keys[number], each) for each in verdicts]
        return table_of(table["part"][0].as_py(), judged, self._targets)


def _packed(film: Prepared | NotRead) -> dict[str, Any]:
    header, arrays = encode(film)
    pixels = arrays["pixels"].tobytes() if "pixels" in arrays else None
    return {"frame": json.dumps(header), "pixels": pixels}


def _unpacked(row: dict[str, Any], path: Path, size: int) -> Prepared | NotRead:
    pixels = row["pixels"]
    arrays: dict[str, Array] = {}
    if pixels is not None:
        arrays["pixels"] = np.frombuffer(pixels, np.uint8).reshape(size, size)
    film = decode((json.loads(row["frame"]), arrays), path)
    assert isinstance(film, (Prepared, NotRead)), "the first stage decodes for the models"
    return film


@functools.cache
def _pool(command: tuple[str, ...]) -> DecodePool:
    """Keep one decoding process for each of Ray's; it ends when that does."""
    pool = DecodePool(workers=1, command=command)
    atexit.register(pool.close)
    return pool
