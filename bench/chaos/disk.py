"""A small disk that can be filled: a tmpfs that only this process and its children see, and that ends with them.

It needs Linux and the right to mount (root). Who runs without gets one line that says so.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from pathlib import Path

from shared.errors import ConfigError

__all__ = ["SmallDisk", "can_mount"]

_NEW_NAMESPACE = 0x00020000
_PRIVATE = 0x00040000 | 0x4000  # MS_PRIVATE | MS_REC
_DETACH = 2  # MNT_DETACH
_CHUNK = b"\0" * (1 << 20)


def can_mount() -> bool:
    """Whether this process may very probably mount a disk."""
    return platform.system() == "Linux" and os.geteuid() == 0


class SmallDisk:
    """A disk of `size_mb` at `folder`; make it before any thread or child that shall see it."""

    def __init__(self, folder: Path, *, size_mb: int = 512) -> None:
        """Mount it; raises `ConfigError` where that is not possible."""
        self._folder, self._ballast = folder, folder / ".ballast"
        if platform.system() != "Linux":
            raise ConfigError("a full disk can be had on Linux only: leave disk-full of nats out of the plan")
        folder.mkdir(parents=True, exist_ok=True)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._must(self._libc.unshare(_NEW_NAMESPACE))
        self._must(self._libc.mount(b"none", b"/", None, _PRIVATE, None))
        size = f"size={size_mb}m".encode()
        self._must(self._libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, size))

    def _must(self, code: int) -> None:
        if code != 0:
            why = os.strerror(ctypes.get_errno())
            raise ConfigError(
                f"no small disk can be mounted at {self._folder} ({why}): run as root, or leave disk-full of nats out"
            )

    def fill(self) -> None:
        """Take all the room that is left."""
        with self._ballast.open("ab", buffering=0) as file:
            for chunk in (_CHUNK, _CHUNK[:4096], b"\0"):
                try:
                    while file.write(chunk):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Give the room back; safe to call when it has none."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Take the disk away, with all that is on it."""
        self._libc.umount2(os.fsencode(self._folder), _DETACH)
