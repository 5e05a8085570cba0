"""Objects to send that are made in no time, and waiting for what happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from cxr_desktop.pacs.send.entries import Backoff, Outgoing
from cxr_desktop.report.dicom.header import encoded

CLASS_OF = {
    "SR": "1.2.840.10008.5.1.4.1.1.88.33",
    "SEG": "1.2.840.10008.5.1.4.1.1.66.4",
    "SC": "1.2.840.10008.5.1.4.1.1.7",
}
QUICK = Backoff(first=0.05, most=0.4, settle=0.1)


def small_object(kind: str = "SR", *, uid: str = "", padding: int = 0) -> tuple[str, Dataset]:
    """An object with the keys of all levels and nothing else, of a kind that the outbox knows."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = CLASS_OF[kind], uid or generate_uid(None)
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(None), generate_uid(None)
    made.PatientID, made.PatientName, made.Modality = "SECRET-4711", "Secret^Patient", "OT"
    made.StudyID = made.StudyDate = made.StudyTime = made.AccessionNumber = ""
    made.SeriesNumber = made.InstanceNumber = 1
    if padding:
        made.EncapsulatedDocument = bytes(padding)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return kind, made


def outgoing(folder: Path, objects: Sequence[tuple[str, Dataset]]) -> list[Outgoing]:
    """Write objects to files, numbered from 1."""
    found = []
    for number, (kind, made) in enumerate(objects, 1):
        path = folder / f"{number}.dcm"
        path.write_bytes(encoded(made))
        found.append(Outgoing(number, kind, str(made.SOPInstanceUID), str(made.SOPClassUID), path))
    return found


def wait_until(done: Callable[[], bool], seconds: float = 300, *, every: float = 0.01) -> None:
    """Wait for what another thread or process does; the deadline is for what hangs, not for a machine that is busy.

    Parameters
    ----------
    done
        Whether it is done.
    seconds
        Until the wait fails.
    every
        Seconds from one look to the next; more where a look asks another program.
    """
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(every)
