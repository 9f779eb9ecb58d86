"""The timer: who answers by the clock alone. How long it waits is fitted on all other videos.

On public data it is hard to beat: "speak seven seconds after the question" scores above most published models
on proactive output. Waiting times are tried on a grid from 0 to the horizon, one tick apart; of equally good
ones the shortest is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.scoring.answers import is_positive
from bench.scoring.base import EPSILON_S, Item, Rules, gold_at
from bench.scoring.clue import STATES, grid
from bench.scoring.measures import Array, balanced, f1

__all__ = ["alarm_times", "state_times"]


def alarm_times(items: Sequence[Item], rules: Rules) -> list[float | None]:
    """For each proactive item the time of its one alarm; null when the question is over by then.

    k maximises the pooled F1 of all other videos.
    """
    delays = _delays(rules)
    sums = np.zeros((_videos(items), len(delays), 3))
    for item in items:
        if item.standing is not None:
            sums[item.video] += _alarm(item, delays)
    chosen = _leave_one_out(sums, f1)
    times = [item.t_ask + float(delays[chosen[item.video]]) for item in items]
    return [t if _stands(item, t) else None for item, t in zip(items, times, strict=True)]


def state_times(items: Sequence[Item], rules: Rules) -> list[float]:
    """For each clue item the time from which the timer says yes or READY; infinity: never.

    k maximises the balanced accuracy of the state over all other videos.
    """
    delays = np.append(_delays(rules), math.inf)
    sums = np.zeros((_videos(items), len(delays), 4))
    for item in items:
        if item.form in STATES:
            for t in grid(item, rules.tick_s) if item.standing else (item.t_ask,):
                _add_state(sums[item.video], item, t, delays)
    chosen = _leave_one_out(sums, balanced)
    return [item.since + float(delays[chosen[item.video]]) for item in items]


def _delays(rules: Rules) -> Array:
    return np.arange(0.0, rules.horizon_s + EPSILON_S, rules.tick_s)


def _videos(items: Sequence[Item]) -> int:
    return 1 + max((item.video for item in items), default=-1)


def _stands(item: Item, t: float) -> bool:
    return item.standing is not None and t <= item.standing.until + EPSILON_S


def _alarm(item: Item, delays: Array) -> Array:
    """TP, FP, FN of one alarm at each delay."""
    standing = item.standing
    if standing is None:
        return np.zeros((len(delays), 3))
    times = item.t_ask + delays
    hit = np.zeros(len(delays), dtype=np.bool_)
    for due in standing.due:
        hit |= (times >= due.low - EPSILON_S) & (times <= due.high + EPSILON_S)
    said = times <= standing.until + EPSILON_S
    hits = (hit & said).astype(np.float64)
    return np.stack([hits, said - hits, len(standing.due) - hits], axis=1)


def _add_state(sums: Array, item: Item, t: float, delays: Array) -> None:
    gold = gold_at(item, t)
    if gold is None:
        return
    yes = t - item.since >= delays - EPSILON_S
    after = is_positive(gold)
    sums[:, 2 * after] += yes == after
    sums[:, 2 * after + 1] += 1


def _leave_one_out(sums: Array, value: object) -> Sequence[int]:
    """The place of the best delay for each video, by the sums of all others."""
    total = sums.sum(axis=0)
    best = []
    for own in sums:
        scores = np.nan_to_num(value(total - own), nan=-1.0)  # type: ignore[operator]
        best.append(int(np.argmax(np.round(scores, 9))))
    return best
