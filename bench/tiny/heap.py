"""Freed memory stays with the process: a step frees hundreds of tensors, and the next one asks for as many."""

from __future__ import annotations

import ctypes

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENAS = -1, -3, -8


def keep_freed_memory() -> None:
    """Ask glibc's allocator not to hand memory back to the kernel; nothing happens where there is another one."""
    allocator = getattr(ctypes.CDLL(None), "mallopt", None)
    if allocator is None:
        return
    for option, value in ((_TRIM_THRESHOLD, 2**31 - 1), (_MMAP_THRESHOLD, 2**25), (_ARENAS, 1)):
        allocator(option, value)
