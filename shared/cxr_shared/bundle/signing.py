"""Who made a bundle: an optional Ed25519 signature (RFC 8032) of its manifest, which holds every other file's hash.

The signature holds the public key too, so that a damaged one is found without any key; only a key that was had by
another way says who signed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import ValidationError

from cxr_shared.bundle.signature import Signature, fingerprint
from cxr_shared.errors import KeyUnusable, SignatureRefused
from cxr_shared.files import write_bytes

_PURPOSE: Final = b"cxr-bundle-manifest\0"
"""Signed before the manifest, so that a signature made for another purpose never fits."""
_MAKE: Final = "Make a pair with `cxr-export keygen FILE`."


def make_keys(path: Path) -> str:
    """Write a new private key to `path`, readable by its owner alone, and the public one beside it as ``.pub``.

    Returns
    -------
    str
        The public key's fingerprint.

    Raises
    ------
    KeyUnusable
        `path` exists already: a key is never overwritten.
    OutputError
        A file could not be written.
    """
    public_path = path.with_name(f"{path.name}.pub")
    for each in (path, public_path):
        if each.exists():
            raise KeyUnusable(f"{each} exists already, and a key is never overwritten. Name another file.")
    private = Ed25519PrivateKey.generate()
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_bytes(path, text, mode=0o600)
    public = private.public_key()
    write_bytes(
        public_path,
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    )
    return fingerprint(public.public_bytes_raw())


def sign(manifest: bytes, key: Path) -> Signature:
    """Sign ``manifest.json`` with the private key in the file `key`.

    Raises
    ------
    KeyUnusable
        `key` cannot be read or is no private Ed25519 key.
    """
    private = _private_key(key)
    return Signature(
        key=private.public_key().public_bytes_raw().hex(), signature=private.sign(_PURPOSE + manifest).hex()
    )


def check(path: Path, manifest: bytes, text: bytes) -> Signature:
    """Read ``signature.json`` of the bundle at `path` and check that its own key signed `manifest`.

    Raises
    ------
    SignatureRefused
        It is malformed, or does not fit the manifest.
    """
    try:
        signature = Signature.model_validate_json(text)
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signature.key))
        public.verify(bytes.fromhex(signature.signature), _PURPOSE + manifest)
        if signature.text != text:  # other spaces or capitals: harmless, but no byte of a bundle is free
            raise ValueError
    except (ValidationError, ValueError, InvalidSignature) as error:
        raise SignatureRefused(
            f"{path}: its signature does not fit its manifest, so one of them was changed. Get the bundle again from "
            "whoever signed it."
        ) from error
    return signature


def require_key(path: Path, signature: Signature | None, key: Path) -> str:
    """Make sure that the owner of the public key in the file `key` signed the bundle at `path`.

    Returns
    -------
    str
        The key's fingerprint.

    Raises
    ------
    SignatureRefused
        The bundle is not signed, or with another key.
    KeyUnusable
        `key` cannot be read or is no public Ed25519 key.
    """
    wanted = _public_key(key).public_bytes_raw()
    if signature is None:
        raise SignatureRefused(f"{path} is not signed. Sign it with `cxr-export sign {path} --key PRIVATE_KEY`.")
    if bytes.fromhex(signature.key) != wanted:
        raise SignatureRefused(
            f"{path} was signed with another key ({signature.fingerprint}, not {fingerprint(wanted)} of {key}). "
            "Do not use it unless you know why."
        )
    return signature.fingerprint


def _private_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError) as error:
        raise KeyUnusable(f"{path} is no private key in PEM form without a password. {_MAKE}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"{path} is a private key of another kind than Ed25519. {_MAKE}")
    return key


def _public_key(path: Path) -> Ed25519PublicKey:
    try:
        key = serialization.load_pem_public_key(_read(path))
    except ValueError as error:
        raise KeyUnusable(f"{path} is no public key in PEM form. Give the .pub file of the pair.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnusable(f"{path} is a public key of another kind than Ed25519. Give the .pub file of the pair.")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"Could not read the key {path}: {error.strerror}. Check the path.") from error
