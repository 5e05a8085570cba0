"""The signature of a bundle, as it is written in it; `cxr_shared.bundle.signing` makes and checks it."""

from __future__ import annotations

import json
from typing import Final

from pydantic import BaseModel, ConfigDict

from cxr_shared.files import sha256_bytes

SIGNATURE_NAME: Final = "signature.json"


class Signature(BaseModel):
    """``signature.json``: `key` (32 bytes) and `signature` (64 bytes), both as hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    algorithm: str = "Ed25519"
    key: str
    signature: str

    @property
    def text(self) -> bytes:
        """The file's bytes."""
        return (json.dumps(self.model_dump(), indent=2) + "\n").encode()

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint."""
        return fingerprint(bytes.fromhex(self.key))


def fingerprint(key: bytes) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a raw public key: short enough to read out on the telephone."""
    return sha256_bytes(key)[:16]
