"""The beginning of a DICOM file, PS3.10 7.1, that goes before a data set as it was received."""

from __future__ import annotations

import io

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info

from cxr_desktop.implementation import IMPLEMENTATION_NAME, IMPLEMENTATION_UID

_PREAMBLE = b"\0" * 128 + b"DICM"


def file_beginning(*, sop_class: str, sop_instance: str, syntax: str, source: str, receiver: str) -> bytes:
    """Preamble and file meta information.

    Parameters
    ----------
    sop_class, sop_instance, syntax
        UIDs of the object and its encoding.
    source, receiver
        AE titles of the caller (0002,0016) and of this program (0002,0018).
    """
    meta = FileMetaDataset()
    for tag, vr, value in (
        (0x00020001, "OB", b"\0\1"),
        (0x00020002, "UI", sop_class),
        (0x00020003, "UI", sop_instance),
        (0x00020010, "UI", syntax),
        (0x00020012, "UI", IMPLEMENTATION_UID),
        (0x00020013, "SH", IMPLEMENTATION_NAME),
        (0x00020016, "AE", source),
        (0x00020018, "AE", receiver),
    ):
        # What a peer sent is checked where it arrives; pydicom would quote it in a warning.
        meta.add(DataElement(tag, vr, value, validation_mode=config.IGNORE))
    stored = DicomBytesIO(_PREAMBLE)
    stored.seek(0, io.SEEK_END)
    write_file_meta_info(stored, meta, enforce_standard=True)
    return bytes(stored.getvalue())
