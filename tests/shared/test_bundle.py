"""The bundle's container, manifest and refusals, with a model made by hand."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from cxr_shared.bundle import (
    Bundle,
    Interval,
    Manifest,
    ModelEntry,
    ModelFile,
    OperatingPoint,
    Parity,
    TestMetrics,
    open_bundle,
    write_bundle,
)
from cxr_shared.bundle.archive import pack
from cxr_shared.bundle.manifest import MANIFEST_NAME
from cxr_shared.bundle.parts import InputSpec
from cxr_shared.errors import BundleDamaged, BundleUnsupported
from cxr_shared.files import sha256_bytes
from cxr_shared.findings import Target


def _model(domain: str = "", *, external: bool = False) -> bytes:
    weight = numpy_helper.from_array(np.ones(3, np.float32), "weight")
    if external:
        weight.data_location = TensorProto.EXTERNAL
        entry = weight.external_data.add()
        entry.key, entry.value = "location", "/etc/passwd"
    node = helper.make_node("Add", ["x", "weight"], ["y"], domain=domain)
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in ("x", "y")]
    graph = helper.make_graph([node], "g", ports[:1], ports[1:], [weight])
    opsets = [helper.make_opsetid("", 18)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    data: bytes = helper.make_model(graph, opset_imports=opsets).SerializeToString()
    return data


def _file(data: bytes, **changes: Any) -> ModelFile:
    fields: dict[str, Any] = {
        "file": "hernia.onnx",
        "sha256": sha256_bytes(data),
        "opset": 18,
        "parity": Parity(films=4, max_logit_difference=1e-6, max_map_mean_difference=1e-6),
    }
    return ModelFile(**(fields | changes))


def _entry(*files: ModelFile) -> ModelEntry:
    figure = Interval(value=0.9, low=0.8, high=1.0)
    return ModelEntry(
        target=Target.HERNIA,
        files=files,
        map_shape=(7, 7),
        operating_points=(OperatingPoint(name="balanced", threshold=0.4, sensitivity=0.9, specificity=0.8),),
        metrics=TestMetrics(auc=figure, accuracy=figure, films=10, patients=5),
        split_kind="patient",
        split_sha256="0" * 64,
        run="hernia-1",
        recipe={},
    )


def _manifest(data: bytes, **changes: Any) -> Manifest:
    return Manifest(
        name="test", pixel_path_version=1, input=InputSpec(), models=(_entry(_file(data, **changes)),), producer={}
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chest.cxr"


def _write(path: Path, data: bytes) -> Bundle:
    write_bundle(path, _manifest(data), {"hernia.onnx": data})
    return open_bundle(path)


def test_round_trip(path: Path) -> None:
    data = _model()
    bundle = _write(path, data)
    assert bundle.model(Target.HERNIA) == data
    assert bundle.manifest == _manifest(data)
    assert bundle.sha256 == sha256_bytes(path.read_bytes())
    assert bundle.manifest.entry(Target.HERNIA).operating_point.threshold == 0.4


def test_container_is_a_stored_zip_anyone_can_open(path: Path) -> None:
    _write(path, _model())
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [MANIFEST_NAME, "hernia.onnx"]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.testzip() is None


def test_every_single_byte_counts(path: Path) -> None:
    _write(path, _model())
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :])
        with pytest.raises((BundleDamaged, BundleUnsupported)):
            open_bundle(path)


def test_model_that_reads_other_files_is_refused(path: Path) -> None:
    with pytest.raises(BundleUnsupported, match=r"hernia\.onnx keeps its weights in another file"):
        _write(path, _model(external=True))


def test_model_with_an_external_sparse_tensor_is_refused(path: Path) -> None:
    values = numpy_helper.from_array(np.ones(1, np.float32), "weight")
    values.data_location = TensorProto.EXTERNAL
    entry = values.external_data.add()
    entry.key, entry.value = "location", "secret.bin"
    model = onnx.load_model_from_string(_model())
    indices = numpy_helper.from_array(np.zeros(1, np.int64), "indices")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [3]))
    with pytest.raises(BundleUnsupported, match="another file"):
        _write(path, model.SerializeToString())


def test_model_with_foreign_operators_is_refused(path: Path) -> None:
    with pytest.raises(BundleUnsupported, match=r"hernia\.onnx uses operators outside ONNX's own \(com\.evil\)"):
        _write(path, _model("com.evil"))


def test_bytes_that_are_no_model_are_refused(path: Path) -> None:
    with pytest.raises((BundleDamaged, BundleUnsupported)):
        _write(path, b"\xff\xff not a model")


def test_missing_file_is_one_sentence(path: Path) -> None:
    with pytest.raises(BundleDamaged, match="Could not read the bundle"):
        open_bundle(path)


def _packed(path: Path, manifest: dict[str, Any], data: bytes) -> None:
    buffer = io.BytesIO()
    pack(buffer, [(MANIFEST_NAME, json.dumps(manifest).encode()), ("hernia.onnx", data)])
    path.write_bytes(buffer.getvalue())


def test_unknown_fields_are_ignored_and_a_newer_schema_is_named(path: Path) -> None:
    data = _model()
    fields = json.loads(_manifest(data).model_dump_json())
    _packed(path, fields | {"later": 1}, data)
    assert open_bundle(path).targets == (Target.HERNIA,)
    _packed(path, fields | {"schema_version": 3, "models": "another shape"}, data)
    with pytest.raises(BundleUnsupported, match=r"schema 3.*pip install -U"):
        open_bundle(path)


def test_an_older_schema_says_to_export_again(path: Path) -> None:
    data = _model()
    fields = json.loads(_manifest(data).model_dump_json())
    _packed(path, fields | {"schema_version": 1, "models": [{"file": "hernia.onnx"}]}, data)
    with pytest.raises(BundleUnsupported, match=r"schema 1.*Export its runs again"):
        open_bundle(path)


def test_a_model_has_one_file_a_precision_and_float32_first(path: Path) -> None:
    whole, small = _model(), _model()[:-1] + b"."
    files = (_file(whole), _file(small, file="hernia.int8.onnx", precision="int8"))
    entry = _entry(*files)
    assert entry.reference is files[0]
    assert entry.at("int8") is files[1]
    assert entry.at("float16") is None
    for wrong in (files[::-1], (files[0], files[0])):
        with pytest.raises(ValueError, match="float32 first"):
            _entry(*wrong)


def test_wrong_field_is_named(path: Path) -> None:
    data = _model()
    fields = json.loads(_manifest(data).model_dump_json())
    fields["models"][0]["operating_points"][0]["threshold"] = 7
    _packed(path, fields, data)
    with pytest.raises(BundleDamaged, match=r"models\.0\.operating_points\.0\.threshold"):
        open_bundle(path)


def test_compressed_members_are_refused(path: Path) -> None:
    data = _model()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST_NAME, _manifest(data).model_dump_json())
        archive.writestr("hernia.onnx", data)
    with pytest.raises(BundleDamaged, match="compressed"):
        open_bundle(path)


@pytest.mark.parametrize("name", ["../escape.onnx", "/abs.onnx", "UPPER.onnx", "model.bin", ".hidden.onnx"])
def test_member_names_cannot_be_paths(name: str) -> None:
    with pytest.raises(ValueError, match="file"):
        _file(b"", file=name)


def test_writer_refuses_a_hash_that_does_not_match(path: Path) -> None:
    data = _model()
    with pytest.raises(BundleDamaged, match="does not match its hash"):
        write_bundle(path, _manifest(data, sha256="1" * 64), {"hernia.onnx": data})
    with pytest.raises(BundleDamaged, match="not the files given"):
        write_bundle(path, _manifest(data), {})
    assert not path.exists()
    assert onnx.load_model_from_string(data).graph.node[0].op_type == "Add"
