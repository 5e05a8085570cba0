"""The one place that imports OpenCV.

opencv-python's Linux wheels carry their own Qt and, on import, point Qt's plugin path at it, after which
PySide6 loads the wrong platform plugin and aborts. The variables are put back here.
"""

from __future__ import annotations

import os

_QT_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
_before = {name: os.environ.get(name) for name in _QT_VARIABLES}

import cv2  # noqa: E402  (the variables must be read first)

for _name, _value in _before.items():
    if _value is None:
        os.environ.pop(_name, None)
    else:
        os.environ[_name] = _value

__all__ = ["cv2"]
