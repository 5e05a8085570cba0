"""The mirror of a run in an object store: whole at every moment, whoever dies."""

from __future__ import annotations

import json
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

from cxr_shared.errors import CxrError
from cxr_trainer.cluster import lease as lease_module
from cxr_trainer.cluster.lease import FileSlot, Slot, held
from cxr_trainer.cluster.mirror import Mirror, ObjectSlot, open_prefix
from cxr_trainer.cluster.storage import Bucket, Folder, storage_of
from cxr_trainer.errors import RunBusy, RunError, StorageError

pytestmark = [pytest.mark.waiting, pytest.mark.xdist_group("ray")]  # with the object store


def never() -> bool:
    return False


@pytest.fixture
def prefix(s3: str) -> str:
    return f"{s3}/{uuid.uuid4().hex}"


@pytest.fixture
def mirror(prefix: str) -> Mirror:
    fs, path = open_prefix(prefix)
    return Mirror(fs, path, prefix)


def write(folder: Path, **contents: str) -> None:
    for name, text in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_a_folder_comes_back_as_it_was_with_nothing_else_in_it(mirror: Mirror, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    write(here, **{"a": "one", "state/checkpoint.pt": "two", "b": "two"})
    assert mirror.publish(here)
    write(there, a="other", left="behind")
    fresh = Mirror(mirror.fs, mirror.prefix, mirror.url)
    assert fresh.restore(there)
    assert contents(there) == {"a": "one", "state/checkpoint.pt": "two", "b": "two"}


class _Dies(Exception):
    """Stands for the process's end."""


class _Mortal:
    """A file system whose user dies after so many requests that change it or look through it."""

    def __init__(self, fs: Any, *, requests: int) -> None:
        self._fs = fs
        self._left = requests

    def __getattr__(self, name: str) -> Any:
        if name in ("pipe_file", "rm", "find"):
            self._left -= 1
            if self._left < 0:
                raise _Dies
        return getattr(self._fs, name)


def contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_an_upload_killed_anywhere_leaves_the_run_as_it_was_before(prefix: str, tmp_path: Path) -> None:
    """After each number of requests to the storage in turn; four write the new contents and the manifest."""
    here, there = tmp_path / "here", tmp_path / "there"
    before = {"a": "one", "state/checkpoint.pt": "first", "gone": "soon"}
    after = {"a": "more", "state/checkpoint.pt": "second", "new": "file"}
    whole: list[int] = []
    for requests in range(8):
        fs, path = open_prefix(f"{prefix}/{requests}")
        write(here, **before)
        (here / "new").unlink(missing_ok=True)
        mirror = Mirror(fs, path, prefix)
        assert mirror.publish(here)
        write(here, **after)
        (here / "gone").unlink()
        mirror.fs = _Mortal(fs, requests=requests)
        try:
            mirror.publish(here)
            whole.append(requests)
        except _Dies:
            pass
        restored = Mirror(fs, path, prefix)
        restored.restore(there)
        assert contents(there) == (before if requests < 4 else after), f"killed after {requests} requests"
        restored.publish(there)
        named = {content.sha256 for content in (restored.manifest() or {}).values()}
        assert {key.split("/")[-2] for key in fs.find(f"{path}/objects")} == named, "what nobody names is swept away"
    assert whole == [6, 7], "two more look for what is not named, and remove it"


def test_what_is_damaged_or_missing_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    here = tmp_path / "here"
    write(here, a="one")
    mirror.publish(here)
    (key,) = mirror.fs.find(f"{mirror.prefix}/objects")
    mirror.fs.pipe_file(key, b"two")
    with pytest.raises(RunError, match="its hash is not the manifest's"):
        Mirror(mirror.fs, mirror.prefix, mirror.url).restore(tmp_path / "there")
    mirror.fs.rm_file(key)
    with pytest.raises(RunError, match="is missing in the storage"):
        Mirror(mirror.fs, mirror.prefix, mirror.url).restore(tmp_path / "there")


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "a/../../evil"])
def test_a_manifest_names_no_file_outside_the_run(mirror: Mirror, tmp_path: Path, name: str) -> None:
    write(tmp_path / "here", a="one")
    mirror.publish(tmp_path / "here")
    key = f"{mirror.prefix}/manifest.json"
    document = json.loads(mirror.fs.cat_file(key))
    document["files"][name] = document["files"].pop("a")
    mirror.fs.pipe_file(key, json.dumps(document).encode())
    with pytest.raises(RunError, match="no file of a run"):
        mirror.restore(tmp_path / "deep" / "there")
    assert not list(tmp_path.rglob("evil"))


def test_storage_is_a_folder_or_an_object_store(tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert storage_of(str(tmp_path)) == Folder(tmp_path)
    assert storage_of(f"file://{tmp_path}/with%20space") == Folder(tmp_path / "with space")
    assert storage_of(s3) == Bucket(s3)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "none")
    monkeypatch.setenv("NO_GCE_CHECK", "true")  # else it looks for the cloud that it might run in
    assert isinstance(storage_of("gs://bucket/runs"), Bucket)  # made, not reached: there is no server to test with
    for url in ("ftp://host/runs", "http://host/runs", "memory://runs"):
        with pytest.raises(StorageError, match="Runs cannot be kept"):
            storage_of(url)
    with pytest.raises(StorageError, match="file:///"):
        storage_of("file://host/runs")


def test_a_storage_that_is_away_is_one_sentence(monkeypatch: pytest.MonkeyPatch, s3: str) -> None:
    with pytest.raises(CxrError, match="cannot be reached or refuses"):
        Bucket("s3://no-such-bucket-here/runs").mirror("x").publish(Path(__file__).parent)


@pytest.fixture(params=["file", "object"])
def slot(request: pytest.FixtureRequest, tmp_path: Path) -> Slot:
    if request.param == "file":
        return FileSlot(tmp_path / "leases" / "x.json")
    fs, path = open_prefix(f"{request.getfixturevalue('s3')}/{uuid.uuid4().hex}/x.json")
    return ObjectSlot(fs, path)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that beat and grow stale in a second, not in a minute."""
    for name, seconds in {"BEAT_SECONDS": 0.1, "STALE_SECONDS": 1.0, "_LOOK_SECONDS": 0.05}.items():
        monkeypatch.setattr(lease_module, name, seconds)


def test_of_many_who_ask_at_once_one_holds_the_run(slot: Slot, hasty: None) -> None:
    inside, most, done = [0], [0], []
    lock = threading.Lock()

    def work() -> None:
        with held(slot, name="run", command="same", stop=never):
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            threading.Event().wait(0.1)
            with lock:
                inside[0] -= 1
                done.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (most[0], len(done)) == (1, 4)
    assert slot.read() is None


def test_another_command_is_told_who_makes_the_run(slot: Slot, hasty: None) -> None:
    with held(slot, name="runs/hernia", command="one", stop=never) as first:
        with pytest.raises(RunBusy, match=r"runs/hernia is being made by another command"):  # noqa: SIM117
            with held(slot, name="runs/hernia", command="two", stop=never):
                pytest.fail("two made it at once")
        assert first.still_held()


def test_a_holder_that_died_elsewhere_is_waited_for_and_one_of_this_machine_is_not(slot: Slot, hasty: None) -> None:
    slot.create(json.dumps({"holder": "x", "command": "c", "host": "far", "machine": "far", "pid": 1}).encode())
    with held(slot, name="run", command="mine", stop=never) as lease:
        assert lease.still_held()
    dead = {"holder": "x", "command": "c", "host": "here", "machine": lease_module._machine(), "pid": 2**22 + 1}
    slot.create(json.dumps(dead).encode())
    with held(slot, name="run", command="mine", stop=never) as lease:
        assert lease.still_held()


def test_a_holder_whose_lease_was_taken_stops_and_removes_nothing(slot: Slot) -> None:
    """Without hasty beats, one of which might write over what takes its place here."""
    with held(slot, name="run", command="one", stop=never) as lease:
        slot.replace(b'{"holder": "another"}')
        assert not lease.still_held()
        assert lease.lost()
    assert slot.read() == b'{"holder": "another"}'
