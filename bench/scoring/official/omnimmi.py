"""OmniMMI (arXiv 2503.22952): `evaluations/evaluate.py` of its repository.

MD and SG are chains: exact when every turn is right; the prefix figure of turn k is the share of chains that reach
it with turns 0 … k all right. AP and SI: accuracy. PA: the first alert in the gold span (hit), the mean share of
alerts in it (precision), and the overlap of first to last alert with it (IoU). PT: right when silent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from bench.scoring.ladder import Rung, parse_choice
from bench.scoring.official.answers import PerAnswer
from bench.scoring.official.base import Case, OfficialProfile, OfficialScores, Scorer, Tally, mean
from bench.scoring.official.batch import Batch
from bench.scoring.official.emissions import emissions_of
from bench.scoring.official.gold import text as gold_text
from bench.scoring.text import TextAsk, TextMatcher

__all__ = ["PROFILES", "Alerts", "Chains", "Texts", "alerts_of", "overlap"]


class Texts:
    """Accuracy of free text, as the matcher sees it."""

    def __init__(self, profile: str, text: TextMatcher) -> None:
        self._profile, self._batch, self._tally = profile, Batch(text), Tally()

    def add(self, case: Case) -> None:
        """Take one answer; what is missing or empty is wrong unasked."""
        right = gold_text(case)
        if right is None:
            self._tally.without_gold += 1
            return
        self._tally.owe(case)
        ask = TextAsk(case.of.question, right, _spelled(case))
        self._batch.put([ask] if case.said else [], partial(self._graded, case.sample.task))

    def scores(self) -> OfficialScores:
        """The mean; raises `ModelError` when a grade can't be had."""
        self._batch.flush()
        return self._tally.scores(self._profile, "accuracy")

    def _graded(self, task: str, grades: Sequence[int]) -> None:
        self._tally.add(task, float(bool(grades) and grades[0] == 1))


class Chains:
    """Chains of free text: exact, by prefix and by turn."""

    def __init__(self, profile: str, text: TextMatcher) -> None:
        self._profile, self._batch = profile, Batch(text)
        self._owed, self._exact, self._turns = Tally(), Tally(), Tally()
        self._prefix = Tally()
        self._chain: list[Case] = []

    def add(self, case: Case) -> None:
        """Take one turn; the turns of a chain come in order."""
        if self._chain and self._chain[0].sample.id != case.sample.id:
            self._close()
        self._chain.append(case)

    def scores(self) -> OfficialScores:
        """Chain accuracy; raises `ModelError` when a grade can't be had."""
        self._close()
        self._batch.flush()
        metrics = {"turn_accuracy": self._turns.micro}
        metrics |= {f"turn.{place}": line.value for place, line in self._turns.tasks().items()}
        metrics |= {f"prefix.{place}": line.value for place, line in self._prefix.tasks().items()}
        exact = self._exact.scores(self._profile, "chain_exact", metrics)
        owed = self._owed
        return exact.model_copy(update={"n": owed.owed, "missing": owed.missing, "empty": owed.empty})

    def _close(self) -> None:
        chain, self._chain = self._chain, []
        if not chain:
            return
        golds = [gold_text(case) for case in chain]
        if any(right is None for right in golds):
            self._exact.without_gold += len(chain)
            return
        for case in chain:
            self._owed.owe(case)
        asked = [place for place, case in enumerate(chain) if case.said]
        asks = [TextAsk(chain[k].of.question, golds[k] or "", chain[k].said) for k in asked]
        self._batch.put(asks, partial(self._graded, chain[0].sample.task, len(chain), asked))

    def _graded(self, task: str, turns: int, asked: Sequence[int], grades: Sequence[int]) -> None:
        marks = dict(zip(asked, grades, strict=True))
        unbroken = True
        for place in range(turns):
            right = marks.get(place, 0) == 1
            unbroken &= right
            self._turns.add(str(place), right)
            self._prefix.add(str(place), unbroken)
        self._exact.add(task, unbroken)


class Span(NamedTuple):
    """From `start` to `end`, both included; seconds of stream time."""

    start: float
    end: float


def alerts_of(case: Case) -> list[float]:
    """Times of the alerts, in order: what was emitted, or times given as a number, a numeral or a list of them."""
    return [t for t, _ in emissions_of(case)]


def overlap(first: Span, second: Span) -> float:
    """Intersection over the hull of two spans, as upstream has it; 1 for equal spans of no length."""
    hull = max(first.end, second.end) - min(first.start, second.start)
    common = max(0.0, min(first.end, second.end) - max(first.start, second.start))
    return common / hull if hull else 1.0


class Alerts:
    """Proactive alerting: hit, precision and IoU, over all questions; who never alerts has 0 in all three."""

    def __init__(self, profile: str, text: TextMatcher) -> None:
        self._marks = PerAnswer(profile, _hit, metric="hit")
        self._precision: defaultdict[str, float] = defaultdict(float)

    def add(self, case: Case) -> None:
        """Mark one question."""
        span, alerts = _span(case), alerts_of(case)
        if self._marks.mark(case, silent=not alerts) is None:
            return
        if span is not None and alerts:
            inside = sum(span.start <= t <= span.end for t in alerts)
            self._precision["precision"] += inside / len(alerts)
            self._precision["iou"] += overlap(Span(alerts[0], alerts[-1]), span)

    def scores(self) -> OfficialScores:
        """The share of questions whose first alert is in the span, with the other two beside it."""
        counted = self._marks.tally.counted
        return self._marks.scores(
            {name: mean(self._precision[name], counted) for name in ("precision", "iou")}
        )


def _hit(case: Case) -> float | None:
    span, alerts = _span(case), alerts_of(case)
    return None if span is None else float(bool(alerts) and span.start <= alerts[0] <= span.end)


def _span(case: Case) -> Span | None:
    trigger = case.of.trigger
    if trigger is None or not trigger.gold_spans:
        return None
    return Span(trigger.gold_spans[0].from_s, trigger.gold_spans[0].to_s)


def _spelled(case: Case) -> str:
    """The answer; where there are options to choose from, a label alone stands for its option's text."""
    parsed = parse_choice(case.said, case.of.answer.options)
    texts = {option.key: option.text for option in case.of.answer.options}
    return texts[parsed.value] if parsed.rung is Rung.LABEL and parsed.value in texts else case.said


def _silent(case: Case) -> float | None:
    """1 for an empty output or one that begins with `<2>`; what is missing is not silent."""
    return float(not case.missing and (not case.said or case.said.startswith("<2>")))


def _turn_taking(profile: str, text: TextMatcher) -> Scorer:
    return PerAnswer(profile, _silent)


PROFILES = (
    *(OfficialProfile(f"omnimmi.{task}@1", Chains, needs_text=True) for task in ("md", "sg")),
    *(OfficialProfile(f"omnimmi.{task}@1", Texts, needs_text=True) for task in ("ap", "si")),
    OfficialProfile("omnimmi.pa@1", Alerts),
    OfficialProfile("omnimmi.pt@1", _turn_taking),
)
