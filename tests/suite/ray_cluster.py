"""Pytest plugin: one object store and one Ray cluster of this machine's own for a whole run.

A cluster takes some ten processes to start, and the store seconds to import, so the tests that use them run in one
process, whichever their files are. The cluster's workers keep the environment of its start: the store is started first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

_STORE = {
    "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Send the tests that use the cluster or the store to one process of the lane of those that wait."""
    for item in items:
        if {"cluster", "object_store"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("ray"))
            item.add_marker(pytest.mark.waiting)


@pytest.fixture(scope="session")
def object_store() -> Iterator[None]:
    """An S3 server in this process, without buckets; AWS's variables point to it meanwhile."""
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
    thread = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    thread.start()
    host, port = thread.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"AWS_ENDPOINT_URL": f"http://{host}:{port}", **_STORE}.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        yield
        s3fs.S3FileSystem.clear_instance_cache()
    thread.stop()


@pytest.fixture(scope="session")
def cluster(object_store: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Ray cluster of two CPUs and a small object store, with caches below the run's temporary folder."""
    pytest.importorskip("ray", reason="the extra [cluster] is not installed")
    from cxr_shared.cluster import LOCAL, connected

    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
            patch.setenv("CXR_SCRATCH", str(tmp_path_factory.getbasetemp() / "scratch"))
            patch.setenv("OMP_NUM_THREADS", "1")
            patch.setenv("RAY_num_workers_soft_limit", "8")  # idle workers, for the next test
            stack.enter_context(connected(LOCAL, cpus=2, object_store_bytes=100 * 2**20))
        yield
