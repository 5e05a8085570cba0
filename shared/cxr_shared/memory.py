"""The C library's allocator, set up for work that needs the same large blocks again and again."""

from __future__ import annotations

import ctypes
import platform
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_MAX: Final = -4
_UNLIMITED: Final = -1


def keep_freed_memory(*, at_most: int = _UNLIMITED) -> bool:
    """Let glibc keep what is freed for the next time; says whether it will.

    By default glibc maps every block above 32 MB anew and gives it back when it is freed. An update of MobileNet
    then meets 300,000 to 500,000 page faults, in which the system clears 2 GB of memory for tensors that are about
    to be overwritten; reading one film of 9 million pixels spends half of its time so. No result depends on it. Other C
    libraries are left alone.

    Parameters
    ----------
    at_most
        Bytes, below 2 GB, that may lie unused at the end of the heap before they are given back; by default any number.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, at_most))
