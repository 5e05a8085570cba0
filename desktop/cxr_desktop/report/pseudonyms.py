"""Names and UIDs that stand for a patient's, the same in every export of one site.

Each is a keyed hash (HMAC-SHA-256), so that films of one patient and objects of one study stay together, while nobody
without the site's key can find by trying which patient is meant.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cxr_shared.errors import CxrError
from cxr_shared.files import write_bytes
from cxr_shared.places import Kept, own_place

_KEY_BYTES: Final = 32
_PRIVATE: Final = 0o600


class PseudonymKeyUnreadableError(CxrError):
    """The site's key for pseudonyms is there and cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The key for pseudonyms, {path}, cannot be read: {reason}. Ask for permission to read it; a new key could "
            "not match later exports with earlier ones."
        )


class PseudonymKeyError(CxrError):
    """The site's key for pseudonyms is damaged."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The key for pseudonyms, {path}, is not {_KEY_BYTES} bytes long. Restore it from a backup, or remove it: "
            "then a new one is made, and later exports cannot be matched with earlier ones."
        )


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """What stands for names and UIDs.

    Attributes
    ----------
    key
        The site's secret, 32 bytes.
    """

    key: bytes = field(repr=False)

    def patient(self, patient_id: str) -> str:
        """Give what stands for a patient's identifier; nothing for none."""
        return f"P-{self._digest('patient', patient_id).hex()[:12].upper()}" if patient_id else ""

    def uid(self, uid: str) -> str:
        """UID under the root for UUIDs (PS3.5 B.2) that stands for another; nothing for none."""
        return f"2.25.{uuid.UUID(bytes=self._digest('uid', uid)[:16], version=4).int}" if uid else ""

    def content(self, sha256: str) -> str:
        """Give what stands for the SHA-256 of a file's content, by which the original could be found."""
        return self._digest("content", sha256).hex() if sha256 else ""

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.new(self.key, f"{kind}\0{value}".encode(), hashlib.sha256).digest()


def site_pseudonyms() -> Pseudonyms:
    """Read this site's key, or make one; `CXR_PSEUDONYM_KEY` names the file.

    Raises
    ------
    PseudonymKeyError, PseudonymKeyUnreadableError
        The file is damaged, or may not be read.
    OutputError
        There is none, and it could not be written.
    """
    path = own_place("pseudonyms.key", kept=Kept.DATA, variable="CXR_PSEUDONYM_KEY")
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise PseudonymKeyUnreadableError(path, error.strerror or type(error).__name__) from error
    if len(key) != _KEY_BYTES:
        raise PseudonymKeyError(path)
    return Pseudonyms(key)


def _make_key(path: Path) -> None:
    """Write a new key whole, unless another process was first: then its key counts."""
    made = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    write_bytes(made, secrets.token_bytes(_KEY_BYTES), mode=_PRIVATE)
    try:
        path.hardlink_to(made)
    except FileExistsError:
        pass
    except OSError:  # a disk without hard links
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
