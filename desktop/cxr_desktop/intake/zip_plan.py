"""What is taken from a ZIP, decided by its directory before anything is unpacked.

A ZIP comes from anywhere: its names may lead out of a folder, its sizes may lie, and 40 kB may promise terabytes.
"""

from __future__ import annotations

import contextlib
import io
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from cxr_desktop.intake.names import Key, is_index, is_zip, may_be_film, natural_key
from cxr_shared.film.limits import MAX_FILE_BYTES

MAX_MEMBERS: Final = 100_000
MAX_UNPACKED_BYTES: Final = 32 * 2**30
MAX_RATIO: Final = 200
"""Deflated films shrink to a half, collimated ones to a twentieth; a bomb to a thousandth."""
_RATIO_FROM_BYTES: Final = 4 * 2**20
_MAX_DIRECTORY_BYTES: Final = 24 * 2**20
_LOCAL_HEADER_BYTES: Final = 30
_LONGEST_NAME: Final = 100
_LONGEST_PLACE: Final = 400
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Those that Python inflates within bounds; bzip2 makes gigabytes of one read, LZMA asks for them beforehand."""

_ENCRYPTED: Final = 0x1
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\ud800-\udfff]')
_DEVICES: Final = frozenset(
    {"aux", "con", "nul", "prn", *(f"{name}{number}" for name in ("com", "lpt") for number in range(10))}
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file in a ZIP.

    Attributes
    ----------
    info
        Its entry in the directory.
    place
        Where it goes below the folder that the ZIP is unpacked into; unique, and never leaves that folder.
    refusal
        Why it is not unpacked, as a sentence; empty where it is.
    """

    info: zipfile.ZipInfo
    place: PurePosixPath
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is taken from a ZIP.

    Attributes
    ----------
    members
        Files that may be films, indices of discs and ZIPs within it, in natural order.
    trouble
        What is wrong with the ZIP as a whole, as a sentence; empty where nothing is.
    """

    members: tuple[Member, ...]
    trouble: str = ""

    @property
    def size(self) -> int:
        """Bytes of all that is unpacked."""
        return sum(member.info.file_size for member in self.members if not member.refusal)


class _BoundedReader(io.BufferedReader):
    """A file that refuses to be read in one piece: `zipfile` reads a directory so, however long it claims to be."""

    def read(self, size: int | None = -1, /) -> bytes:
        most = _MAX_DIRECTORY_BYTES + 1
        data = super().read(most if size is None or size < 0 else min(size, most))
        if len(data) > _MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile("its directory is too long")
        return data


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a ZIP; whatever is wrong with it, OSError, BadZipFile or another Exception."""
    with _BoundedReader(io.FileIO(path)) as stream, zipfile.ZipFile(stream) as archive:
        yield archive


def read_plan(path: Path) -> Plan:
    """Decide what is taken from a ZIP. No file, however hostile, raises."""
    try:
        size = path.stat().st_size
        with open_archive(path) as archive:
            infos = archive.infolist()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Plan((), f"The ZIP could not be read: {reason}. Check that you may read it.")
    except Exception:  # noqa: BLE001  (a hostile file can make a parser raise anything)
        return Plan((), "This ZIP is damaged or incomplete. Copy it again, or unpack it and open the folder.")
    return _bounded(_members(infos), archive_bytes=size)


def safe_place(name: str) -> tuple[PurePosixPath, bool]:
    """Turn a member's name into a path that stays below a folder on every system.

    Parameters
    ----------
    name
        As in the ZIP's directory.

    Returns
    -------
    place
        Relative, with at least one part, none of them hidden, reserved or longer than 100 bytes.
    honest
        False where the name led out of the folder.
    """
    parts = [part for part in re.split(r"[/\\]", name) if part not in {"", "."}]
    outward = name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name) is not None
    return PurePosixPath(*(map(_safe_part, parts) if parts else ["_"])), not outward


def _safe_part(part: str) -> str:
    safe = _UNSAFE.sub("_", unicodedata.normalize("NFC", part)).rstrip(". ")
    safe = f"_{safe[1:]}" if safe.startswith(".") else safe
    if safe.partition(".")[0].rstrip(" ").lower() in _DEVICES:
        safe = f"_{safe}"
    if len(safe.encode()) > _LONGEST_NAME:
        suffix = PurePosixPath(safe).suffix
        tail = suffix if len(suffix.encode()) <= 10 else ""
        safe = (safe.encode()[: _LONGEST_NAME - len(tail.encode())].decode(errors="ignore") + tail).rstrip(". ")
    return safe or "_"


def _members(infos: Iterable[zipfile.ZipInfo]) -> list[Member]:
    wanted = [info for info in infos if _is_wanted(info)]
    overlapping = _overlapping(wanted)
    members = [
        Member(info, place, _refusal(info, honest=honest, overlaps=id(info) in overlapping))
        for info, place, honest in _placed(wanted)
    ]
    return sorted(members, key=lambda member: _order(member.place))


def _is_wanted(info: zipfile.ZipInfo) -> bool:
    if info.is_dir():
        return False
    *folders, name = re.split(r"[/\\]", info.filename)
    hidden = any((part.startswith(".") and part not in {".", ".."}) or part == "__MACOSX" for part in folders)
    return not hidden and (may_be_film(name) or is_index(name))


def _placed(infos: Iterable[zipfile.ZipInfo]) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath, bool]]:
    """Give each member a place of its own, on file systems that ignore case too."""
    files: set[str] = set()
    folders: set[str] = set()
    for number, info in enumerate(infos):
        place, honest = safe_place(info.filename)
        above = {str(parent).casefold() for parent in place.parents} - {"."}
        key = str(place).casefold()
        if key in files or key in folders or above & files or len(key) > _LONGEST_PLACE:
            # No part of another place begins with a dot, so this one is free.
            place = PurePosixPath(".again", str(number), place.name)
        else:
            files.add(key)
            folders |= above
        yield info, place, honest


def _refusal(info: zipfile.ZipInfo, *, honest: bool, overlaps: bool) -> str:
    reasons = (
        (not honest, "Its name in the ZIP leads out of the folder, as attacks do; it was not unpacked."),
        (stat.S_ISLNK(info.external_attr >> 16), "It is a link, not a file; links in a ZIP are not followed."),
        (is_zip(info.filename), "A ZIP within a ZIP is not opened. Unpack the outer one and open the inner one."),
        (
            bool(info.flag_bits & _ENCRYPTED),
            "It is encrypted in its ZIP. Unpack the ZIP with its password and open the folder.",
        ),
        (
            info.compress_type not in _METHODS,
            "It is compressed by a method that is not opened here. Unpack the ZIP and open the folder.",
        ),
        (
            info.file_size > MAX_FILE_BYTES,
            f"It holds {info.file_size / 2**20:.0f} MiB; at most {MAX_FILE_BYTES / 2**20:.0f} MiB are read.",
        ),
        (
            info.file_size > max(_RATIO_FROM_BYTES, MAX_RATIO * info.compress_size) or overlaps,
            "It is compressed as no film can be, as attacks are; it was not unpacked.",
        ),
    )
    return next((sentence for applies, sentence in reasons if applies), "")


def _overlapping(infos: list[zipfile.ZipInfo]) -> set[int]:
    """Ids of the members whose data another one uses too, by which a small ZIP becomes a large one."""
    found: set[int] = set()
    end, last = 0, None
    for info in sorted(infos, key=lambda each: each.header_offset):
        if last is not None and info.header_offset < end:
            found |= {id(info), id(last)}
        reach = info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size
        if reach > end:
            end, last = reach, info
    return found


def _bounded(members: list[Member], *, archive_bytes: int) -> Plan:
    if not members:
        return Plan((), "No film is in this ZIP; films are PNG, JPEG or DICOM files.")
    encrypted = [member for member in members if member.info.flag_bits & _ENCRYPTED]
    if len(encrypted) == len(members):
        return Plan((), "This ZIP is encrypted. Unpack it with its password and open the folder.")
    most = min(MAX_UNPACKED_BYTES, max(MAX_FILE_BYTES, MAX_RATIO * archive_bytes))
    taken: list[Member] = []
    total = 0
    for member in members:
        total += 0 if member.refusal else member.info.file_size
        if len(taken) == MAX_MEMBERS or total > most:
            return Plan(
                tuple(taken),
                f"Only the first {len(taken)} of the {len(members)} files in this ZIP were taken: at most "
                f"{MAX_MEMBERS} and {most / 2**30:.1f} GiB are. Unpack it and open the folder.",
            )
        taken.append(member)
    return Plan(tuple(taken))


_Order: TypeAlias = tuple[tuple[bool, Key], ...]


def _order(place: PurePosixPath) -> _Order:
    """Files of a folder before those of the folders in it, as a search of a folder has them."""
    *folders, name = place.parts
    return (*((True, natural_key(part)) for part in folders), (False, natural_key(name)))
