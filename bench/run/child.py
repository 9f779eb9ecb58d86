"""What an embedded child process runs first: it ends with its parent, whatever happens to that one.

`python -m bench.run.child FD serve NAME` hosts a service, `… FD exec PROGRAM ARG…` becomes another program.
`FD` is the read end of a pipe whose write end the parent alone holds: it closes when the parent is gone.
Linux also gets a death signal from the kernel, which works for stopped processes and survives `exec`.
"""

from __future__ import annotations

import ctypes
import os
import platform
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

__all__ = ["main"]

_LINUX = platform.system() == "Linux"
_PR_SET_PDEATHSIG = 1
_PARENT_GONE = 70


def _die_with_parent() -> None:
    if _LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def _closed(fd: int) -> bool:
    # Nothing is ever written: readable means that the write end is gone.
    return bool(select.select([fd], [], [], 0)[0])


def _when_closed(fd: int, act: Callable[[], None]) -> None:
    def wait() -> None:
        while os.read(fd, 1):
            pass
        act()

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()


def _serve(fd: int, name: str) -> int:
    _when_closed(fd, lambda: os._exit(_PARENT_GONE))
    from shared.service import main as serve  # here, so that the watch stands before slow imports

    return serve(name)


def _become(fd: int, argv: list[str]) -> int:
    if _LINUX:
        os.set_inheritable(fd, False)
        os.execv(argv[0], argv)
    program = subprocess.Popen(argv)
    _when_closed(fd, program.kill)
    signal.signal(signal.SIGTERM, lambda *_: program.terminate())
    return program.wait()


def main(argv: list[str]) -> int:
    """Run what `argv` (FD, verb, arguments) says; the exit code is the program's."""
    fd, verb, *rest = argv
    _die_with_parent()
    if _closed(int(fd)):
        return _PARENT_GONE  # it died before the kernel was told to watch it
    return _serve(int(fd), rest[0]) if verb == "serve" else _become(int(fd), rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
