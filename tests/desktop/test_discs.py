"""DICOMDIRs as discs have them, and as attacks would."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from cxr_desktop.intake.disc import read_index
from cxr_desktop.intake.explain import reason_for
from cxr_desktop.intake.files import find_films

pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR")  # hostile names are made here
DICOM = bytes(128) + b"DICM"


def _record(kind: str, file_id: str | list[str] = "", *, in_use: int = 0xFFFF) -> Dataset:
    record = Dataset()
    record.OffsetOfTheNextDirectoryRecord = 0
    record.RecordInUseFlag = in_use
    record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    record.DirectoryRecordType = kind
    if file_id:
        record.ReferencedFileID = file_id
    return record


def _disc(root: Path, records: list[Dataset], *files: str, name: str = "DICOMDIR") -> Path:
    for each in files:
        (root / each).parent.mkdir(parents=True, exist_ok=True)
        (root / each).write_bytes(DICOM)
    index = Dataset()
    index.file_meta = FileMetaDataset()
    index.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    index.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    index.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    index.FileSetID = "DISC"
    index.DirectoryRecordSequence = Sequence(records)
    index.save_as(root / name, enforce_file_format=True)
    return root / name


def _names(root: Path, found: list[Path]) -> list[str]:
    return [path.relative_to(root).as_posix() for path in found]


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    """A disc whose files are in small letters, with a viewer, an unlisted DICOM file, and one image missing."""
    records = [
        _record("PATIENT"),
        _record("STUDY"),
        _record("SERIES"),
        _record("IMAGE", ["IMAGES", "IM10"]),
        _record("IMAGE", ["IMAGES", "IM9"]),
        _record("SR DOCUMENT", ["IMAGES", "SR1"]),
        _record("IMAGE", ["IMAGES", "GONE"]),
        _record("IMAGE", ["IMAGES", "OLD"], in_use=0),
    ]
    _disc(tmp_path, records, "images/im9", "images/im10", "images/sr1", "images/old", "more/unlisted.dcm")
    (tmp_path / "viewer").mkdir()
    (tmp_path / "viewer" / "icon.png").write_bytes(b"\x89PNG")
    return tmp_path


LISTED = ["images/im10", "images/im9", "images/GONE"]


def test_a_named_dicomdir_lists_its_images_in_its_order(disc: Path) -> None:
    assert _names(disc, list(find_films([disc / "DICOMDIR"]))) == LISTED


def test_the_folder_of_a_disc_lists_these_and_then_any_other_dicom_file(disc: Path) -> None:
    assert _names(disc, list(find_films([disc]))) == [*LISTED, "images/old", "images/sr1", "more/unlisted.dcm"]


def test_discs_within_a_folder_are_found(disc: Path) -> None:
    (disc.parent / "other.png").write_bytes(b"x")
    found = _names(disc.parent, [path for path in find_films([disc.parent]) if disc in path.parents])
    assert found[:3] == [f"{disc.name}/{name}" for name in LISTED]


def test_a_zipped_disc_lists_its_dicom_files_and_what_it_lacks(disc: Path) -> None:
    archive = disc.parent / f"{disc.name}.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(disc.rglob("*")):
            opened.write(path, path.relative_to(disc))
    found = list(find_films([archive]))
    assert sorted(path.name for path in found) == ["GONE", "im10", "im9", "old", "sr1", "unlisted.dcm"]
    assert [path.exists() for path in found if path.name == "GONE"] == [False]


def test_iso_names_and_written_paths_are_found(tmp_path: Path) -> None:
    records = [_record("IMAGE", "A/IM1"), _record("IMAGE", ["A", "IM2"]), _record("IMAGE", ["A", "IM3"])]
    index = _disc(tmp_path, records, "a/IM1;1", "a/im2.;1", "a/IM3")
    assert _names(tmp_path, list(find_films([index]))) == ["a/IM1;1", "a/im2.;1", "a/IM3"]


@pytest.mark.parametrize(
    "file_id", [["..", "secret"], "/etc/passwd", ["C:", "secret"], ["IMAGES", "..", "..", "secret"]]
)
def test_no_record_leads_outside(tmp_path: Path, file_id: str | list[str]) -> None:
    (tmp_path / "secret").write_bytes(DICOM)
    root = tmp_path / "disc"
    root.mkdir()
    index = _disc(root, [_record("IMAGE", file_id), _record("IMAGE", "IM1")], "IM1")
    assert list(find_films([index])) == [root / "IM1", index]
    assert "lie outside its folder" in str(reason_for(index))


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_leads_outside_no_more_than_a_name(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(DICOM)
    root = tmp_path / "disc"
    root.mkdir()
    index = _disc(root, [_record("IMAGE", "LINK"), _record("IMAGE", "IM1")], "IM1")
    (root / "LINK").symlink_to(tmp_path / "secret")
    assert list(find_films([index])) == [root / "IM1", index]


@pytest.mark.parametrize("content", [b"", b"text", DICOM, DICOM + os.urandom(500)])
def test_a_damaged_dicomdir_stands_for_its_folder(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "DICOMDIR").write_bytes(content)
    (tmp_path / "a.png").write_bytes(b"x")
    assert read_index(tmp_path / "DICOMDIR") is None
    assert list(find_films([tmp_path / "DICOMDIR"])) == [tmp_path / "a.png"]
    assert list(find_films([tmp_path])) == [tmp_path / "a.png"]


def test_a_damaged_dicomdir_without_films_is_a_row_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "DICOMDIR").write_bytes(DICOM)
    assert list(find_films([tmp_path / "DICOMDIR"])) == [tmp_path / "DICOMDIR"]
    assert "damaged" in str(reason_for(tmp_path / "DICOMDIR"))
    assert list(find_films([tmp_path])) == []


def test_damage_anywhere_raises_nothing(disc: Path) -> None:
    index = disc / "DICOMDIR"
    whole = index.read_bytes()
    for cut in range(0, len(whole), 7):
        index.write_bytes(whole[:cut])
        list(find_films([index]))
        index.write_bytes(whole[:cut] + bytes([whole[cut] ^ 0x55]) + whole[cut + 1 :])
        for path in find_films([index]):
            assert path.resolve().is_relative_to(disc.resolve())
