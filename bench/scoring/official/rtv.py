"""RTV-Bench (arXiv 2505.02064): `scripts/utils/prompt_utils.py`, `scripts/eval/compute_acc.py` and `compute_score.py`.

Accuracy is over all questions. The score is over groups: the number of right q2 of those groups in which every
q0 and every q1 is right, over the number of all q2. A level that is absent counts as right, and a question without
any prediction counts as absent; a group counts for the type of its first q2.
"""

from __future__ import annotations

import re

from bench.scoring.official.answers import Left, PerAnswer
from bench.scoring.official.base import Case, OfficialProfile, OfficialScores, mean
from bench.scoring.official.gold import letter
from bench.scoring.text import TextMatcher

__all__ = ["PROFILES", "Rtv", "extract"]

_ALONE = re.compile(r"\b([A-Z])\b")
_NAMED = re.compile(r"(OPTION|ANSWER)\s*[:\-]?\s*([A-Z])")


def extract(response: str, labels: set[str]) -> str | None:
    """The letter that the official extraction reads, null for "Unknown".

    The first capital that stands alone, if it is a label; else the one after OPTION or ANSWER; else the first
    character. All of it on upper-cased text, so that the article "a" is A.
    """
    upper = response.upper()
    alone, named = _ALONE.search(upper), _NAMED.search(upper)
    tried = (alone and alone[1], named and named[2], response.strip()[:1].upper())
    return next((found for found in tried if found and found in labels), None)


class _Group:
    """What a group's score is made of."""

    __slots__ = ("basics", "right", "total", "type")

    def __init__(self) -> None:
        self.basics, self.right, self.total, self.type = True, 0, 0, ""

    def add(self, role: str, task: str, right: bool) -> None:
        if role != "q2":
            self.basics &= right
            return
        self.type = self.type if self.total else task
        self.total += 1
        self.right += right

    @property
    def score(self) -> int:
        return self.right if self.basics else 0


class Rtv:
    """Accuracy, by type and by level, and the group score, by type."""

    def __init__(self, profile: str, text: TextMatcher) -> None:
        self._marks = PerAnswer(profile, _mark, left=Left.MISSING)
        self._groups: dict[str, _Group] = {}
        self._levels: dict[str, list[int]] = {}

    def add(self, case: Case) -> None:
        """Mark one question, and note it for its group."""
        mark, group = self._marks.mark(case), case.sample.group
        if mark is None or group is None:
            return
        self._groups.setdefault(group.id, _Group()).add(group.role, case.sample.task, mark == 1)
        level = self._levels.setdefault(group.role, [0, 0])
        level[0] += mark == 1
        level[1] += 1

    def scores(self) -> OfficialScores:
        """Accuracy, with the group score and its parts beside it."""
        groups = [group for group in self._groups.values() if group.total]
        metrics = {"score": _score(groups)}
        metrics |= {f"accuracy.{level}": mean(*held) for level, held in sorted(self._levels.items())}
        for kind in sorted({group.type for group in groups}):
            metrics[f"score.{kind}"] = _score([group for group in groups if group.type == kind])
        return self._marks.scores(metrics)


def _mark(case: Case) -> float | None:
    right = letter(case)
    labels = {option.key.upper() for option in case.of.answer.options}
    return None if right is None else float(extract(case.said, labels) == right)


def _score(groups: list[_Group]) -> float | None:
    return mean(sum(group.score for group in groups), sum(group.total for group in groups))


PROFILES = (OfficialProfile("rtv@1", Rtv),)
