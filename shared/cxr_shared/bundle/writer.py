"""Writing a bundle: one zip, stored not deflated, the same bytes for the same content."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from cxr_shared.bundle.manifest import MANIFEST_NAME, Manifest
from cxr_shared.errors import BundleDamaged
from cxr_shared.files import atomic_writer, sha256_bytes

# The earliest time that zip can hold: a bundle says when nothing, so that equal runs give equal bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_bundle(path: Path, manifest: Manifest, models: Mapping[str, bytes]) -> None:
    """Write `manifest` and the ONNX files it names to `path`, atomically.

    Parameters
    ----------
    path
        The ``.cxr`` file.
    manifest
        Its `models` name every key of `models`, with the matching SHA-256.
    models
        ONNX bytes by file name.

    Raises
    ------
    BundleDamaged
        A hash or a name of the manifest does not match `models`.
    OutputError
        The file could not be written.
    """
    if {entry.file for entry in manifest.models} != set(models):
        raise BundleDamaged(f"{path}: the manifest's files are not the files given. Nothing was written.")
    for entry in manifest.models:
        if sha256_bytes(models[entry.file]) != entry.sha256:
            raise BundleDamaged(f"{path}: {entry.file} does not match its hash. Nothing was written.")
    with atomic_writer(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, MANIFEST_NAME, manifest.model_dump_json(indent=2).encode())
        for entry in manifest.models:
            _add(archive, entry.file, models[entry.file])


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.external_attr = 0o644 << 16
    archive.writestr(info, data)
