"""The `dsb` command: thin commands over bench and shared, each importing what it needs only when it runs."""

from __future__ import annotations

import errno
import os
import sys

from shared.errors import DsbError

__all__ = ["INTERRUPTED", "main"]

INTERRUPTED = 130
"""The exit code of what a signal ended early, with all that was done kept or told."""
_USER_MISTAKE = 2
_STORAGE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


def main() -> int:
    """Run the command line; an error that the user can mend is one line on stderr and exit code 2."""
    from bench.cli.app import app

    try:
        app()
    except DsbError as error:
        return _say(str(error))
    except BrokenPipeError:  # the reader of our output is gone: nothing to tell it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in _STORAGE:
            raise
        place = error.filename or "a file"
        return _say(f"{place}: can't be written ({error.strerror}): free some space or choose another folder")
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _say(text: str) -> int:
    print(f"dsb: {' '.join(text.split())}", file=sys.stderr)
    return _USER_MISTAKE
