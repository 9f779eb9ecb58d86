"""Putting a data set in the place of another one: never by accident, and then without leaving half of the old one.

To a set belong the files that a recipe made (`recipe.json` lists them), the layout of `dsb data build`, and what an
import wrote beside its samples. Whatever else lies in the folder is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path

from bench.data.layout import FOLDERS, MANIFEST, is_layout_file
from shared.errors import ConfigError

__all__ = ["belongings", "check_free", "remove"]

_BESIDE = ("import.json", "rejects.json", "coverage.json")


def check_free(folder: Path, *, overwrite: bool) -> None:
    """Raise `ConfigError` where a set lies already and nobody said that it may go."""
    if not overwrite and (folder / "all.json").exists():
        raise ConfigError(
            f"{folder} holds a data set already: choose another folder, or give --overwrite to put it in its place"
        )


def belongings(folder: Path) -> list[Path]:
    """The files of the set in a folder, `recipe.json` last: while it is there, the set can be told from others."""
    laid_out = [
        path for name in FOLDERS for path in (folder / name).glob("*.json") if is_layout_file(path.name)
    ]
    names = [*_made(folder), *_BESIDE, "all.json", MANIFEST, "recipe.json"]
    found = [*laid_out, *(folder / name for name in dict.fromkeys(names))]
    return [path for path in found if path.is_file()]


def remove(files: Iterable[Path], *, but: Collection[Path] = ()) -> None:
    """Remove them but for some, and the folders that are empty then."""
    kept = {path.resolve() for path in but}
    parents = set[Path]()
    for path in files:
        if path.resolve() not in kept:
            path.unlink(missing_ok=True)
            parents.add(path.parent)
    for parent in parents:
        if parent.name in (*FOLDERS, "videos") and not any(parent.iterdir()):
            parent.rmdir()


def _made(folder: Path) -> list[str]:
    """What the recipe says that it made, within the folder."""
    try:
        held = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    sizes = held.get("sizes") if isinstance(held, dict) else None
    names = sizes if isinstance(sizes, dict) else {}
    return [name for name in names if not name.startswith("/") and ".." not in Path(name).parts]
