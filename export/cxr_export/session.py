"""Running a model's ONNX bytes on the CPU."""

from __future__ import annotations

from typing import Any


def open_session(data: bytes) -> Any:  # noqa: ANN401  (onnxruntime is untyped)
    """A session of onnxruntime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
