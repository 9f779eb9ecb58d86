"""Part `proactive`: a question stands, and the system chooses when to speak.

Primary score: F1 of the emissions against the events, one to one, each within its tolerance, hits and misses
pooled over all questions. What is said while nothing is due is a false alarm; saying nothing when nothing is
due costs nothing. Questions whose only right answer is silence (form `silence`) count a false alarm when
anything is said. A failure is as silent as it was: what was said before stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.data.schema import AnswerForm, Part
from bench.scoring.base import Due, Emission, Item, Rules, Said, Verdict
from bench.scoring.book import Book
from bench.scoring.matching import Outcome, outcome
from bench.scoring.measures import Measure, f1, of
from shared.messages import Status

__all__ = ["Proactive"]

_TP, _FP, _FN, _SAID, _DUE, _HOURS, _EARLY, _LATE, _TEXT_RIGHT, _TEXTS = range(10)
_HOUR_S = 3600.0


class Proactive:
    """The rules of `proactive`."""

    part = Part.PROACTIVE
    columns = 10
    slices: Sequence[str] = ()
    baselines: Sequence[str] = ("timer-k", "always", "never")

    def slice_of(self, item: Item, rules: Rules) -> str:
        """None."""
        return ""

    def judge(self, item: Item, said: Said, rules: Rules) -> Verdict:
        """Pair what was said with what was due."""
        if item.standing is None:
            return _judge_silence(said)
        spoken = sorted(said.emissions)
        times, due = [emission.t for emission in spoken], item.standing.due
        found = outcome(times, due)
        good, texts = _texts(item, spoken, due, found, rules)
        heard = (item.standing.until - item.t_ask) / _HOUR_S
        hits, fp, fn = len(found.hits), found.false_positives, found.false_negatives
        near = (len(found.early), len(found.late))
        tally = (hits, fp, fn, hits + fp, hits + fn, heard, *near, good, texts)
        delays = tuple(round(times[place] - due[event].at, 6) for place, event in found.hits)
        correct = fp == 0 and fn == 0
        row = tuple(float(value) for value in tally)
        return Verdict(None, None, correct, correct, row, delays, _note(times, due, found))

    def measures(self, book: Book) -> list[Measure]:
        """F1, then what it is made of: precision, recall, and false alarms an hour."""
        rows, videos = book.tallies, book.videos
        return [
            of("F1", rows, (_TP, _FP, _FN), videos, f1, every=True),
            of("precision", rows, (_TP, _SAID), videos, every=True),
            of("recall", rows, (_TP, _DUE), videos, every=True),
            of("false alarms", rows, (_FP, _HOURS), videos, unit="per hour", every=True),
        ]

    def details(self, book: Book) -> dict[str, Any]:
        """Hits, early, late, missed and spurious; how late the hits are; whether their text is right."""
        sums = book.tallies.sum(axis=0)
        delays = book.times()
        near = sums[_EARLY] + sums[_LATE]
        return {
            "hits": int(sums[_TP]),
            "early": int(sums[_EARLY]),
            "late": int(sums[_LATE]),
            "missed": int(sums[_FN] - near),
            "spurious": int(sums[_FP] - near),
            "delay_p50_s": _percentile(delays, 50),
            "delay_p90_s": _percentile(delays, 90),
            "text_right": round(float(sums[_TEXT_RIGHT] / sums[_TEXTS]), 6) if sums[_TEXTS] else None,
        }


def _judge_silence(said: Said) -> Verdict:
    """Right when nothing is said; there is no time to it, so it adds none to false alarms an hour."""
    spoke = said.status == Status.OK and bool(said.raw.strip())
    silent = said.status == Status.OK and not spoke
    row = [0.0] * Proactive.columns
    row[_FP] = row[_SAID] = float(spoke)
    return Verdict(said.raw.strip() or None, None, silent, silent, tuple(row))


def _texts(
    item: Item, spoken: Sequence[Emission], due: Sequence[Due], found: Outcome, rules: Rules
) -> tuple[int, int]:
    """Of the hits that ought to say something: how many say it, and how many there are."""
    if item.form is AnswerForm.ALERT:
        return 0, 0
    asked = [(spoken[said].raw, due[event].text) for said, event in found.hits if due[event].text]
    return sum(rules.grader.right(item.question, gold, raw) for raw, gold in asked), len(asked)


def _note(times: Sequence[float], due: Sequence[Due], found: Outcome) -> dict[str, Any]:
    labels = ["spurious"] * len(times)
    for name, pairs in (("hit", found.hits), ("early", found.early), ("late", found.late)):
        for said, _ in pairs:
            labels[said] = name
    return {
        "said": [[t, label] for t, label in zip(times, labels, strict=True)],
        "due": [event.at for event in due],
        "missed": [due[event].at for event in found.missed],
    }


def _percentile(values: Sequence[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent)), 6) if values else None
