"""From a route's name to its policy: `NAME[@NUMBER][:ARGUMENT]`, like `random@0.3` or `learned:router.json`.

Third parties join by the entry point group `dualstreambench.policies`: a callable that makes a policy, without
arguments, or with the one string that stands behind the colon.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path as FilePath
from typing import NamedTuple

from shared.errors import ConfigError
from shared.messages import Path, Route
from shared.routing.cascade import Cascade
from shared.routing.fixed import Fixed, Random, load_pins
from shared.routing.policy import Policy
from shared.routing.rules import RulePolicy, load_rules, shipped_rules

__all__ = [
    "GROUP",
    "REPLAY_ONLY",
    "RouteName",
    "fingerprint",
    "is_plain",
    "is_trusted",
    "label",
    "names",
    "policy",
    "route_name",
]

GROUP = "dualstreambench.policies"
REPLAY_ONLY = "oracle"
_OTHER = "other"
_SHAPE = re.compile(r"([A-Za-z0-9_-]+)(?:@([0-9.]+))?(?::(.+))?")


class RouteName(NamedTuple):
    """A route's name, taken apart."""

    name: str
    number: float | None
    """Share or threshold, from 0 to 1; null: the policy's own."""
    argument: str


def _random(route: RouteName) -> Policy:
    seed = route.argument or "0"
    if not re.fullmatch(r"-?\d+", seed):
        raise ConfigError(f"route random: seed {seed!r} is no number: write random@0.5:7")
    return Random(0.5 if route.number is None else route.number, int(seed))


def _cascade(route: RouteName) -> Policy:
    return Cascade(0.7 if route.number is None else route.number, revises=route.name == "revise")


def _rules(route: RouteName) -> Policy:
    return RulePolicy(load_rules(route.argument) if route.argument else shipped_rules())


def _semantic(route: RouteName) -> Policy:
    from shared.routing.semantic import load_semantic

    return load_semantic(route.argument, route.number)


def _learned(route: RouteName) -> Policy:
    from shared.routing.learned import load_learned

    return load_learned(_needed(route, "FILE", "dsb route train RUN --out FILE"), route.number)


def _llm(route: RouteName) -> Policy:
    from shared.routing.llm import Llm, spec_of

    return Llm(spec_of(_needed(route, "MODEL", "a local model, or provider/model")), route.number)


def _pinned(route: RouteName) -> Policy:
    return load_pins(_needed(route, "FILE", "dsb route rerun writes it"))


_BUILT_IN: dict[str, Callable[[RouteName], Policy]] = {
    Route.RULE: _rules,
    Route.FORCE_S1: lambda route: Fixed(Path.S1),
    Route.FORCE_S2: lambda route: Fixed(Path.S2),
    Route.BOTH: lambda route: Fixed(Path.S1, Path.S2),
    "random": _random,
    "semantic": _semantic,
    "learned": _learned,
    "llm": _llm,
    "cascade": _cascade,
    "revise": _cascade,
    "pinned": _pinned,
}
_WITH_NUMBER = frozenset({"random", "semantic", "learned", "llm", "cascade", "revise"})
_WITH_ARGUMENT = frozenset({"rule", "random", "semantic", "learned", "llm", "pinned"})
_PLAIN = frozenset({*Route, "random", "pinned"})
"""Functions of the question alone that take no time: whoever asks decides them, and finds what the router finds."""


def route_name(route: str) -> RouteName:
    """Take a route's name apart; raises `ConfigError`."""
    found = _SHAPE.fullmatch(route)
    if found is None:
        raise ConfigError(f"no routing policy {route!r}: write NAME, NAME@NUMBER or NAME:FILE")
    try:
        number = None if found[2] is None else float(found[2])
    except ValueError:
        number = -1.0
    if number is not None and not 0 <= number <= 1:
        raise ConfigError(f"route {route!r}: {found[2]} is no share or threshold: give a number from 0 to 1")
    return RouteName(found[1], number, found[3] or "")


def names() -> list[str]:
    """The policies there are: the built-in ones, then those of installed packages."""
    return [*map(str, _BUILT_IN), *sorted(point.name for point in entry_points(group=GROUP))]


def label(route: str) -> str:
    """The policy's name for metrics; `other` where there is none of it, since whoever asks may write what he likes."""
    try:
        name = route_name(route).name
    except ConfigError:
        return _OTHER
    return name if name in _known() else _OTHER


@cache
def _known() -> frozenset[str]:
    return frozenset(names())


def is_plain(route: str) -> bool:
    """Whether the bench may decide it by itself; what else there is is decided by the router alone."""
    return route_name(route).name in _PLAIN


def fingerprint(route: str) -> str:
    """16 hex digits of the SHA-256 of the file that a route names; empty when it names none."""
    path = FilePath(route_name(route).argument)
    if not path.is_file():
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def is_trusted(route: str) -> bool:
    """Whether the policy is one of ours that no model or network can hold up."""
    return route_name(route).name in {*_BUILT_IN} - {"llm"}


def policy(route: str) -> Policy:
    """The policy of a route; the same object for the same route, until its file changes. Raises `ConfigError`."""
    argument = route_name(route).argument
    return _made(route, _changed(argument) if argument else 0)


@lru_cache(maxsize=64)
def _made(route: str, changed: int) -> Policy:
    name = route_name(route)
    if name.name in _BUILT_IN:
        _check_shape(route, name)
        return _BUILT_IN[name.name](name)
    for point in entry_points(group=GROUP, name=name.name):
        return _third_party(point, name)
    if name.name == REPLAY_ONLY:
        text = "the oracle knows the answers, so it can't route a run"
        raise ConfigError(f"{text}: dsb route simulate RUN --policy oracle replays it")
    near = difflib.get_close_matches(name.name, names(), 1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(names())}"
    raise ConfigError(f"no routing policy {name.name!r}: {hint}")


def _check_shape(route: str, name: RouteName) -> None:
    if name.number is not None and name.name not in _WITH_NUMBER:
        raise ConfigError(f"route {route!r}: {name.name} takes no number: leave @{name.number:g} out")
    if name.argument and name.name not in _WITH_ARGUMENT:
        raise ConfigError(f"route {route!r}: {name.name} takes no argument: leave :{name.argument} out")


def _third_party(point: EntryPoint, route: RouteName) -> Policy:
    try:
        make = point.load()
        made: Policy = make(route.argument) if route.argument else make()
    except Exception as error:
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
        raise ConfigError(f"routing policy {point.name!r} of {point.value} can't be made: {why}") from error
    if not callable(getattr(made, "decide", None)):
        raise ConfigError(f"routing policy {point.name!r} of {point.value} has no method decide")
    return made


def _changed(path: str) -> int:
    try:
        return FilePath(path).stat().st_mtime_ns
    except OSError:
        return 0


def _needed(route: RouteName, what: str, remedy: str) -> str:
    if not route.argument:
        raise ConfigError(f"route {route.name!r} needs {what}: {route.name}:{what} ({remedy})")
    return route.argument
