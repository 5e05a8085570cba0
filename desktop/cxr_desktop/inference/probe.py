"""The child process that proves CUDA: `python -m cxr_desktop.inference.probe BUNDLE SHA256`.

Prints one line of JSON: ``{"logits": {slug: logit}}`` or ``{"failure": "why"}``.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path
from typing import Any

from cxr_desktop.inference import runtime
from cxr_desktop.inference.engine import InferenceFailedError
from cxr_desktop.inference.providers import reference_film
from cxr_shared.bundle import Bundle, open_bundle
from cxr_shared.errors import CxrError


def probe(path: Path, sha256: str) -> dict[str, Any]:
    """Score the test film with CUDA and nothing else first; answers what `main` prints."""
    driver = driver_failure()
    if driver:
        return {"failure": driver}
    try:
        bundle = open_bundle(path)
        if bundle.sha256 != sha256:
            return {"failure": "the bundle changed while it was being tested"}
        return {"logits": _score(bundle)}
    except CxrError as error:
        return {"failure": str(error)}
    except Exception as error:  # noqa: BLE001  (onnxruntime's errors have no common class)
        return {"failure": (str(error).strip().splitlines() or [type(error).__name__])[0][:300]}


def driver_failure() -> str:
    """Why NVIDIA's driver cannot be used, or nothing."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return f"no NVIDIA driver ({name} is not installed)"
    code = int(driver.cuInit(0))
    count = ctypes.c_int()
    if code or driver.cuDeviceGetCount(ctypes.byref(count)):
        return f"NVIDIA's driver does not start (cuInit gave {code})"
    return "" if count.value else "no NVIDIA GPU"


def _score(bundle: Bundle) -> dict[str, float]:
    film = reference_film(bundle.manifest.input.size)
    logits = {}
    for entry in bundle.manifest.models:
        session = runtime.session(bundle.model(entry.target), runtime.CUDA, threads=1)
        first = session.get_providers()[0]
        if first != runtime.CUDA:
            raise InferenceFailedError(f"onnxruntime fell back to {first}: CUDA's or cuDNN's libraries do not load")
        logits[entry.target.slug] = float(session.run(["logit"], {"film": film})[0][0])
    return logits


def main(arguments: list[str]) -> int:
    """Print the answer for ``BUNDLE SHA256``."""
    path, sha256 = arguments
    print(json.dumps(probe(Path(path), sha256)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
