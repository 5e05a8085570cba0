"""Phantoms as DICOM objects: Digital X-Ray and Computed Radiography images (PS3.3 A.26 and A.2)."""

from __future__ import annotations

import io
import uuid
from typing import Final

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
)

from cxr_shared.film.film import FloatImage, ViewPosition
from cxr_shared.phantom.phantom import Phantom
from cxr_shared.phantom.plan import PlannedFilm
from cxr_shared.phantom.raster import stream

_NAMESPACE: Final = uuid.UUID("6f2c8a1e-6a52-5d0e-9b7c-3f1f6f0f7a11")
_WHITE: Final = 4095
_INVERTED_SHARE: Final = 0.3
_CR_SHARE: Final = 0.3


def encode(phantom: Phantom, grey: FloatImage, *, film: PlannedFilm, set_seed: int) -> bytes:
    """Bytes of a DICOM file.

    Parameters
    ----------
    phantom
        The film's truth.
    grey
        (1024, 1024) float32, 0 black to 1 white, dense tissue bright.
    film
        The film's place in the set.
    set_seed
        Number of the set; UIDs follow from it and from the film's index.
    """
    rng = stream(film.seed, "dicom")
    inverted, radiography = rng.random() < _INVERTED_SHARE, rng.random() < _CR_SHARE
    low, width = int(rng.integers(150, 500)), int(rng.integers(2600, 3500))
    dataset = _new(film, set_seed=set_seed, radiography=radiography)
    _describe_patient(dataset, phantom, film)
    _describe_view(dataset, phantom, radiography=radiography)
    _describe_exposure(dataset, phantom, rng)
    _store_pixels(dataset, grey, low=low, width=width, inverted=inverted)
    stored = io.BytesIO()
    dataset.save_as(stored, enforce_file_format=True)
    return stored.getvalue()


def _uid(*parts: object) -> UID:
    """UID under the root for UUIDs (PS3.5 B.2), the same for the same parts."""
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, parts))).int}")


def _new(film: PlannedFilm, *, set_seed: int, radiography: bool) -> FileDataset:
    meta = FileMetaDataset()
    storage = ComputedRadiographyImageStorage if radiography else DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPClassUID = storage
    meta.MediaStorageSOPInstanceUID = _uid(set_seed, film.index, "object")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _uid("implementation")
    meta.ImplementationVersionName = "CXR_PHANTOM"
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = storage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = _uid(set_seed, film.index, "study")
    dataset.SeriesInstanceUID = _uid(set_seed, film.index, "series")
    dataset.Modality = "CR" if radiography else "DX"
    if not radiography:
        dataset.PresentationIntentType = "FOR PRESENTATION"
    return dataset


def _describe_patient(dataset: Dataset, phantom: Phantom, film: PlannedFilm) -> None:
    dataset.PatientName = f"Phantom^{film.patient:08d}"
    dataset.PatientID = f"{film.patient:08d}"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = phantom.sex
    dataset.PatientAge = f"{film.age:03d}Y"
    dataset.StudyDate = f"{2001 + film.age - 16:04d}{1 + film.follow_up:02d}01"
    dataset.StudyTime = "080000"
    dataset.ContentDate, dataset.ContentTime = dataset.StudyDate, dataset.StudyTime
    dataset.AccessionNumber = f"P{film.index:09d}"
    dataset.StudyID = str(film.follow_up)
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.ReferringPhysicianName = ""
    dataset.StudyDescription = "Synthetic chest film"
    dataset.ImageComments = "Synthetic phantom; shows no person"
    dataset.Manufacturer = "cxr-triage synthetic phantom"
    dataset.ManufacturerModelName = "cxr_shared.phantom"


def _describe_view(dataset: Dataset, phantom: Phantom, *, radiography: bool) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY", ""]
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = phantom.view.value
    dataset.PatientOrientation = ["L", "F"]
    dataset.BurnedInAnnotation = "NO"  # the side marker identifies no one
    spacing = [phantom.mm_per_pixel, phantom.mm_per_pixel]
    dataset.PixelSpacing, dataset.ImagerPixelSpacing = spacing, spacing
    if radiography:
        dataset.PlateID = "PHANTOM"
        return
    dataset.ImageLaterality = "U"
    frontal = {
        ViewPosition.PA: ("272479007", "postero-anterior"),
        ViewPosition.AP: ("399348003", "antero-posterior"),
    }
    dataset.ViewCodeSequence = _code(*frontal[phantom.view])
    dataset.ViewCodeSequence[0].ViewModifierCodeSequence = Sequence()
    dataset.AnatomicRegionSequence = _code("51185008", "Chest")


def _code(value: str, meaning: str) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return Sequence([item])


def _describe_exposure(dataset: Dataset, phantom: Phantom, rng: np.random.Generator) -> None:
    bedside = phantom.view is ViewPosition.AP
    dataset.KVP = 90 if bedside else 120
    dataset.DistanceSourceToDetector = 1100 if bedside else 1800
    dataset.Exposure = int(rng.integers(1, 5))


def _store_pixels(dataset: Dataset, grey: FloatImage, *, low: int, width: int, inverted: bool) -> None:
    """Store 12 bits and the window (PS3.3 C.11.2.1.2.1) that shows `grey` again."""
    stored = np.round(grey * np.float32(width)).astype(np.uint16) + np.uint16(low)
    center = low + width / 2 + 0.5
    if inverted:
        stored, center = np.uint16(_WHITE) - stored, _WHITE - (low + width / 2) + 0.5
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    dataset.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = 1 if inverted else -1
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.WindowCenter, dataset.WindowWidth = f"{center:g}", f"{width + 1:d}"
    dataset.LossyImageCompression = "00"
    dataset.PixelData = stored.astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
