"""How long it takes to make what is said of a film and to have it at an Orthanc, over each protocol.

Run from the project's folder: ``python -m tests.benchmarks.return_films --films 10``. Films are phantoms as DICOM
files, the models are toys; making includes decoding the film again for its captures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.desktop.pacs.peers_orthanc import running_orthanc

from cxr_desktop.batch import score_all
from cxr_desktop.inference.kinds import Wanted
from cxr_desktop.inference.toy import write_toy_bundle
from cxr_desktop.inference.verdict import Scored
from cxr_desktop.intake.decoding import DecodePool
from cxr_desktop.pacs.config import NetworkConfig, ReturnConfig
from cxr_desktop.pacs.send.entries import State
from cxr_desktop.pacs.send.outbox import Outbox
from cxr_desktop.pacs.send.results import queue_results
from cxr_desktop.pacs.send.sender import Sender
from cxr_shared.bundle import open_bundle
from cxr_shared.findings import Target
from cxr_shared.phantom import write_phantoms

METERS = {Target.ANOMALY: (6.0, 1.0), Target.EDEMA: (12.0, -3.0), Target.HERNIA: (0.0, -5.0)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=10)
    films = parser.parse_args().films
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_toy_bundle(folder / "toy.cxr", METERS, size=64, threshold=0.6)
        bundle = open_bundle(folder / "toy.cxr")
        images = write_phantoms(folder / "films", films=films, seed=11, dicom=True, workers=1).images
        scored = [each for each in score_all(images, bundle, wanted=Wanted.CPU).verdicts if isinstance(each, Scored)]
        for protocol in ("dimse", "web"):
            with running_orthanc(folder / f"orthanc-{protocol}") as orthanc:
                peer = orthanc.peer(dimse=protocol == "dimse", web=protocol == "web")
                config = NetworkConfig(peers=(peer,), returns=ReturnConfig(to=peer.name))
                with Outbox(folder / protocol) as outbox, DecodePool(workers=1) as pool:
                    queue_results(outbox, config, scored[0], bundle.manifest, pool)  # libraries load
                    start = time.perf_counter()
                    for verdict in scored[1:]:
                        queue_results(outbox, config, verdict, bundle.manifest, pool)
                    made = time.perf_counter() - start
                    size = sum(path.stat().st_size for path in (folder / protocol / "objects").iterdir())
                    objects = outbox.counts()[State.WAITING]
                    sender = Sender(outbox, config, on_event=lambda event: None)
                    start = time.perf_counter()
                    sender.start()
                    while outbox.counts()[State.SENT] < objects:
                        time.sleep(0.01)
                    sent = time.perf_counter() - start
                    sender.close()
            print(
                f"{protocol}: {len(scored)} films, {objects} objects, {size / 1e6:.1f} MB; made and queued "
                f"{made / (len(scored) - 1) * 1e3:.0f} ms a film, sent {sent / len(scored) * 1e3:.0f} ms a film "
                f"({sent / objects * 1e3:.0f} ms an object)",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
