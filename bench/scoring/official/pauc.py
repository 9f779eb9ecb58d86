"""ProactiveVideoQA (arXiv 2507.09313): PAUC, `pauc/judge_llm_scores_openai.py` of its repository.

Each gold reply has a span [s, e]. What is said in it is graded y ∈ {0, 1, 2}, each time all distinct replies of
the span so far, joined. Points (x = (t − s)(1 − ω), y), a last one (e − s, y_last), and a step function that
starts at 0.5: PAUC = Σ (x_{i+1} − x_i) · y_i / (2 (e − s)). Silence is 0.5 / 2 = 0.25. The mean is over gold replies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from bench.scoring.official.base import Case, OfficialProfile, OfficialScores, Tally, TaskLine, mean
from bench.scoring.official.batch import Batch
from bench.scoring.official.gold import Reply, replies
from bench.scoring.official.responses import text_of
from bench.scoring.text import Scale, TextAsk, TextMatcher

__all__ = ["OMEGAS", "PROFILES", "Point", "ProactiveVideoQA", "kept", "pauc", "spoken"]

OMEGAS = (0.0, 0.5, 1.0)
"""How little timeliness weighs: at 1 only what was said in the end counts."""
_START = 0.5
_SILENT = frozenset({"", "</Silence>", "</Standby>", "NO REPLY"})


class Point(NamedTuple):
    """What had been said by `t`, graded."""

    t: float
    """Seconds of stream time."""
    y: int
    """0, 1 or 2."""


def pauc(points: Sequence[Point], start: float, end: float, omega: float) -> float:
    """PAUC of one gold reply with span [start, end]; 0.25 without points.

    A span of no length has no area; there it is y_last / 2.
    """
    if not points:
        return _START / Scale.COVERED
    ordered = sorted(points)
    if end <= start:
        return ordered[-1].y / Scale.COVERED
    steps = [((t - start) * (1 - omega), float(y)) for t, y in ordered]
    area, before, height = 0.0, 0.0, _START
    for x, y in [*steps, (end - start, steps[-1][1])]:
        area += (x - before) * height
        before, height = x, y
    return area / ((end - start) * Scale.COVERED)


def kept(grades: Mapping[float, int], related_end: float) -> list[Point]:
    """The points that count: later than the related span only those not below the last one within it."""
    ordered = [Point(*item) for item in sorted(grades.items())]
    if len(ordered) <= 1:
        return ordered
    within = [point.y for point in ordered if point.t <= related_end]
    floor = within[-1] if within else 0
    return [point for point in ordered if point.t <= related_end or point.y >= floor]


def spoken(case: Case) -> list[tuple[float, str]]:
    """What was said and when, in order; null and the marks of silence are nothing said."""
    said = [
        (case.time_of(item), text_of(item.text).strip().removeprefix("</Response>").strip())
        for item in case.predictions
    ]
    return sorted((item for item in said if item[1] not in _SILENT), key=lambda item: item[0])


class ProactiveVideoQA:
    """PAUC at ω = 0, 0.5 and 1; the primary figure is that at 0.5."""

    def __init__(self, profile: str, text: TextMatcher) -> None:
        self._profile, self._batch, self._owed = profile, Batch(text), Tally()
        self._sums = {omega: Tally() for omega in OMEGAS}

    def add(self, case: Case) -> None:
        """Take one question with its gold replies."""
        gold = replies(case)
        if not gold:
            self._owed.without_gold += 1
            return
        said = spoken(case)
        self._owed.owe(case, silent=not said)
        for reply in gold:
            times, asks = _asks(case, reply, said)
            self._batch.put(asks, partial(self._judged, case.sample.task, reply, times))

    def scores(self) -> OfficialScores:
        """PAUC, over gold replies; raises `ModelError` when a grade can't be had."""
        self._batch.flush()
        middle = self._sums[0.5]
        return OfficialScores(
            profile=self._profile,
            metric="pauc@0.5",
            value=middle.micro,
            n=self._owed.owed,
            missing=self._owed.missing,
            empty=self._owed.empty,
            counted=middle.counted,
            without_gold=self._owed.without_gold,
            metrics={f"pauc@{omega:g}": tally.micro for omega, tally in self._sums.items()},
            tasks={
                task: TaskLine(n=middle.counts[task], value=mean(middle.sums[task], middle.counts[task]))
                for task in sorted(middle.counts)
            },
        )

    def _judged(self, task: str, reply: Reply, times: Sequence[float], grades: Sequence[int]) -> None:
        points = kept(dict(zip(times, grades, strict=True)), reply.related_end)
        for omega, tally in self._sums.items():
            tally.add(task, pauc(points, reply.start, reply.end, omega))


def _asks(case: Case, reply: Reply, said: Sequence[tuple[float, str]]) -> tuple[list[float], list[TextAsk]]:
    """What a judge has to grade for one gold reply: each time the distinct replies so far."""
    times: list[float] = []
    asks: list[TextAsk] = []
    so_far: list[str] = []
    for t, text in said:
        if reply.start <= t <= reply.end and text not in so_far:
            so_far.append(text)
            times.append(t)
            asks.append(TextAsk(case.of.question, reply.text, " ".join(so_far), Scale.COVERED))
    return times, asks


PROFILES = (OfficialProfile("proactivevideoqa@1", ProactiveVideoQA, needs_text=True),)
