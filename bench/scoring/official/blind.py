"""What never looking gives under the official rules, scored by the same scorers and printed beside them.

Of each family (`constant`, `timer`) the best in hindsight is shown, with what it says in its name: the constant
letter, the seconds after the question. Published figures below these show nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from bench.scoring.official.base import Case, OfficialProfile, Prediction, Scorer, Value
from bench.scoring.text import NORMALISED

__all__ = ["Blind", "BlindScore", "blinds_of"]

_LETTERS = "ABCDEFGH"
_TIMERS = {"proactive": range(31), "pa": range(0, 301, 5)}
"""Seconds after the question."""
_MOST_COUNT = 10
Says = Callable[[Case], Sequence[Prediction]]


class BlindScore(Value):
    """What one way of never looking gives."""

    name: str
    value: float | None


class Blind(NamedTuple):
    """One way of never looking, at work."""

    family: str
    name: str
    says: Says
    scorer: Scorer


class Blinds:
    """Every blind answerer that makes sense for a profile."""

    def __init__(self, profile: OfficialProfile) -> None:
        self._all = [
            Blind(family, name, says, profile.scorer(NORMALISED))
            for family, name, says in _ways(profile.name)
        ]

    def add(self, case: Case) -> None:
        """Let each answer a case."""
        for blind in self._all:
            blind.scorer.add(case._replace(predictions=blind.says(case)))

    def scores(self) -> list[BlindScore]:
        """The best of each family, the first of equals."""
        best: dict[str, BlindScore] = {}
        for blind in self._all:
            score = BlindScore(name=blind.name, value=blind.scorer.scores().value)
            held = best.get(blind.family)
            if held is None or (score.value or 0) > (held.value or 0):
                best[blind.family] = score
        return list(best.values())


def blinds_of(profile: OfficialProfile) -> Blinds:
    """The blind answerers of a profile, before their first case."""
    return Blinds(profile)


def _ways(profile: str) -> list[tuple[str, str, Says]]:
    bench, _, task = profile.partition("@")[0].partition(".")
    if profile.startswith(("ovo.ssr", "ovo.crr")):
        return [("always", "always Yes", partial(_say, "Yes")), ("never", "always No", partial(_say, "No"))]
    if profile.startswith("ovo.rec"):
        return [("constant", f"always {n}", partial(_say, str(n))) for n in range(_MOST_COUNT + 1)]
    if task in _TIMERS:
        timers: list[tuple[str, str, Says]] = [
            ("timer", f"{k} s after the question", partial(_alert, k)) for k in _TIMERS[task]
        ]
        return [*timers, ("never", "never", partial(_say, None))]
    if task == "pt" or bench == "proactivevideoqa":
        return [("never", "silence", partial(_say, None))]
    if bench in ("streamingbench", "ovo", "rtv", "cg-bench"):
        return [("constant", f"always {letter}", partial(_say, letter)) for letter in _LETTERS]
    return []


def _say(text: str | None, case: Case) -> Sequence[Prediction]:
    return (Prediction(text),)


def _alert(after_s: int, case: Case) -> Sequence[Prediction]:
    gold = case.of.answer.gold
    return (Prediction(gold[0].text if gold else "", t_emit=case.of.ask_s + after_s),)
