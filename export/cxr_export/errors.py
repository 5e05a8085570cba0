"""What stops an export.

::

    CxrError
    ├─ ExportRefused   a model whose ONNX file does not do what the torch model does; no bundle is written
    └─ BenchmarkFailed a bundle's speed could not be measured
"""

from cxr_shared.errors import CxrError


class ExportRefused(CxrError):
    """An exported model is not the trained one, or the runs do not fit together: no bundle."""


class BenchmarkFailed(CxrError):
    """A process that was measured ended, or a film could not be read."""
