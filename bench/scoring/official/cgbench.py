"""CG-Bench (arXiv 2412.12075): its rules as VLMEvalKit has them (`vlmeval/dataset/utils/cgbench.py`).

Accuracy of choices over the whole video (long) and over its clue intervals alone (clue), and between the two
the clue recovery rate: min(long, clue) / clue. What can't be read is wrong.
"""

from __future__ import annotations

import json
import re

from bench.scoring.official.answers import PerAnswer
from bench.scoring.official.base import Case, OfficialProfile, Scorer
from bench.scoring.official.gold import letter
from bench.scoring.text import TextMatcher

__all__ = ["PROFILES", "choice_mark", "clue_recovery"]

_BLOCK = re.compile(r"```json(.*?)```", re.DOTALL)
_BARE = re.compile(r"(?<=:\s)([A-Za-z_]\w*)")


def choice_mark(case: Case) -> float | None:
    """1 when `result` in a fenced JSON block is the letter; without one, when it is among the lone A to H."""
    right = letter(case)
    if right is None:
        return None
    found = _result(case.said)
    return float(found == right if found is not None else right in re.findall(r"\b[A-H]\b", case.said))


def clue_recovery(long: float | None, clue: float | None) -> float | None:
    """min(long, clue) / clue; null when clue accuracy is 0 or unknown."""
    return None if long is None or not clue else round(min(long, clue) / clue, 6)


def _result(said: str) -> object:
    block = _BLOCK.search(said)
    if block is None or not block[1].strip():
        return None
    try:
        held = json.loads(_BARE.sub(r'"\1"', block[1].strip()))
    except ValueError:
        return None
    return held.get("result") if isinstance(held, dict) else None


def _scorer(profile: str, text: TextMatcher) -> Scorer:
    return PerAnswer(profile, choice_mark, metric="long_accuracy")


PROFILES = (OfficialProfile("cg-bench@1", _scorer),)
