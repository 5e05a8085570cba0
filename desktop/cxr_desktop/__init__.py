"""Desktop chest X-ray triage: score films with an exported bundle, from the shell or in a window."""

import cxr_shared  # noqa: F401  (before any onnxruntime: it refuses telemetry)
