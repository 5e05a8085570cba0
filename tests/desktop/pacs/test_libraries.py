"""What the network's libraries are kept from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pynetdicom")
pytest.importorskip("dicomweb_client")

_THREADS_THAT_IMPORT = """
import sys, threading
from pathlib import Path

sys.setswitchinterval(1e-5)


def begin_all(folder):
    from cxr_desktop.pacs.config import DimsePeer, Peer, ReceiveConfig, WebPeer
    from cxr_desktop.pacs.query.association import dimse
    from cxr_desktop.pacs.receive import Receiver
    from cxr_desktop.pacs.send.destination import destination_for
    from cxr_desktop.pacs.spool import Spool

    config = ReceiveConfig(port=0)
    receiver = Receiver(config, Spool(folder, config.quotas), on_film=print)
    by_dimse = Peer(name="a", dimse=DimsePeer(ae_title="A", host="127.0.0.1", port=1))
    by_web = Peer(name="b", web=WebPeer(url="http://127.0.0.1:1"))
    works = [receiver.start, lambda: destination_for(by_dimse, "X"), lambda: destination_for(by_web, "X"), dimse]
    barrier = threading.Barrier(len(works))

    def run(work):
        barrier.wait()
        try:
            work()
        except BaseException as error:
            print(repr(error))

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    receiver.close()


lazy = ("pynetdicom", "dicomweb_client", "cxr_desktop.pacs")
for number in range(6):
    begin_all(Path(sys.argv[1]) / str(number))
    for name in [each for each in sys.modules if each.startswith(lazy)]:
        del sys.modules[name]
"""


def test_threads_that_import_them_at_the_same_time_get_whole_ones(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _THREADS_THAT_IMPORT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout == ""
