"""Export: from finished runs to one verified ONNX bundle."""

import cxr_shared  # noqa: F401  (before any onnxruntime: it refuses telemetry)
