"""Part `realtime`: questions about now. Accuracy; in live mode an answer is judged when it is emitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.data.schema import Part
from bench.scoring.base import Item, Rules, Said, Verdict
from bench.scoring.book import Book
from bench.scoring.choice import judge_at
from bench.scoring.measures import Measure, of

__all__ = ["Realtime"]


class Realtime:
    """The rules of `realtime`."""

    part = Part.REALTIME
    columns = 2
    slices: Sequence[str] = ()
    baselines: Sequence[str] = ("constant", "text-only")

    def slice_of(self, item: Item, rules: Rules) -> str:
        """None: the evidence is in the newest frames."""
        return ""

    def judge(self, item: Item, said: Said, rules: Rules) -> Verdict:
        """Right when it equals the gold of the time of emission."""
        return judge_at(item, said, rules, at_emission=True)

    def measures(self, book: Book) -> list[Measure]:
        """Accuracy: right over asked."""
        return [of("accuracy", book.tallies, (0, 1), book.videos)]

    def details(self, book: Book) -> dict[str, Any]:
        """None."""
        return {}
