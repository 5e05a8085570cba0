"""Names of what computes: the processor, and NVIDIA's card without any library of CUDA but the driver."""

from __future__ import annotations

import ctypes
import functools
import platform
import sys
from pathlib import Path
from typing import Any


@functools.cache
def processor_name() -> str:
    """Name of the CPU as its maker gives it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def driver_failure() -> str:
    """Why NVIDIA's driver cannot be used, or nothing."""
    missing = driver_missing()
    if missing:
        return missing
    driver: Any = ctypes.CDLL(_driver_library())
    code = int(driver.cuInit(0))
    count = ctypes.c_int()
    if code or driver.cuDeviceGetCount(ctypes.byref(count)):
        return f"NVIDIA's driver does not start (cuInit gave {code})"
    return "" if count.value else "no NVIDIA GPU"


def driver_missing() -> str:
    """Why NVIDIA's driver cannot even be loaded, or nothing; starts nothing, so it needs no child process."""
    try:
        ctypes.CDLL(_driver_library())
    except OSError:
        return f"no NVIDIA driver ({_driver_library()} is not installed)"
    return ""


def card_name() -> str:
    """Name of the first NVIDIA GPU; empty where the driver does not say. Only after `driver_failure` found none."""
    driver: Any = ctypes.CDLL(_driver_library())
    name = ctypes.create_string_buffer(256)
    return "" if driver.cuDeviceGetName(name, len(name), 0) else name.value.decode(errors="replace")


def _driver_library() -> str:
    return "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
