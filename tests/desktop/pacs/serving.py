"""Asking a service for its metrics, sending it films, and looking at what it returned."""

from __future__ import annotations

import http.client
import io
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import pydicom

from .material import wait_until
from .peers_orthanc import TITLE, Orthanc

_PATIENCE_S = 300
_AGAIN_S = 0.1
look_until = partial(wait_until, every=_AGAIN_S)
ON_THEIR_WAY = ("waiting", "sending", "unconfirmed")


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body of a path of a service's health and metrics."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def sample(port: int, line: str) -> float:
    """Value of one line of the metrics; 0 where it is not there yet."""
    found = [each.rpartition(" ")[2] for each in get(port, "/metrics")[1].splitlines() if each.startswith(f"{line} ")]
    return float(found[0]) if found else 0.0


def in_outbox(port: int, *states: str) -> float:
    """How many objects of a service's outbox have one of these states."""
    return sum(sample(port, f'cxr_outbox_objects{{state="{each}"}}') for each in states)


def send(port: int, film: Path | io.BytesIO) -> str:
    """Send a film until it is acknowledged; returns its UID."""
    import pynetdicom

    dataset = pydicom.dcmread(film)
    entity = pynetdicom.AE(TITLE)
    entity.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        association: Any = entity.associate("127.0.0.1", port, ae_title="CXRTRIAGE")
        if association.is_established:
            status = association.send_c_store(dataset)
            association.release()
            if status and status.Status == 0:
                return str(dataset.SOPInstanceUID)
        time.sleep(_AGAIN_S)
    raise AssertionError("it was never acknowledged")


def count_reports(archive: Orthanc) -> int:
    """How many reports an archive holds."""
    found = json.loads(archive.post("/tools/find", b'{"Level": "Series", "Query": {"Modality": "SR"}}'))
    return sum(len(json.loads(archive.get(f"/series/{each}"))["Instances"]) for each in found)


def reports_of(archive: Orthanc, study: str) -> list[pydicom.Dataset]:
    """The reports in a study."""
    query = {"Level": "Instance", "Query": {"StudyInstanceUID": str(study), "Modality": "SR"}}
    found = json.loads(archive.post("/tools/find", json.dumps(query).encode()))
    return [pydicom.dcmread(io.BytesIO(archive.get(f"/instances/{each}/file"))) for each in found]
