"""Run before the program: Windows gets onnxruntime's own DLL before any other of that name, and before Qt.

Windows 11 has an older onnxruntime.dll in System32, and Qt brings an older C++ runtime than onnxruntime needs;
whichever is loaded first is the one for the whole process.
"""

import sys

if sys.platform == "win32":
    import ctypes
    from pathlib import Path

    library = Path(sys._MEIPASS, "onnxruntime", "capi", "onnxruntime.dll")  # noqa: SLF001
    if library.exists():
        ctypes.WinDLL(str(library))
