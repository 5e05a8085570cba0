"""Discs: the images that a DICOMDIR names, DICOM PS3.10 section 8 and PS3.3 annex F."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_MAX_INDEX_BYTES: Final = 128 * 2**20
_RECORDS: Final = 0x00041220
_IN_USE: Final = 0x00041410
_TYPE: Final = 0x00041430
_FILE_ID: Final = 0x00041500
_DEPTH: Final = 16


@dataclass(frozen=True, slots=True)
class Index:
    """What a DICOMDIR names.

    Attributes
    ----------
    files
        The files of its image records, in the order of the records; one that the disc lacks is named as the record
        has it.
    outside
        Number of records that name a file outside the disc's folder; these are not in `files`.
    """

    files: tuple[Path, ...]
    outside: int = 0


def read_index(path: Path) -> Index | None:
    """Read a DICOMDIR; None where it is damaged, or names no image. No file, however hostile, raises."""
    import pydicom  # not before there is a disc: a window that starts reads none

    try:
        if path.stat().st_size > _MAX_INDEX_BYTES:
            return None
        dataset = pydicom.dcmread(path, specific_tags=["DirectoryRecordSequence"])
        names = list(_image_names(dataset))
    except Exception:  # noqa: BLE001  (a hostile file can make a parser raise anything)
        return None
    if not names:
        return None
    lookup = _Lookup(path.parent)
    files = [lookup.file(parts) for parts in names]
    inside = tuple(file for file in files if file is not None)
    return Index(inside, outside=len(files) - len(inside))


def listed(path: Path) -> list[Path] | None:
    """List what a DICOMDIR names, and itself where it names files outside its folder; None as `read_index`."""
    index = read_index(path)
    if index is None:
        return None
    return [*index.files, *([path] if index.outside else [])]


def is_dicom_file(path: Path) -> bool:
    """Whether a file begins as DICOM files do; False where it cannot be read."""
    from cxr_shared.film.header import is_dicom

    try:
        with path.open("rb") as stream:
            return is_dicom(stream.read(132))
    except OSError:
        return False


def why_no_disc(path: Path) -> str:
    """Say why a DICOMDIR is a row of its own; for the decoding process, since it reads it."""
    index = read_index(path)
    if index is None:
        return "This DICOMDIR is damaged or names no image, and no film lies beside it. Copy the whole disc again."
    if index.outside:
        return (
            f"{index.outside} of the images that this DICOMDIR names lie outside its folder; they were not opened. "
            "Open them by themselves if you trust the disc."
        )
    return "This is a DICOMDIR, the index of a disc. Open it again to see the films that it names."


def _image_names(dataset: Dataset) -> Iterator[tuple[str, ...]]:
    for record in dataset[_RECORDS].value:
        if _text(record, _TYPE) == "IMAGE" and _in_use(record):
            name = _text(record, _FILE_ID)
            if name:
                # A file ID is split by backslashes; some programs write a path instead.
                yield tuple(part.strip() for part in name.replace("/", "\\").split("\\"))


def _in_use(record: Dataset) -> bool:
    """Whether a record counts; 0000H marks one that was taken out, PS3.3 F.3.2.2."""
    return _IN_USE not in record or _raw(record, _IN_USE) not in (b"\0\0", 0)


def _text(record: Dataset, tag: int) -> str:
    """Text as it is stored: converting it would have pydicom warn of values, which name patients."""
    value = _raw(record, tag) if tag in record else b""
    if isinstance(value, bytes):
        return value.decode("ascii", errors="replace").strip(" \0")
    return "\\".join(value) if isinstance(value, (list, tuple)) else str(value)


def _raw(record: Dataset, tag: int) -> object:
    return record.get_item(tag).value


class _Lookup:
    """Finds files by the names of a DICOMDIR, which are in capitals whatever the disc has."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real = root.resolve()
        self._listings: dict[Path, dict[str, str]] = {}

    def file(self, parts: tuple[str, ...]) -> Path | None:
        """Return the file's path, whether or not it exists; None where it lies outside the disc's folder."""
        if len(parts) > _DEPTH or not all(map(_is_plain, parts)):
            return None
        path = self._root
        for part in parts:
            path /= self._listing(path).get(part.casefold(), part)
        return path if path.resolve().is_relative_to(self._real) else None

    def _listing(self, folder: Path) -> dict[str, str]:
        if folder not in self._listings:
            self._listings[folder] = _names_in(folder)
        return self._listings[folder]


def _names_in(folder: Path) -> dict[str, str]:
    """Names in a folder by what a record may call them: ISO 9660 adds a version, and a dot where there is no suffix."""
    try:
        names = sorted(each.name for each in folder.iterdir())
    except OSError:
        return {}
    forms: tuple[Callable[[str], str], ...] = (
        lambda name: name.partition(";")[0].rstrip("."),
        lambda name: name.partition(";")[0],
        lambda name: name,
    )
    return {form(name).casefold(): name for form in forms for name in names}


def _is_plain(part: str) -> bool:
    return part not in {"", ".", ".."} and not any(sign in part for sign in ":\0/\\")
