"""The C library's allocator, set up for a loop that needs the same large blocks again and again."""

from __future__ import annotations

import ctypes
import platform
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_MAX: Final = -4


def keep_freed_memory() -> bool:
    """Let glibc keep what is freed for the next update; says whether it will.

    By default glibc maps every block above 32 MB anew and gives it back when it is freed. An update of MobileNet
    then meets 300,000 to 500,000 page faults, in which the system clears 2 GB of memory for tensors that are about
    to be overwritten. No result depends on it. Other C libraries are left alone.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, -1))
