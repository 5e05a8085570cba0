"""Reading a bundle: nothing of it is used before all of it is verified."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cxr_shared.bundle.archive import is_packed
from cxr_shared.bundle.manifest import MANIFEST_NAME, SCHEMA_VERSION, Manifest
from cxr_shared.bundle.parts import Precision
from cxr_shared.bundle.signature import SIGNATURE_NAME, Signature
from cxr_shared.errors import BundleDamaged, BundleUnsupported
from cxr_shared.files import sha256_bytes
from cxr_shared.findings import Target

_LOCAL_HEADER = 30
"""Bytes of a file's header in a zip, before its name (APPNOTE 4.3.7)."""
_LARGEST_MODEL = 512 * 2**20
_LARGEST_MANIFEST = 16 * 2**20
_LARGEST_SIGNATURE = 2**12
_AGAIN = "Get the bundle again, or export it again with `cxr-export onnx`."


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A verified bundle in memory.

    Attributes
    ----------
    path
        Where it was read.
    manifest
        Its manifest.
    sha256
        SHA-256 of the whole file: the bundle's identity in every verdict.
    files
        ONNX bytes by file name, each matching its hash.
    signature
        Fits the manifest, whoever made it; None where the bundle is not signed.
    """

    path: Path
    manifest: Manifest
    sha256: str
    files: dict[str, bytes]
    signature: Signature | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets it has a model for, in the manifest's order."""
        return tuple(entry.target for entry in self.manifest.models)

    def model(self, target: Target, precision: Precision = "float32") -> bytes:
        """ONNX bytes of a model; KeyError where the bundle has no such model or precision."""
        found = self.manifest.entry(target).at(precision)
        if found is None:
            raise KeyError(precision)
        return self.files[found.file]


def open_bundle(path: Path) -> Bundle:
    """Read `path` and verify every byte that it holds.

    Raises
    ------
    BundleDamaged
        Missing, no zip, a manifest that does not parse, a file too many or too few, or a wrong hash; the
        message names the file.
    SignatureRefused
        It is signed, and its signature does not fit.
    BundleUnsupported
        Another schema, or a model with external data or operators outside ONNX's own.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BundleDamaged(f"Could not read the bundle {path}: {error.strerror}. Check the path.") from error
    try:
        with ThreadPoolExecutor(2) as helpers:  # hashing releases Python's lock, and the file may have 300 MB
            whole = helpers.submit(sha256_bytes, raw)
            manifest, files, signature = _read(path, raw, helpers)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise BundleDamaged(f"{path} is not a sound bundle ({error}). {_AGAIN}") from error
    bundle = Bundle(path=path, manifest=manifest, sha256=whole.result(), files=files, signature=signature)
    for name, data in files.items():
        _refuse_unsafe(path, name, data)
    return bundle


def _read(path: Path, raw: bytes, helpers: ThreadPoolExecutor) -> tuple[Manifest, dict[str, bytes], Signature | None]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        text = _manifest_text(path, archive)
        manifest = _parse_manifest(path, text)
        expected = [MANIFEST_NAME, *(each.file for each in manifest.files)]
        signed = archive.namelist()[-1:] == [SIGNATURE_NAME]
        if archive.namelist() != expected + [SIGNATURE_NAME] * signed:
            raise BundleDamaged(f"{path} holds other files than its manifest lists. {_AGAIN}")
        files = {
            each.file: _content(raw, _checked_info(path, archive, each.file, limit=_LARGEST_MODEL))
            for each in manifest.files
        }
        info = _checked_info(path, archive, SIGNATURE_NAME, limit=_LARGEST_SIGNATURE) if signed else None
        seal = None if info is None else archive.read(info)
    for each, found in zip(manifest.files, helpers.map(sha256_bytes, files.values()), strict=True):
        if found != each.sha256:
            raise BundleDamaged(f"{path}: {each.file} does not match its hash. {_AGAIN}")
    members = [(MANIFEST_NAME, text), *files.items()]
    _refuse_slack(path, raw, members if seal is None else [*members, (SIGNATURE_NAME, seal)])
    return manifest, files, None if seal is None else _check_signature(path, text, seal)


def _check_signature(path: Path, text: bytes, seal: bytes) -> Signature:
    from cxr_shared.bundle.signing import check  # cryptography is slow to import, and most bundles are not signed

    return check(path, text, seal)


def _manifest_text(path: Path, archive: zipfile.ZipFile) -> bytes:
    if MANIFEST_NAME not in archive.namelist():
        raise BundleDamaged(f"{path} has no {MANIFEST_NAME}. {_AGAIN}")
    return archive.read(_checked_info(path, archive, MANIFEST_NAME, limit=_LARGEST_MANIFEST))


def _parse_manifest(path: Path, text: bytes) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        _refuse_other_schema(path, text)
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleDamaged(f"{path}: {MANIFEST_NAME} is wrong at '{where}': {first['msg']}. {_AGAIN}") from error
    _refuse_other_schema(path, text)
    return manifest


def _refuse_other_schema(path: Path, text: bytes) -> None:
    try:
        version = json.loads(text)["schema_version"]
    except (ValueError, KeyError, TypeError):
        return
    if isinstance(version, int) and 0 < version < SCHEMA_VERSION:
        raise BundleUnsupported(
            f"{path} has bundle schema {version}, which this version no longer reads. Export its runs again with "
            "`cxr-export onnx`."
        )
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise BundleUnsupported(
            f"{path} has bundle schema {version}; this version reads up to {SCHEMA_VERSION}. "
            "Update with `pip install -U cxr-triage`."
        )


def _checked_info(path: Path, archive: zipfile.ZipFile, name: str, *, limit: int) -> zipfile.ZipInfo:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 0x1:
        raise BundleDamaged(f"{path}: {name} is compressed or encrypted, which bundles never are. {_AGAIN}")
    if info.file_size > limit:
        raise BundleDamaged(f"{path}: {name} declares {info.file_size:,} bytes; at most {limit:,} are read. {_AGAIN}")
    return info


def _content(raw: bytes, info: zipfile.ZipInfo) -> bytes:
    """Cut out a stored file; its hash is checked and so are all headers, so `zipfile` need not copy and sum it too."""
    start = info.header_offset + _LOCAL_HEADER + len(info.filename.encode())
    return raw[start : start + info.file_size]


def _refuse_slack(path: Path, raw: bytes, files: list[tuple[str, bytes]]) -> None:
    """Refuse a byte that no hash covers: the container is packed again and must equal the file."""
    if not is_packed(raw, files):
        raise BundleDamaged(f"{path}: the archive's own headers were changed or bytes were added. {_AGAIN}")


def _refuse_unsafe(path: Path, name: str, data: bytes) -> None:
    """Refuse what would make onnxruntime read other files or load other code."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise BundleDamaged(f"{path}: {name} is not an ONNX model. {_AGAIN}") from error
    graphs = _graphs(model.graph)
    domains = {node.domain for graph in graphs for node in graph.node} | {each.domain for each in model.opset_import}
    foreign = sorted(domains - {"", "ai.onnx"})
    if foreign or model.functions or model.training_info:
        raise BundleUnsupported(f"{path}: {name} uses operators outside ONNX's own ({', '.join(foreign)}). Not loaded.")
    tensors = [tensor for graph in graphs for tensor in _tensors(graph)]
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data for tensor in tensors):
        raise BundleUnsupported(f"{path}: {name} keeps its weights in another file. Not loaded.")


def _graphs(graph: Any) -> list[Any]:  # noqa: ANN401  (protobuf classes made at run time)
    """The graph and every subgraph below it."""
    inner = [
        subgraph
        for node in graph.node
        for attribute in node.attribute
        for subgraph in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs)
    ]
    return [graph, *(below for subgraph in inner for below in _graphs(subgraph))]


def _tensors(graph: Any) -> list[Any]:  # noqa: ANN401
    """Every tensor of one graph: initializers and attributes, dense and sparse."""
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    sparse = [*graph.sparse_initializer, *(each for attribute in attributes for each in attribute.sparse_tensors)]
    sparse += [attribute.sparse_tensor for attribute in attributes if attribute.HasField("sparse_tensor")]
    dense = [*graph.initializer, *(each for attribute in attributes for each in attribute.tensors)]
    dense += [attribute.t for attribute in attributes if attribute.HasField("t")]
    return [*dense, *(part for each in sparse for part in (each.values, each.indices))]


__all__ = ["Bundle", "open_bundle"]
