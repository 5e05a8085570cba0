"""The one place that imports onnxruntime: quiet, with CUDA's libraries found, and before any Qt."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cxr_desktop.inference import addon
from cxr_desktop.inference.kinds import CPU, Kind

_ERRORS_ONLY: Final = 3
_cuda_loaded = False
_ort: Any = None
_guard = threading.RLock()
"""Standard error is one for the whole process: two threads that silence it at once would leave it silent."""


def onnxruntime() -> Any:  # noqa: ANN401  (onnxruntime ships no types)
    """Return onnxruntime, with its log level at errors.

    Its wheel for GPUs warns on standard error, while it is imported, on a machine that has none.
    """
    global _ort  # noqa: PLW0603  (once a process)
    with _guard:
        if _ort is None:
            with silent_stderr():
                _ort = _import()
        return _ort


def _import() -> Any:  # noqa: ANN401
    """Import the add-on's onnxruntime where there is one that fits and works, else the program's own."""
    addon.activate()
    try:
        return _quiet()
    except Exception as error:
        if not addon.active():
            raise
        addon.reject(str(error).partition("\n")[0] or type(error).__name__)
        return _quiet()


def _quiet() -> Any:  # noqa: ANN401
    import onnxruntime as ort

    ort.set_default_logger_severity(_ERRORS_ONLY)
    ort.disable_telemetry_events()  # Windows does not ask the environment
    return ort


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Import onnxruntime beside what the block does, which is best something that waits for a disk or for hashes.

    The block's end waits for the import, which silences standard error for as long.
    """
    helper = threading.Thread(target=onnxruntime, name="cxr-import")
    helper.start()
    try:
        yield
    finally:
        helper.join()


def load_cuda_libraries() -> None:
    """Let onnxruntime find the CUDA and cuDNN libraries that pip installed; silent where there are none."""
    global _cuda_loaded  # noqa: PLW0603  (once a process)
    with _guard:
        if _cuda_loaded:
            return
        ort = onnxruntime()
        with silent_stderr(), contextlib.redirect_stdout(None):
            ort.preload_dlls()
        _cuda_loaded = True


def library_fault(kind: Kind) -> str:
    """Say why a provider of NVIDIA's does not load, in the loader's own words where it has some."""
    unknown = f"{kind.name}'s libraries do not load"
    stem = "onnxruntime_providers_" + ("tensorrt" if "Tensorrt" in kind.ort else "cuda")
    name = f"{stem}.dll" if sys.platform == "win32" else f"lib{stem}.so"
    path = Path(onnxruntime().__file__).with_name("capi") / name
    try:
        ctypes.CDLL(str(path))
    except OSError as error:
        return f"{unknown} ({error})"
    return unknown


def session(model: bytes, kind: Kind = CPU, *, threads: int) -> Any:  # noqa: ANN401
    """Open a session on one provider; the CPU stands behind it for operators that it lacks.

    Parameters
    ----------
    model
        ONNX bytes of a verified bundle, or made of such.
    kind
        The provider.
    threads
        Threads of the CPU, at least 1.

    Raises
    ------
    Exception
        Whatever onnxruntime raises; it has no common class.
    """
    ort = onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.enable_mem_pattern = kind.memory_pattern
    options.log_severity_level = _ERRORS_ONLY
    # A bundle's 15 sessions run in turn: threads that spin after their work would starve the next
    # (measured on two cores with 15 MobileNets: 144 ms a film, 825 ms when they spin).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if kind.nvidia:
        load_cuda_libraries()
    providers: list[Any] = [(kind.ort, dict(kind.options)), *kind.behind]
    if kind is not CPU:
        providers.append(CPU.ort)
    return ort.InferenceSession(model, options, providers=providers)


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Send what native code writes to file descriptor 2 to nowhere."""
    try:
        kept = os.dup(2)
    except OSError:  # a windowed program on Windows has none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
