"""Writing a bundle: one zip, stored not deflated, the same bytes for the same content."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from cxr_shared.bundle.archive import pack
from cxr_shared.bundle.manifest import MANIFEST_NAME, Manifest
from cxr_shared.bundle.reader import open_bundle
from cxr_shared.bundle.signature import SIGNATURE_NAME, Signature
from cxr_shared.errors import BundleDamaged
from cxr_shared.files import atomic_writer, sha256_bytes


def write_bundle(path: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Write `manifest` and the ONNX files it names to `path`, atomically.

    Parameters
    ----------
    path
        The ``.cxr`` file.
    manifest
        It names every key of `files`, with the matching SHA-256.
    files
        ONNX bytes by file name.

    Raises
    ------
    BundleDamaged
        A hash or a name of the manifest does not match `files`.
    OutputError
        The file could not be written.
    """
    if {each.file for each in manifest.files} != set(files):
        raise BundleDamaged(f"{path}: the manifest's files are not the files given. Nothing was written.")
    for each in manifest.files:
        if sha256_bytes(files[each.file]) != each.sha256:
            raise BundleDamaged(f"{path}: {each.file} does not match its hash. Nothing was written.")
    text = manifest.model_dump_json(indent=2).encode()
    members = [(MANIFEST_NAME, text), *((each.file, files[each.file]) for each in manifest.files)]
    with atomic_writer(path) as stream:
        pack(stream, members)


def sign_bundle(path: Path, key: Path) -> Signature:
    """Replace the bundle at `path` by the same one signed with the private key in the file `key`.

    Raises
    ------
    BundleError
        The bundle must not be used, so it is not signed either.
    KeyUnusable
        `key` cannot be read or is no private Ed25519 key.
    OutputError
        The signed bundle could not be written; the one there is untouched.
    """
    from cxr_shared.bundle.signing import sign  # cryptography is slow to import

    bundle = open_bundle(path)
    with zipfile.ZipFile(path) as archive:  # the very bytes, which may hold fields of a newer version
        manifest = archive.read(MANIFEST_NAME)
    signature = sign(manifest, key)
    with atomic_writer(path) as stream:
        pack(stream, [(MANIFEST_NAME, manifest), *bundle.files.items(), (SIGNATURE_NAME, signature.text)])
    return signature
