"""The `rule` policy: a readable TOML file of rules, of which the first that fits decides.

`rules.toml` beside this module is the one that ships, and the fallback of every other policy; `rule:FILE` takes
another. A file that can't be used is a `ConfigError` that names the file, the rule and the remedy.
"""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path as FilePath
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import ConfigError
from shared.messages import Form, Path, Question
from shared.routing.files import why_unread
from shared.routing.policy import Decision, StreamState

__all__ = ["RulePolicy", "RuleSet", "load_rules", "shipped_rules"]

_PATHS = {"s1": (Path.S1,), "s2": (Path.S2,), "both": (Path.S1, Path.S2)}
_REMEDY = "write it like shared/routing/rules.toml"

Way = Literal["s1", "s2", "both"]


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    words: tuple[str, ...] = ()
    forms: tuple[Form, ...] = ()
    from_s: Annotated[float, Field(ge=0)] = 0.0
    path: Way


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    default: Way = "s1"
    rule: tuple[_Rule, ...] = ()


class _Compiled(NamedTuple):
    rule: _Rule
    pattern: re.Pattern[str]


class RuleSet:
    """Rules in order, and what happens when none fits."""

    def __init__(self, default: Way, rules: tuple[_Compiled, ...]) -> None:
        self._default, self._rules = default, rules

    def first(self, question: Question) -> tuple[tuple[Path, ...], str]:
        """The paths of a question, and the name of the rule that decides (`default` when none does)."""
        for rule, pattern in self._rules:
            if (
                pattern.search(question.text)
                and question.t_ask >= rule.from_s
                and (not rule.forms or question.form in rule.forms)
            ):
                return _PATHS[rule.path], rule.name
        return _PATHS[self._default], "default"


class RulePolicy:
    """Decides by a rule set; the score is 1 where S2 is asked, else 0."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules

    def decide(self, question: Question, state: StreamState) -> Decision:
        """The paths of the first rule that fits."""
        paths, name = self._rules.first(question)
        return Decision(paths, 1.0 if Path.S2 in paths else 0.0, name)


def shipped_rules() -> RuleSet:
    """The rules that come with the package."""
    return _parse(files("shared.routing").joinpath("rules.toml").read_text("utf-8"), "rules.toml")


def load_rules(path: str | FilePath) -> RuleSet:
    """Read a rules file; raises `ConfigError`."""
    try:
        text = FilePath(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"rules file {path}: {why_unread(error)}: name an existing TOML file") from error
    return _parse(text, str(path))


def _parse(text: str, name: str) -> RuleSet:
    try:
        found = _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"rules file {name}: {error}; {_REMEDY}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
        given = str(first.get("input"))[:60]
        raise ConfigError(f"rules file {name}: {where} is {given!r}: {first['msg']}; {_REMEDY}") from error
    return RuleSet(found.default, tuple(_Compiled(rule, _pattern(rule, name)) for rule in found.rule))


def _pattern(rule: _Rule, name: str) -> re.Pattern[str]:
    """Whole words; a rule without words fits every question that its other conditions let through."""
    if not rule.words:
        return re.compile("")
    try:
        return re.compile(rf"\b(?:{'|'.join(rule.words)})\b", re.IGNORECASE)
    except re.error as error:
        raise ConfigError(f"rules file {name}: words of rule {rule.name!r}: {error}; {_REMEDY}") from error
