"""What the benchmark works on: a large film, and many films that were scored. No Qt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from cxr_desktop.inference.toy import write_toy_bundle
from cxr_desktop.inference.urgency import urgency
from cxr_desktop.inference.verdict import Peak, Provenance, Score, Scored, Timings
from cxr_desktop.intake.prepared import FilmFacts
from cxr_shared.film import Identity, ViewPosition
from cxr_shared.findings import Target
from cxr_shared.opencv import cv2
from cxr_shared.phantom import render
from cxr_shared.pixels import PIXEL_PATH_VERSION

SIDE: Final = 3000
_WHITE: Final = 4095
_MAP: Final = (7, 7)
_PATIENTS: Final = 3
"""Films of a patient."""


def write_large_film(path: Path) -> Path:
    """Write a phantom as a DICOM film of 3000 × 3000 pixels of 12 bits, not compressed: 18 MB."""
    grey = cv2.resize(render(1, findings=[Target.PNEUMOTHORAX]).pixels, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(1).normal(0, 6, grey.shape)
    values = np.clip(grey.astype(np.float64) * (_WHITE / 255) + noise, 0, _WHITE).astype("<u2")
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    film.SOPClassUID, film.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    film.StudyInstanceUID, film.SeriesInstanceUID = generate_uid(), generate_uid()
    film.Modality, film.PresentationIntentType, film.BodyPartExamined = "DX", "FOR PRESENTATION", "CHEST"
    film.ViewPosition, film.PatientID, film.PatientName = "PA", "PHANTOM", "Phantom"
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.Rows = film.Columns = SIDE
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    film.WindowCenter, film.WindowWidth = 2048, 4096
    film.PixelData = values.tobytes()
    film.save_as(path, enforce_file_format=True)
    return path


def write_toy(path: Path) -> Path:
    """Write a bundle of 15 brightness meters."""
    write_toy_bundle(path, dict.fromkeys(Target, (3.0, -2.0)))
    return path


def write_small_files(folder: Path, films: int) -> list[Path]:
    """Make many files, which hold no picture: enough for a list."""
    folder.mkdir()
    paths = [folder / f"film-{number:06d}.png" for number in range(1, films + 1)]
    for path in paths:
        path.write_bytes(b"no picture")
    return paths


def scored(paths: Sequence[Path], *, bundle_sha256: str, seed: int = 7) -> Iterator[Scored]:
    """Give each file scores of 15 targets drawn at random, two films in three of them below every threshold."""
    rng = np.random.default_rng(seed)
    origin = Provenance("bench", bundle_sha256, "CPU", "as asked", PIXEL_PATH_VERSION, "", "float32, side by side")
    for number, path in enumerate(paths):
        logits = rng.normal(-6.0 if number % 3 else -2.0, 1.5, len(Target))
        scores = {
            target: Score(target, float(logit), 0.5, point="balanced")
            for target, logit in zip(Target, logits, strict=True)
        }
        yield Scored(
            source=path,
            facts=_facts(number),
            scores=scores,
            maps={target: np.full(_MAP, score.logit, np.float32) for target, score in scores.items()},
            peaks={target: Peak(512.0, 512.0, score.logit) for target, score in scores.items()},
            urgency=urgency(scores.values()),
            timings=Timings(20.0, 150.0),
            provenance=origin,
        )


def _facts(number: int) -> FilmFacts:
    patient = number // _PATIENTS
    identity = Identity(
        patient_id=f"B{patient:07d}",
        patient_name=f"Bench^{patient}",
        patient_sex="FM"[patient % 2],
        patient_age=f"{20 + patient % 70:03d}Y",
        acquired=f"2024-{1 + number % 12:02d}-{1 + number % 28:02d}T{number % 24:02d}:00:00",
    )
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    return FilmFacts((1024, 1024), ViewPosition.PA, None, identity, 8, "", sha256)
