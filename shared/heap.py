"""The process's heap: what was freed is handed back to the system.

An allocator keeps what is freed between two things that live on, a little more of it after each peak; over hours that
looks as if the process grew.
"""

from __future__ import annotations

import ctypes

__all__ = ["give_back"]

_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""glibc's own; null with another allocator."""


def give_back() -> None:
    """Hand freed memory back; blocks for some milliseconds, without the interpreter's lock."""
    if _TRIM is not None:
        _TRIM(0)
