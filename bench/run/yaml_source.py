"""YAML for people: the values, and the line on which each key stands, so that a message can point there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from shared.errors import ConfigError

__all__ = ["YamlSource", "read_yaml"]


class YamlSource(NamedTuple):
    """A parsed file."""

    path: Path
    value: dict[str, Any]
    lines: dict[str, int]
    """Line by dotted key, from 1; items of lists are keys by their number, from 0."""

    def where(self, key: str) -> str:
        """`file:line` of a dotted key, or of the nearest key above it."""
        while key and key not in self.lines:
            key = key.rpartition(".")[0]
        return f"{self.path}:{self.lines[key]}" if key else str(self.path)


def read_yaml(path: Path, *, remedy: str = "`dsb run --help` names the examples that ship") -> YamlSource:
    """Parse a file that holds one map; raises `ConfigError` in one line, with `remedy` where there is no file.

    A key given twice is refused.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; {remedy}") from error
    except OSError as error:
        raise ConfigError(
            f"{path}: can't be read ({error.strerror}); mend its permissions or the path"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}{_place(error)}: not YAML: {_problem(error)}; mend the file") from error
    if value is None:
        return YamlSource(path, {}, {})
    if not isinstance(value, dict):
        raise ConfigError(
            f"{path}:1: holds a {type(value).__name__}, not a map; begin with a section, like `dataset:`"
        )
    return YamlSource(path, value, _lines(path, tree))


def _lines(path: Path, tree: yaml.Node | None) -> dict[str, int]:
    lines: dict[str, int] = {}
    for key, line in _keys(tree, ""):
        if key in lines:
            raise ConfigError(f"{path}:{line}: {key} stands twice, first on line {lines[key]}; keep one")
        lines[key] = line
    return lines


def _keys(node: yaml.Node | None, prefix: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.SequenceNode):
        items = [(str(number), item, item) for number, item in enumerate(node.value)]
    elif isinstance(node, yaml.MappingNode):
        items = [(key.value, key, value) for key, value in node.value]
    else:
        return
    for word, place, value in items:
        name = f"{prefix}{word}"
        yield name, place.start_mark.line + 1
        yield from _keys(value, f"{name}.")


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark is not None else ""


def _problem(error: Exception) -> str:
    text = getattr(error, "problem", None) or str(error)
    return " ".join(str(text).split())[:200] or type(error).__name__
