"""Files that must be right: strict JSON in one canonical form, and writes that are never seen half done."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from shared.errors import DataError

__all__ = ["cache_dir", "canonical", "encoded", "open_atomic", "read_json", "write_atomic"]


def cache_dir() -> Path:
    """Where made data sets are kept: `DSB_CACHE`, else the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("DSB_CACHE") or f"{base}/dualstreambench").expanduser()


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spare space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def read_json(file: Path, *, remedy: str = "make the set with `dsb data synth`, or mend dataset.path") -> Any:
    """Parse a JSON file; raises `DataError` that names file and place. NaN and infinity are refused."""
    try:
        return json.loads(file.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except FileNotFoundError as error:
        raise DataError(f"{file}: no such file; {remedy}") from error
    except OSError as error:
        raise DataError(
            f"{file}: can't be read ({error.strerror}); mend its permissions or the path"
        ) from error
    except (ValueError, RecursionError) as error:
        text = " ".join(str(error).split())[:200] or "nested too deeply"
        raise DataError(f"{file}: not JSON: {text}; mend the file or make it anew") from error


def encoded(value: Any) -> bytes:
    """Canonical JSON as UTF-8; text that is no Unicode (half a surrogate pair) is kept, as an escape."""
    try:
        return canonical(value).encode()
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


@contextmanager
def open_atomic(path: Path) -> Iterator[BinaryIO]:
    """Write beside the file, fsync, then rename over it: a reader sees the old or the new, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_atomic(path: Path, body: bytes) -> None:
    """Replace a file by these bytes, as `open_atomic` does."""
    with open_atomic(path) as file:
        file.write(body)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
