"""The boundary of the three command lines: errors become one sentence and an exit code, once."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from cxr_shared.errors import CxrError, MissingExtra, SystemLibraryMissing

_EXTRA_OF: Mapping[str, str] = {
    "torch": "trainer",
    "torchvision": "trainer",
    "timm": "trainer",
    "lightning_fabric": "trainer",
    "pandas": "trainer",
    "pyarrow": "trainer",
    "sklearn": "trainer",
    "scipy": "trainer",
    "matplotlib": "trainer",
    "safetensors": "trainer",
    "tensorboardX": "trainer",
    "tomli_w": "trainer",
    "huggingface_hub": "trainer",
    "jinja2": "trainer",
    "filelock": "trainer",
    "onnxscript": "export",
    "PySide6": "desktop",
    "pynetdicom": "pacs",
    "dicomweb_client": "pacs",
    "requests": "pacs",
    "prometheus_client": "pacs",
    "ray": "cluster",
    "fsspec": "cluster",
}


def run_command(app: Callable[..., Any], *, extra: str) -> int:
    """Run a cyclopts app on `sys.argv` and turn what happens into an exit code.

    Parameters
    ----------
    app
        The application; what a command returns is the exit code when it is an int.
    extra
        The extra to name for a missing package that several extras bring (onnx, onnxruntime).

    Returns
    -------
    int
        0 success, 1 a fault that was explained in one sentence, 130 stopped by Ctrl-C.
    """
    try:
        result = app()
    except CxrError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        missing = _missing_extra(error, extra)
        if missing is None:
            raise
        print(f"error: {missing}", file=sys.stderr)
        return 1
    except ImportError as error:
        if ".so" not in str(error):
            raise
        print(f"error: {_missing_library(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        result = _disk_full(error)
    return result if isinstance(result, int) else 0


def _disk_full(error: OSError) -> int:
    """Explain a full disk that no writer foresaw; any other error of the system is a fault of the program."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        raise error
    place = f" while writing {error.filename}" if error.filename else ""
    print(f"error: {error.strerror}{place}. Free some space, then run the same command again.", file=sys.stderr)
    return 1


def _missing_library(error: ImportError) -> SystemLibraryMissing:
    """OpenCV's wheel needs libraries of the system; the loader's own words name the one that is missing."""
    return SystemLibraryMissing(
        f"A library of the operating system is missing: {error}. On Debian or Ubuntu run "
        "`sudo apt-get install libgl1 libglib2.0-0`; `python -m cxr_desktop.system_libraries` names all that are."
    )


def _missing_extra(error: ModuleNotFoundError, extra: str) -> MissingExtra | None:
    module = (error.name or "").partition(".")[0]
    if module in ("onnx", "onnxruntime"):
        return MissingExtra(module=module, extra=extra)
    if module in _EXTRA_OF:
        return MissingExtra(module=module, extra=_EXTRA_OF[module])
    return None
