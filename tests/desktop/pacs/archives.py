"""Archives that tests search: what lies in them, DCMTK's dcmqrscp, and answers to the same questions by any of them."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, generate_uid

from cxr_desktop.pacs.config import DimsePeer

from .peers_dcmtk import program
from .ports import free_port

TODAY = date(2026, 3, 14)
CR, DX, CT = "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.2"
MUELLER = "Müller^Jörg"


def film(
    *,
    patient: str,
    day: date = TODAY,
    study: str = "",
    series: str = "",
    name: str = "Doe^Jane",
    description: str = "",
    part: str = "",
    modality: str = "DX",
    accession: str = "",
    seed: int = 0,
    side: int = 128,
) -> Dataset:
    """A film as an archive keeps one, uncompressed."""
    it = Dataset()
    it.file_meta = FileMetaDataset()
    it.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    it.SpecificCharacterSet = "ISO_IR 100"
    it.SOPClassUID = it.file_meta.MediaStorageSOPClassUID = {"CR": CR, "DX": DX, "CT": CT}[modality]
    it.SOPInstanceUID = it.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    it.StudyInstanceUID, it.SeriesInstanceUID = study or generate_uid(), series or generate_uid()
    it.StudyDate, it.StudyTime, it.StudyID, it.AccessionNumber = f"{day:%Y%m%d}", "101500", "1", accession
    it.PatientID, it.PatientName, it.PatientBirthDate, it.PatientSex = patient, name, "19600102", "F"
    it.StudyDescription, it.Modality, it.BodyPartExamined, it.ViewPosition = description, modality, part, "PA"
    it.PhotometricInterpretation, it.SamplesPerPixel, it.Rows, it.Columns = "MONOCHROME2", 1, side, side
    it.BitsAllocated, it.BitsStored, it.HighBit, it.PixelRepresentation = 16, 12, 11, 0
    it.PixelData = np.random.default_rng(seed).integers(0, 4096, (side, side), np.uint16).tobytes()
    return it


def collection(*, compressed: bool = True) -> dict[str, list[Dataset]]:
    """Studies by what they are; of each at least one film."""
    chest = film(patient="P1", description="CHEST PA", modality="CR", accession="A1")
    again = film(patient="P1", study=chest.StudyInstanceUID, series=chest.SeriesInstanceUID, modality="CR", seed=1)
    again.StudyDescription, again.AccessionNumber = chest.StudyDescription, chest.AccessionNumber
    named_by_part = film(patient="P2", name=MUELLER, part="CHEST", seed=2)
    if compressed:
        named_by_part.compress(JPEGLSLossless, generate_instance_uid=False)
    silent = film(patient="P3", seed=3)
    year = timedelta(days=365)
    both = film(patient="P4", part="CHEST", description="Thorax und CT", seed=4)
    cut = film(patient="P4", study=both.StudyInstanceUID, description="Thorax und CT", modality="CT", seed=5)
    return {
        "chest": [chest, again],
        "part": [named_by_part],
        "silent": [silent],
        "both": [both, cut],
        "ankle": [film(patient="P5", part="ANKLE", description="XR", seed=6)],
        "ct": [film(patient="P6", modality="CT", description="CT CHEST", seed=7)],
        "prior": [film(patient="P1", day=TODAY - year, description="CHEST", seed=8)],
        "older": [film(patient="P1", day=TODAY - 3 * year, part="CHEST", modality="CR", seed=9)],
        "later": [film(patient="P1", day=TODAY + year, description="CHEST", seed=10)],
        "like": [film(patient="P10", day=TODAY - year, description="CHEST", seed=11)],
    }


def uid_of(studies: dict[str, list[Dataset]], *names: str) -> set[str]:
    return {str(studies[name][0].StudyInstanceUID) for name in names}


def store(peer: DimsePeer, films: Sequence[Dataset]) -> None:
    """Send films to an archive, each as it is encoded."""
    import pynetdicom

    entity = pynetdicom.AE(ae_title="FILLER")
    kinds = sorted({(str(each.SOPClassUID), str(each.file_meta.TransferSyntaxUID)) for each in films})
    contexts = [pynetdicom.build_context(abstract, syntax) for abstract, syntax in kinds]
    association = entity.associate(peer.host, peer.port, contexts=contexts, ae_title=peer.ae_title)
    assert association.is_established
    try:
        for each in films:
            assert association.send_c_store(each).Status == 0
    finally:
        association.release()


@contextlib.contextmanager
def running_dcmqrscp(folder: Path, *, knows: dict[str, int] | None = None) -> Iterator[DimsePeer]:
    """DCMTK's archive; `knows` are the titles that it can send to, with their ports."""
    found = program("dcmqrscp")
    if found is None:
        pytest.skip("DCMTK's dcmqrscp is not installed: apt-get install dcmtk")
    port, store_folder = free_port(), folder / "store"
    store_folder.mkdir(parents=True)
    hosts = "\n".join(f"{title.lower()} = ({title}, 127.0.0.1, {at})" for title, at in (knows or {}).items())
    (folder / "dcmqrscp.cfg").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 131072\nMaxAssociations = 16\n"
        f"HostTable BEGIN\n{hosts}\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQRSCP {store_folder} RW (500, 1024mb) ANY\nAETable END\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([found, "-c", str(folder / "dcmqrscp.cfg")], stdout=log, stderr=log)
        try:
            _wait_for(port, process)
            yield DimsePeer(ae_title="QRSCP", host="127.0.0.1", port=port, timeout_seconds=20)
        finally:
            process.terminate()
            process.wait(60)


def _wait_for(port: int, process: subprocess.Popen[Any]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("dcmqrscp did not start")
