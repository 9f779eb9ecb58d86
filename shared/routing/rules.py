"""The rules of the `rule` policy: the first one whose pattern is in the question decides, else S1.

They look at the wording alone: a question about what has been goes to the system with the longer view and the
memory, a question about what is goes to the fast one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from shared.messages import Path

__all__ = ["RULES", "Rule", "Verdict", "decide_by_rules"]


class Rule(NamedTuple):
    """A name for records, a pattern, and where it sends a question."""

    name: str
    pattern: re.Pattern[str]
    path: Path


class Verdict(NamedTuple):
    """What decided, and how."""

    path: Path
    rule: str


def _rule(name: str, words: str, path: Path) -> Rule:
    return Rule(name, re.compile(rf"\b(?:{words})\b", re.IGNORECASE), path)


RULES: tuple[Rule, ...] = (
    _rule("present", "now|right now|currently|at the moment|at present", Path.S1),
    _rule("order", "first|last|before|after|earlier|previously|until|since|then", Path.S2),
    _rule(
        "history",
        "ever|so far|already|again|how often|how many times|in total|gone|left|disappeared",
        Path.S2,
    ),
    _rule("past tense", "was|were|did|had|has been|have been", Path.S2),
    _rule("cause", "why|how come|what caused|because", Path.S2),
)


def decide_by_rules(text: str) -> Verdict:
    """The path of a question by its wording."""
    for rule in RULES:
        if rule.pattern.search(text):
            return Verdict(rule.path, rule.name)
    return Verdict(Path.S1, "default")
