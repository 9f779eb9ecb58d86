"""Playing the ladder: one run folder a condition, all on the same questions; called again, it goes on.

<out>/<condition>/   an ordinary run folder        <out>/ladder.{json,md,csv}   what was measured
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from bench.memory.conditions import CONDITIONS, Condition, config_for
from bench.run.config import RunConfig
from bench.run.driver import Prepared, play, prepare
from bench.run.folder import RunFolder
from bench.run.listener import Listener, Silent
from bench.run.stop import Stop
from shared.errors import ConfigError

__all__ = ["chosen", "climb"]

Watch = Callable[[Condition, Prepared], AbstractContextManager[Listener]]


def chosen(names: Sequence[str]) -> tuple[Condition, ...]:
    """Conditions by name, `none` always among them; all when none is named. Raises `ConfigError`."""
    known = {condition.name: condition for condition in CONDITIONS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"condition {unknown[0]!r} is unknown: choose from {', '.join(known)}")
    return tuple(c for c in CONDITIONS if not names or c.name in names or c is CONDITIONS[0])


def climb(
    base: RunConfig,
    out: Path,
    *,
    conditions: Sequence[Condition] = CONDITIONS,
    watch: Watch | None = None,
    stop: Stop | None = None,
) -> dict[str, RunFolder]:
    """Play what is left of every condition; the folders that are complete. Raises `ConfigError`, `DataError`."""
    stop = stop or Stop()
    folders: dict[str, RunFolder] = {}
    for condition in conditions:
        if stop.is_set():
            break
        prepared = _prepared(condition, base, out)
        watching: AbstractContextManager[Listener] = nullcontext(Silent())
        if prepared.left and watch is not None:
            watching = watch(condition, prepared)
        with watching as listener:
            if not prepared.left or play(prepared, listener=listener, stop=stop):
                folders[condition.name] = prepared.folder
    return folders


def _prepared(condition: Condition, base: RunConfig, out: Path) -> Prepared:
    config = config_for(condition, base, folder=str(out))
    folder = RunFolder(out / condition.name)
    begun = (folder.path / "manifest.json").exists()
    return prepare(config, resume=folder if begun else None, local=True)
