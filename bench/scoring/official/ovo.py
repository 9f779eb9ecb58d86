"""OVO-Bench (arXiv 2501.05510): `utils/OVOBenchScore.py` of its repository.

Choices: right when the gold letter is anywhere in the response, so that "A, B" is right for both. REC: all digits
of the response joined are the count. SSR and CRR: exactly "N" or "Y", else "No" or "Yes" is in the response.
No response is 0 and counts. A task's figure is over its queries; the sections and the total are in sections.py.
Gold of the forward tasks is that of the file's own `test_info`, which in four records contradicts its times.
"""

from __future__ import annotations

import re

from bench.data.importers.ovo import place_of
from bench.data.schema import Sample
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


def count_mark(case: Case, told: int | None = None) -> float | None:
    """1 when the digits of the response, joined, are the count: "about 3" is 3, "1 or 2" is 12."""
    right = count(case) if told is None else told
    return None if right is None else float("".join(re.findall(r"\d+", case.said)) == str(int(right)))


def state_mark(case: Case, told: int | None = None) -> float | None:
    """1 for "Y" or "N" alone, else when "Yes" or "No" is contained: "Yes and No" is right for both."""
    right = state(case) if told is None else bool(told)
    if right is None:
        return None
    return float(case.said == ("Y" if right else "N") or ("Yes" if right else "No") in case.said)


class _Forward:
    """Marks of a forward task, by the file's own gold where there is one."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._sample: Sample | None = None
        self._told: dict[tuple[int, int], int] = {}

    def __call__(self, case: Case) -> float | None:
        if case.sample is not self._sample:
            self._sample, self._told = case.sample, _told(case.sample, self._field)
        told = self._told.get((case.turn, case.probe))
        return count_mark(case, told) if self._field == "count" else state_mark(case, told)


def _told(sample: Sample, field: str) -> dict[tuple[int, int], int]:
    """What `test_info` says, by turn and probe; empty when the sample does not come from the public file."""
    native = sample.source.native
    entries = native.get("test_info") if isinstance(native, dict) else None
    found: dict[tuple[int, int], int] = {}
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        place = place_of(sample, number)
        if place is not None and isinstance(entry.get(field), int):
            found[place] = int(entry[field])
    return found


_FIELDS = {"rec": "count", "ssr": "type", "crr": "type"}


def _scorer(profile: str, text: TextMatcher) -> Scorer:
    task = profile.removeprefix("ovo.").partition("@")[0]
    return PerAnswer(profile, _Forward(_FIELDS[task]) if task in _FIELDS else choice_mark)


PROFILES = tuple(OfficialProfile(f"ovo.{task}@1", _scorer) for task in (*BACKWARD, *REALTIME, *FORWARD))
