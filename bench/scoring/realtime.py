"""Part `realtime`: questions about now. Accuracy; in live mode an answer is judged when it is emitted."""

from __future__ import annotations

from collections.abc import Sequence

from bench.data.schema import Part
from bench.scoring.base import Item, Said
from bench.scoring.choice import judge_at
from bench.scoring.ladder import Rung
from shared.messages import Profile

__all__ = ["Realtime"]


class Realtime:
    """The rules of `realtime`."""

    part = Part.REALTIME
    slices: Sequence[str] = ()

    def slice_of(self, item: Item, profile: Profile) -> str:
        """None: the evidence is in the newest frames."""
        return ""

    def judge(self, item: Item, said: Said) -> tuple[str | None, Rung | None, bool, bool]:
        """Right when it equals the gold of the time of emission."""
        return judge_at(item, said, at_emission=True)
