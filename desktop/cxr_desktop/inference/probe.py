"""The child process that proves a provider: `python -m cxr_desktop.inference.probe PROVIDER BUNDLE SHA256`.

Prints one line of JSON: ``{"logits": {slug: logit}, "device": name}`` or ``{"failure": "why"}``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cxr_desktop.inference import runtime
from cxr_desktop.inference.devices import card_name, driver_failure, processor_name
from cxr_desktop.inference.engine import InferenceFailedError
from cxr_desktop.inference.kinds import Kind, Wanted, kind_wanted
from cxr_desktop.inference.layouts.base import first_line
from cxr_desktop.inference.plan import default_plan, files_for
from cxr_desktop.inference.reference import reference_film
from cxr_shared.bundle import Bundle, open_bundle
from cxr_shared.errors import CxrError


def probe(kind: Kind, path: Path, sha256: str) -> dict[str, Any]:
    """Score the reference film with a provider and nothing else first; answers what `main` prints."""
    failure = driver_failure() if kind.nvidia else ""
    if failure:
        return {"failure": failure}
    try:
        bundle = open_bundle(path)
        if bundle.sha256 != sha256:
            return {"failure": "the bundle changed while it was being tested"}
        logits = _score(bundle, kind)
    except CxrError as error:
        return {"failure": str(error)}
    except Exception as error:  # noqa: BLE001  (onnxruntime's errors have no common class)
        return {"failure": first_line(error)}
    return {"logits": logits, "device": card_name() if kind.nvidia else processor_name()}


def _score(bundle: Bundle, kind: Kind) -> dict[str, float]:
    film = reference_film(bundle.manifest.input.size)
    logits = {}
    for target, file in files_for(bundle, default_plan(bundle, kind).precision).items():
        session = runtime.session(bundle.files[file.file], kind, threads=1)
        first = session.get_providers()[0]
        if first != kind.ort:
            raise InferenceFailedError(f"onnxruntime fell back to {first}: {runtime.library_fault(kind)}")
        logits[target.slug] = float(session.run(["logit"], {"film": film})[0][0])
    return logits


def main(arguments: list[str]) -> int:
    """Print the answer for ``PROVIDER BUNDLE SHA256``."""
    wanted, path, sha256 = arguments
    print(json.dumps(probe(kind_wanted(Wanted(wanted)), Path(path), sha256)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
