"""Export: the source's own file again, value for value, from an imported data set.

What it gives back is `source.native` of the samples and what the import kept aside, put together by the importer
of the benchmark. Where the import noted a hash of the values, the result is checked against it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.data.dataset import load_dataset, set_file
from bench.data.importers.base import Kept
from bench.data.importers.bring import ValueDigest
from bench.data.importers.registry import find_importer
from bench.files import open_atomic, read_json
from shared.errors import DataError

__all__ = ["Exported", "export_native"]


class Exported(NamedTuple):
    """One file that was written."""

    path: Path
    records: int
    checked: bool
    """Whether it was compared with the hash that the import noted."""


class _Key(NamedTuple):
    bench: str
    file: str


def export_native(folder: Path, out: Path) -> list[Exported]:
    """Write the native file of an imported set to `out`; several into the folder `out`, by their names."""
    kept = _kept(folder)
    beside = _beside(folder, "import.json")
    heads = {str(head.get("name")): head for head in beside.get("files", []) if isinstance(head, dict)}
    if len(kept) > 1 and out.suffix == ".json":
        names = ", ".join(sorted(key.file for key in kept))
        raise DataError(
            f"{out}: the set was made of {len(kept)} files ({names[:120]}); give a folder as --out"
        )
    made = []
    for key, items in sorted(kept.items()):
        path = out / key.file if len(kept) > 1 or out.is_dir() else out
        made.append(_write(path, key, items, heads.get(key.file, {})))
    return made


def _kept(folder: Path) -> dict[_Key, list[Kept]]:
    """What is known of each source file."""
    kept: dict[_Key, list[Kept]] = {}
    file = set_file(folder)
    for sample in load_dataset(file).samples:
        source = sample.source
        if not source.file or source.native is None:
            raise DataError(f"{file}: sample {sample.id!r} holds no native value; export an imported set")
        _safe(source.file, file)
        kept.setdefault(_Key(source.bench, source.file), []).append(Kept(source.pointer, source.native))
    bench = next(iter(kept)).bench
    for item in _beside(folder, "rejects.json").get("rejects", []):
        try:
            key = _Key(bench, _safe(item["file"], folder))
            kept.setdefault(key, []).append(Kept(item["pointer"], json.loads(item["native"])))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{folder / 'rejects.json'}: {error}; import again") from error
    return kept


def _safe(name: str, file: Path) -> str:
    """The name of a file inside the folder to write to."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise DataError(f"{file}: source file {name!r} is outside the folder; mend source.file")
    return name


def _beside(folder: Path, name: str) -> dict[str, Any]:
    file = set_file(folder).parent / name
    if not file.is_file():
        return {}
    value = read_json(file, remedy="import again")
    if not isinstance(value, dict):
        raise DataError(f"{file}: expected an object; import again")
    return value


def _write(path: Path, key: _Key, items: list[Kept], head: dict[str, Any]) -> Exported:
    try:
        value = find_importer(key.bench).rebuild(items)
    except DataError as error:
        raise DataError(f"{key.file}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        text = f"its native values are not as {key.bench} wrote them ({type(error).__name__}: {error})"
        raise DataError(f"{key.file}: {text}; export a set as it was imported") from error
    digest = ValueDigest()
    for record in value if isinstance(value, list) else []:
        digest.add(record)
    wanted = str(head.get("values") or "")
    if wanted and digest.hex != wanted:
        text = f"{digest.records} records were rebuilt, not the {head.get('records')} that were imported"
        raise DataError(f"{key.file}: {text}, or not as they were; export a set as it was imported")
    with open_atomic(path) as file:
        file.writelines(_lines(value))
    return Exported(path, digest.records, bool(wanted))


def _lines(value: Any) -> Iterator[bytes]:
    """The value as JSON, a list with one record a line."""
    if not isinstance(value, list):
        yield _text(value) + b"\n"
        return
    yield b"[\n"
    for number, record in enumerate(value):
        yield (b",\n" if number else b"") + _text(record)
    yield b"\n]\n"


def _text(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair can only be written as an escape
        return json.dumps(value).encode()
