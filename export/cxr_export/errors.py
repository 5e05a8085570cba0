"""What stops an export.

::

    CxrError
    └─ ExportRefused   a model whose ONNX file does not do what the torch model does; no bundle is written
"""

from cxr_shared.errors import CxrError


class ExportRefused(CxrError):
    """An exported model is not the trained one, or the runs do not fit together: no bundle."""
