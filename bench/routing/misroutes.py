"""Where a policy went wrong: every question in its cell, and some of each kind of mistake to look at."""

from __future__ import annotations

import numpy as np

from bench.routing.metrics import Cells, cells
from bench.routing.paired import Paired
from bench.routing.replay import Replay
from bench.scoring.scores import Value

__all__ = ["Misroute", "Misroutes", "misroutes"]


class Misroute(Value):
    """One question."""

    sample: str
    turn: int
    probe: int
    part: str
    task: str
    question: str
    s1: str
    """What S1 said."""
    s2: str
    score: float | None
    reason: str


class Misroutes(Value):
    """The mistakes of a policy, the surest ones first."""

    policy: str
    n: int
    cells: Cells
    by_part: dict[str, Cells]
    missed: tuple[Misroute, ...]
    """Only S2 is right, and S1 was asked."""
    harmful: tuple[Misroute, ...]
    """Only S1 is right, and S2's answer counts."""
    wasted: tuple[Misroute, ...]
    """S2 was asked, and it made no difference."""


def misroutes(table: Paired, replayed: Replay, *, examples: int = 3) -> Misroutes:
    """The cells of a replayed policy, in all and by part, with `examples` questions of each mistake."""
    outcome, s2 = table.outcome, replayed.chosen.s2
    parts = np.array([row.part for row in table.rows])
    by_part = {}
    for part in dict.fromkeys(parts.tolist()):
        mask = parts == part
        by_part[str(part)] = cells(table.only(mask).outcome, s2[mask])
    one, two = outcome.y1 > outcome.y2, outcome.y2 > outcome.y1

    def some(mask: np.typing.NDArray[np.bool_], *, low_first: bool) -> tuple[Misroute, ...]:
        at = np.flatnonzero(mask)
        if replayed.chosen.score is not None:
            order = np.argsort(replayed.chosen.score[at], kind="stable")
            at = at[order if low_first else order[::-1]]
        return tuple(_misroute(table, replayed, place) for place in at[:examples].tolist())

    return Misroutes(
        policy=replayed.policy,
        n=len(table.rows),
        cells=cells(outcome, s2),
        by_part=by_part,
        missed=some(two & ~s2, low_first=True),
        harmful=some(one & s2, low_first=False),
        wasted=some(~one & ~two & s2, low_first=False),
    )


def _misroute(table: Paired, replayed: Replay, place: int) -> Misroute:
    row = table.rows[place]
    made = replayed.decisions[place] if replayed.decisions else None
    return Misroute(
        sample=row.key.sample,
        turn=row.key.turn,
        probe=row.key.probe,
        part=row.part,
        task=row.task,
        question=row.asked or row.question.text,
        s1=row.said[0],
        s2=row.said[1],
        score=made.score if made else None,
        reason=made.reason if made else "",
    )
