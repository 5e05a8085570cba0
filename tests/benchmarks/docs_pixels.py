"""Writing a picture only where it changed, so that making all of them again leaves the repository as it is."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image


def keep_or_write(path: Path, data: bytes) -> bool:
    """Write `data` unless the file already shows the same, and return whether it was written.

    PNGs are compared by their pixels, since another version of the library may pack the same ones differently.
    """
    written = not (path.is_file() and _same(path.read_bytes(), data))
    if written:
        path.write_bytes(data)
    print(f"{path}  {len(data) / 1000:.0f} kB{'' if written else ', as it was'}", flush=True)
    return written


def _same(old: bytes, new: bytes) -> bool:
    if old == new:
        return True
    if not (old.startswith(b"\x89PNG") and new.startswith(b"\x89PNG")):
        return False
    first, second = (Image.open(io.BytesIO(each)).convert("RGB") for each in (old, new))
    return first.size == second.size and first.tobytes() == second.tobytes()
