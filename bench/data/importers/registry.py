"""The importers by name: those that ship, and those that other packages bring by entry point."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from bench.data.importers.base import Importer
from bench.data.importers.cgbench import CgBench
from bench.data.importers.omnimmi import OmniMmi
from bench.data.importers.ovo import OvoBench
from bench.data.importers.proactivevideoqa import ProactiveVideoQa
from bench.data.importers.rtv import RtvBench
from bench.data.importers.streamingbench import StreamingBench
from bench.data.importers.svbench import SvBench
from shared.errors import ConfigError

__all__ = ["GROUP", "find_importer", "importer_names"]

GROUP = "dualstreambench.importers"
"""Entry points of this group name a class, or a function without arguments, that gives an `Importer`."""
_OWN: dict[str, Callable[[], Importer]] = {
    made.name: made
    for made in (StreamingBench, OvoBench, RtvBench, OmniMmi, ProactiveVideoQa, CgBench, SvBench)
}


def importer_names() -> list[str]:
    """Every importer that can be named."""
    return sorted({*_OWN, *(entry.name for entry in entry_points(group=GROUP))})


def find_importer(name: str) -> Importer:
    """The importer of this name; raises `ConfigError` when there is none or it can't be loaded."""
    if name in _OWN:
        return _OWN[name]()
    found = next(iter(entry_points(group=GROUP, name=name)), None)
    if found is None:
        raise ConfigError(f"no importer {name!r}; there are {', '.join(importer_names())}")
    try:
        made = found.load()()
    except Exception as error:
        text = f"importer {name!r} ({found.value}) can't be loaded: {type(error).__name__}: {error}"
        raise ConfigError(f"{' '.join(text.split())}; mend the package that brings it") from error
    if not isinstance(made, Importer):
        text = f"importer {name!r} ({found.value}) has no `name`, `read` and `rebuild`"
        raise ConfigError(f"{text}; see bench.data.importers.Importer")
    return made
