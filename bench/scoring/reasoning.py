"""Part `reasoning`: the evidence is older than S1's window, or must be inferred.

Accuracy, the gain of S2 over S1 on the same questions, and both by where the evidence lies: still in S1's
window, in S2's longer one, or in neither, so that only memory holds it. The windows are those that the
run's settings give a stream without loss, frame k at k/fps seconds; they are the same for every path and
every baseline.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from bench.data.schema import Part
from bench.scoring.base import Item, Rules, Said, Verdict
from bench.scoring.book import Book
from bench.scoring.choice import judge_at
from bench.scoring.measures import Measure, of
from shared.messages import WindowSpec
from shared.perception.window import window

__all__ = ["EvidenceIn", "Reasoning"]


class EvidenceIn(StrEnum):
    """Where the evidence lies at the ask time."""

    S1_WINDOW = "s1_window"
    S2_WINDOW = "s2_window"
    MEMORY = "memory"
    UNKNOWN = "unknown"
    """The data set gives no evidence span."""


class Reasoning:
    """The rules of `reasoning`."""

    part = Part.REASONING
    columns = 2
    slices: Sequence[str] = tuple(EvidenceIn)
    baselines: Sequence[str] = ("constant", "text-only")

    def slice_of(self, item: Item, rules: Rules) -> str:
        """The nearest place in which any of the evidence can still be seen."""
        if not item.evidence:
            return EvidenceIn.UNKNOWN
        profile = rules.profile
        if _visible(item, profile.s1, profile.video.fps):
            return EvidenceIn.S1_WINDOW
        return EvidenceIn.S2_WINDOW if _visible(item, profile.s2, profile.video.fps) else EvidenceIn.MEMORY

    def judge(self, item: Item, said: Said, rules: Rules) -> Verdict:
        """Right when it equals the gold of the ask time: the past does not change while one thinks."""
        return judge_at(item, said, rules, at_emission=False)

    def measures(self, book: Book) -> list[Measure]:
        """Accuracy: right over asked."""
        return [of("accuracy", book.tallies, (0, 1), book.videos)]

    def details(self, book: Book) -> dict[str, Any]:
        """None; the gain of S2 by evidence is told in slices."""
        return {}


def _visible(item: Item, spec: WindowSpec, fps: float) -> bool:
    newest = math.floor(item.t_ask * fps + 1e-9)
    times = [index / fps for index in window(newest, spec)]
    return any(from_s <= t < to_s for from_s, to_s in item.evidence for t in times)
