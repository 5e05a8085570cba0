"""What becomes of the objects of one fetch: written as Part 10 files, checked, kept in the spool."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_file_meta_info
from pydicom.tag import BaseTag

from cxr_desktop.pacs.arriving import Arriving
from cxr_desktop.pacs.errors import NetworkError
from cxr_desktop.pacs.query.model import Fetched, Progress
from cxr_desktop.pacs.spool import Spool
from cxr_shared.film.header import read_header
from cxr_shared.film.refusals import FilmRefusedError
from cxr_shared.film.tags import text

_PREFIX: Final = b"\0" * 128 + b"DICM"
_META_BYTES: Final = 1 << 16
_SOURCE: Final = 0x00020016
"""Source Application Entity Title, PS3.10 7.1."""
_BAD_FILE: Final = (ValueError, TypeError, LookupError, AttributeError, EOFError, OSError, NotImplementedError)
_REFUSALS: Final = 1000
"""So many sentences are kept of one study; an archive that sends rubbish for ever fills no memory."""


class ObjectRefused(Exception):
    """An object is not kept; the message says why, without patient data."""


class _Halted(Exception):
    """It was stopped in the middle of an object."""


class Keeper:
    """Keeps the objects of one study, and counts.

    Parameters
    ----------
    spool
        Where they go.
    origin
        AE title or name of the peer that they come from.
    study_uid
        The study that was asked for; an object of another is refused.
    limit
        Largest object, bytes.
    progress, stopped
        As for `Archive.fetch`.
    """

    def __init__(
        self,
        spool: Spool,
        origin: str,
        study_uid: str,
        *,
        limit: int,
        progress: Callable[[Progress], None],
        stopped: Callable[[], bool],
    ) -> None:
        self.limit = limit
        self._spool, self._origin, self._study_uid = spool, origin, study_uid
        self._progress, self._asked = progress, stopped
        self._kept: list[Path] = []
        self._known: list[Path] = []
        self._refused: list[str] = []
        self._expected: int | None = None
        self._done = self._bytes = self._moved = self._refusals = 0
        self._stopped = self._guessed = False
        self.trouble: NetworkError | None = None

    def stopped(self) -> bool:
        """Whether no more is wanted: the person stopped it, or there is no room."""
        self._stopped = self._stopped or self._asked()
        return self._stopped or self.trouble is not None

    @property
    def given_up(self) -> bool:
        """Whether the person stopped it."""
        return self._stopped

    @property
    def is_empty(self) -> bool:
        """Whether nothing came yet."""
        return not (self._kept or self._known or self._refused or self._moved)

    def expect(self, instances: int | None) -> None:
        """Take how many instances there are; None changes nothing."""
        if instances is not None:
            self._expected = instances
            self._tell()

    def guess(self, instances: int) -> None:
        """Take how many instances a series has, where nothing better is known."""
        if self._expected is None or self._guessed:
            self._guessed = True
            self._expected = max(self._expected or 0, instances)

    def received(self, count: int) -> None:
        """Count bytes on their way."""
        self._bytes += count
        self._tell()

    def moved(self, instances: int) -> None:
        """Take how many instances the archive says it sent to the receiver."""
        self._moved = self._done = instances
        self._tell()

    def refuse(self, sentence: str) -> None:
        """Count an instance that is not kept."""
        if len(self._refused) < _REFUSALS:
            self._refused.append(sentence)
        self._refusals += 1
        self._done += 1
        self._tell()

    @property
    def refusals(self) -> int:
        """How many instances were refused."""
        return self._refusals

    def keep_file(self, chunks: Iterable[bytes]) -> None:
        """Keep a whole Part 10 file; what is wrong with it is among the refused, and the rest of it is unread.

        Raises
        ------
        SpoolFull, SpoolNotWritable
            There is no room; `trouble` is set.
        """
        pieces = self._counted(chunks)
        try:
            head = bytearray()
            for piece in pieces:
                head += piece
                if len(head) >= len(_PREFIX) + _META_BYTES:
                    break
            meta, rest = _meta_of(io.BytesIO(head))
            self.keep_dataset(meta, chain([memoryview(head)[rest:]], pieces))
        except ObjectRefused as fault:
            self.refuse(str(fault))
        except _Halted:
            pass

    def keep_dataset(self, meta: FileMetaDataset, pieces: Iterable[bytes | memoryview]) -> bool:
        """Keep an encoded data set under its file meta information, to which whom it came from is added.

        Parameters
        ----------
        meta
            SOP class, SOP instance and transfer syntax at least.
        pieces
            The data set.

        Returns
        -------
        bool
            Whether it is kept; else the reason is among the refused.

        Raises
        ------
        SpoolFull, SpoolNotWritable
            There is no room; `trouble` is set.
        """
        try:
            with self._spool.begin() as arriving:
                self._write(meta, pieces, arriving)
                self._check(arriving.path, text(meta, "MediaStorageSOPInstanceUID"))
                place, fresh = arriving.keep()
        except ObjectRefused as fault:
            self.refuse(str(fault))
            return False
        except NetworkError as error:
            self.trouble = error
            raise
        (self._kept if fresh else self._known).append(place)
        self._done += 1
        self._tell()
        return True

    def outcome(self, trouble: NetworkError | None = None) -> Fetched:
        """Say what became of it all."""
        trouble = trouble or self.trouble
        return Fetched(
            kept=tuple(self._kept),
            known=tuple(self._known),
            moved=self._moved,
            refused=tuple(self._refused),
            complete=trouble is None and not self._stopped,
            trouble=trouble,
        )

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.received(len(chunk))
            yield chunk
            if self.stopped():
                raise _Halted

    def _write(self, meta: FileMetaDataset, pieces: Iterable[bytes | memoryview], arriving: Arriving) -> None:
        source = self._origin.encode("latin-1", "replace").decode("latin-1")
        meta[_SOURCE] = DataElement(_SOURCE, "AE", source, validation_mode=0)
        head = io.BytesIO()
        try:
            write_file_meta_info(head, meta)  # type: ignore[arg-type]
        except _BAD_FILE as error:
            raise ObjectRefused("Its file meta information is damaged.") from error
        arriving.write(_PREFIX + head.getvalue())
        for piece in pieces:
            arriving.write(piece)
            if arriving.size > self.limit:
                raise ObjectRefused(_too_large(self.limit))

    def _check(self, written: Path, sop_uid: str) -> None:
        """Refuse what is no image, or not of the study that was asked for."""
        try:
            with written.open("rb") as stream:
                dataset = read_header(stream).dataset
        except FilmRefusedError as refusal:
            raise ObjectRefused(refusal.message) from refusal
        except _BAD_FILE as error:
            raise ObjectRefused("It is damaged.") from error
        if text(dataset, "StudyInstanceUID") != self._study_uid:
            raise ObjectRefused("It is of another study than was asked for.")
        if text(dataset, "SOPInstanceUID") != sop_uid:
            raise ObjectRefused("It is another object than the archive says.")

    def _tell(self) -> None:
        self._progress(Progress(self._done, self._expected, self._bytes))


def _meta_of(stream: BinaryIO) -> tuple[FileMetaDataset, int]:
    """Read the file meta information of a Part 10 file; where the data set begins is the second."""
    if stream.read(len(_PREFIX))[-4:] != _PREFIX[-4:]:
        raise ObjectRefused("It is no DICOM file.")
    head = io.BytesIO(stream.read(_META_BYTES))
    try:
        found = read_dataset(head, False, True, stop_when=_after_meta)  # noqa: FBT003  (pydicom's order)
        meta = FileMetaDataset(Dataset({tag: found[tag] for tag in found.keys()}))  # noqa: SIM118  (raw elements)
    except _BAD_FILE as error:
        raise ObjectRefused("Its file meta information is damaged.") from error
    return meta, len(_PREFIX) + head.tell()


def _after_meta(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) >> 16 != 0x0002


def _too_large(limit: int) -> str:
    return f"It is larger than {limit / 1e6:,.0f} MB, which is all that object_megabytes allows."
