"""StreamingBench (arXiv 2411.03628): `src/data/count.py` of its repository.

Choices: the first character of the response is compared with the gold letter; what was not answered leaves
the denominator; a section's figure is over its questions. Proactive output: polled each second from ask + 1 to
gold + 4; right in time when the first "yes" is at most 2 s from the gold time, right in answer when also the
gold text is in the last response.
"""

from __future__ import annotations

from typing import NamedTuple

from bench.scoring.official.answers import Left, PerAnswer
from bench.scoring.official.base import Case, OfficialProfile, OfficialScores, Scorer, mean
from bench.scoring.official.emissions import spoke
from bench.scoring.official.gold import letter
from bench.scoring.official.responses import text_of
from bench.scoring.text import TextMatcher

__all__ = ["PROFILES", "Proactive", "choice_mark", "first_output"]

TOLERANCE_S = 2.0


def choice_mark(case: Case) -> float | None:
    """1 when the first character is the gold letter: "C. red" is C, "The answer is C" is wrong, as is "(C)"."""
    right = letter(case)
    return None if right is None else float(case.said[:1] == right)


class Output(NamedTuple):
    """When a system first spoke, and what its last response then was."""

    t: float
    text: str


def first_output(case: Case) -> Output | None:
    """The first output; null when it never came.

    A prediction with a time is an output at that time, unless it is null or a plain "no". One without is
    the response to the poll of its index, an output when "yes" is in it, whatever the case of its letters. Of
    several responses at that time the last one counts: after a yes the answer itself is asked for.
    """
    timed = sorted(((case.time_of(item), item) for item in case.predictions), key=lambda pair: pair[0])
    for t, item in timed:
        if spoke(item):
            return Output(t, [text_of(other.text) for at, other in timed if at == t][-1])
    return None


class Proactive:
    """Proactive output: accuracy in time, and in answer too."""

    def __init__(self, profile: str, text: TextMatcher) -> None:
        self._marks = PerAnswer(profile, self._timely, metric="time_accuracy")
        self._answers = 0

    def add(self, case: Case) -> None:
        """Mark one question."""
        output = first_output(case)
        if self._marks.mark(case, silent=output is None):
            wanted = case.of.answer.gold[0].text if case.of.answer.gold else ""
            self._answers += output is not None and wanted in output.text

    def scores(self) -> OfficialScores:
        """Time accuracy, with answer accuracy beside it; both over all questions."""
        return self._marks.scores({"answer_accuracy": mean(self._answers, self._marks.tally.counted)})

    @staticmethod
    def _timely(case: Case) -> float | None:
        trigger = case.of.trigger
        if trigger is None or not trigger.gold_s:
            return None
        output = first_output(case)
        return float(output is not None and abs(output.t - trigger.gold_s[0]) <= TOLERANCE_S)


def _choice(profile: str, text: TextMatcher) -> Scorer:
    return PerAnswer(profile, choice_mark, left=Left.UNANSWERED)


PROFILES = (
    *(OfficialProfile(f"streamingbench.{task}@1", _choice) for task in ("real", "omni", "sqa")),
    OfficialProfile("streamingbench.proactive@1", Proactive),
)
