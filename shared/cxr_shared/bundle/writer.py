"""Writing a bundle: one zip, stored not deflated, the same bytes for the same content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cxr_shared.bundle.archive import pack
from cxr_shared.bundle.manifest import MANIFEST_NAME, Manifest
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
