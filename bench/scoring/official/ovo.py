"""OVO-Bench (arXiv 2501.05510): `utils/OVOBenchScore.py` of its repository.

Choices: right when the gold letter is anywhere in the response, so that "A, B" is right for both. REC: all digits
of the response joined are the count. SSR and CRR: exactly "N" or "Y", else "No" or "Yes" is in the response.
No response is 0 and counts. A task's figure is over its queries; the sections and the total are in sections.py.
In four REC records the file's own gold contradicts its times: there the file's counts.
"""

from __future__ import annotations

import re

from bench.scoring.official.answers import PerAnswer
from bench.scoring.official.base import Case, OfficialProfile, Scorer
from bench.scoring.official.gold import count, letter, state
from bench.scoring.text import TextMatcher

__all__ = ["BACKWARD", "FORWARD", "PROFILES", "REALTIME", "choice_mark", "count_mark", "state_mark"]

BACKWARD = ("epm", "hld", "asi")
REALTIME = ("ojr", "stu", "ocr", "atr", "acr", "fpd")
FORWARD = ("rec", "ssr", "crr")


def choice_mark(case: Case) -> float | None:
    """1 when the gold letter is contained in the response; capitals only, any number of options."""
    right = letter(case)
    return None if right is None else float(right in case.said)


def count_mark(case: Case) -> float | None:
    """1 when the digits of the response, joined, are the count: "about 3" is 3, "1 or 2" is 12."""
    right = count(case)
    return None if right is None else float("".join(re.findall(r"\d+", case.said)) == str(int(right)))


def state_mark(case: Case) -> float | None:
    """1 for "Y" or "N" alone, else when "Yes" or "No" is contained: "Yes and No" is right for both."""
    right = state(case)
    if right is None:
        return None
    return float(case.said == ("Y" if right else "N") or ("Yes" if right else "No") in case.said)


_MARKS = {"rec": count_mark, "ssr": state_mark, "crr": state_mark}


def _scorer(profile: str, text: TextMatcher) -> Scorer:
    task = profile.removeprefix("ovo.").partition("@")[0]
    return PerAnswer(profile, _MARKS.get(task, choice_mark))


PROFILES = tuple(OfficialProfile(f"ovo.{task}@1", _scorer) for task in (*BACKWARD, *REALTIME, *FORWARD))
