"""Films inside a ZIP become files in a private folder, see `unpacked`, each as soon as it is unpacked."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from cxr_desktop.intake.disc import is_dicom_file, listed
from cxr_desktop.intake.names import is_index
from cxr_desktop.intake.unpacked import claim
from cxr_desktop.intake.zip_plan import Member, Plan, open_archive, read_plan

_BLOCK: Final = 2**20
_COULD_NOT: Final = (
    "could not be unpacked. Free some space on the disk of the cache folder, or name another folder in CXR_UNPACKED."
)


class _StoppedError(Exception):
    """The person no longer wants it."""


def films_in_zip(archive: Path, *, stopped: Callable[[], bool] = lambda: False) -> Iterator[Path | None]:
    """Unpack a ZIP and list its films.

    What was unpacked before, by this or an earlier run, is taken as it is. In a ZIP of a disc (one with a DICOMDIR)
    only DICOM files are films, and what the index names but the ZIP lacks is listed as well.

    Parameters
    ----------
    archive
        The ZIP; it is untrusted, see `zip_plan` for what is refused.
    stopped
        Asked for every block; True ends it, and leaves no half-written file.

    Yields
    ------
    Path or None
        A film; or ``archive / name`` for a member that was not unpacked, which no reader finds and `why_not` explains;
        or `archive` itself where something is wrong with it as a whole. None says that time went by.
    """
    plan = read_plan(archive)
    if plan.members:
        with contextlib.suppress(_StoppedError):
            yield from _unpacked(archive, plan, stopped)
    if plan.trouble:
        yield archive


def why_not(path: Path, plan: Plan, archive: Path) -> str:
    """Say why a ZIP or a member of it gave no film; for the decoding process, since it reads the ZIP.

    Parameters
    ----------
    path
        The ZIP, or ``archive / name`` as `films_in_zip` yields it.
    plan
        Of the ZIP.
    archive
        The ZIP.

    Returns
    -------
    str
        A sentence.
    """
    if path == archive:
        return plan.trouble or f"This ZIP {_COULD_NOT}"
    place = PurePosixPath(path.relative_to(archive).as_posix())
    member = next((each for each in plan.members if each.place == place), None)
    if member is None:
        return "It is no longer in its ZIP. Open the ZIP again."
    if member.refusal:
        return member.refusal
    try:
        with open_archive(archive) as opened, opened.open(member.info) as source:
            while source.read(_BLOCK):
                pass
    except Exception:  # noqa: BLE001  (a hostile file can make a parser raise anything)
        return "It is damaged in its ZIP. Copy the ZIP again, or unpack it and open the folder."
    return f"It {_COULD_NOT}"


def _unpacked(archive: Path, plan: Plan, stopped: Callable[[], bool]) -> Iterator[Path | None]:
    try:
        digest = yield from _digest(archive, stopped)
        folder = claim(digest, size=plan.size)
        with open_archive(archive) as opened:
            yield from _members(archive, opened, plan=plan, folder=folder, stopped=stopped)
    except (OSError, zipfile.BadZipFile):
        yield archive


def _members(
    archive: Path, opened: zipfile.ZipFile, *, plan: Plan, folder: Path, stopped: Callable[[], bool]
) -> Iterator[Path | None]:
    indices = [member for member in plan.members if is_index(member.place.name) and not member.refusal]
    found = [each for member in indices if (each := _extracted(opened, member, folder, stopped)) is not None]
    discs = {path.parent: path for path in found if listed(path) is not None}
    for member in plan.members:
        yield None
        if is_index(member.place.name):
            continue
        path = None if member.refusal else _extracted(opened, member, folder, stopped)
        if path is None:
            yield archive / member.place
        elif not any(disc in path.parents for disc in discs) or is_dicom_file(path):
            yield path
    for index in discs.values():  # now that all of it lies there, whose names are found in any case
        yield from listed(index) or ()


def _digest(archive: Path, stopped: Callable[[], bool]) -> Generator[None, None, str]:
    digest = hashlib.sha256()
    with archive.open("rb") as stream:
        while block := stream.read(4 * _BLOCK):
            if stopped():
                raise _StoppedError
            digest.update(block)
            yield
    return digest.hexdigest()


def _extracted(opened: zipfile.ZipFile, member: Member, folder: Path, stopped: Callable[[], bool]) -> Path | None:
    """Unpack one member; None where it is damaged or cannot be written."""
    if stopped():
        raise _StoppedError
    target = folder / member.place
    with contextlib.suppress(OSError):
        if target.stat().st_size == member.info.file_size:
            return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _extract(opened, member.info, target, stopped)
    except _StoppedError:
        raise
    except Exception:  # noqa: BLE001  (a hostile file can make a parser raise anything)
        return None
    return target


def _extract(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, stopped: Callable[[], bool]) -> None:
    """Unpack beside the target and rename; not synced, since what a power cut takes is unpacked again."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream, opened.open(info) as source:
            while block := source.read(_BLOCK):
                if stopped():
                    raise _StoppedError
                stream.write(block)
            if stream.tell() != info.file_size:
                raise zipfile.BadZipFile("shorter than it says")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
