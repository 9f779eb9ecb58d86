"""Files that must be right: strict JSON in one canonical form, and writes that are never seen half done."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NoReturn

from shared.errors import DataError

__all__ = ["cache_dir", "canonical", "read_json", "write_atomic"]


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


def write_atomic(path: Path, body: bytes) -> None:
    """Write beside the file, fsync, then rename over it: a reader sees the old or the new, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with partial.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
