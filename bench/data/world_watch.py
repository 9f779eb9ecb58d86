"""`proactive`: requests to be told when something becomes true, with every time at which it does.

What is watched is false at the ask. Its delay is drawn first, evenly over the time that the request stands, and then a
request is looked for that has it; about one in five stands in vain. So neither the wording nor a timer tells when to
speak. What flickers is not asked for: each time it becomes true it stays so for a while.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from bench.data.world_words import Watch, WatchTask, watches
from shared.video.synth import Scene

__all__ = ["HORIZON_S", "TOLERANCE_S", "WatchQuestion", "true_spans", "watch_questions"]

HORIZON_S = 60.0
"""A request stands for so long, or up to the next one on the same stream, or the end of the video."""
TOLERANCE_S = 2.0
MIN_TRUE_S, MIN_APART_S = 3, 4
MIN_ROOM_S = 20
"""Seconds between the beginnings of two requests' shares of the stream, at least."""
IN_VAIN = 0.2


class TrueSpan(NamedTuple):
    """What is watched is true from `from_s` up to `to_s` (whole seconds)."""

    from_s: int
    to_s: int


@dataclass(frozen=True)
class WatchQuestion:
    """A request that stands from its ask on."""

    watch: Watch
    ask_s: float
    until_s: float
    """It stands up to here."""
    gold_s: tuple[float, ...]
    """Every time at which it becomes true between the two; empty where it never does."""
    spans: tuple[TrueSpan, ...]
    """While it is true, from the ask on, over the whole horizon: if the next request isn't made, this one stands on."""
    level: int

    @property
    def text(self) -> str:
        """The request's text."""
        return self.watch.text


class _Share(NamedTuple):
    """A request's part of the stream."""

    ask_s: float
    until_s: float


def true_spans(scene: Scene, watch: Watch) -> list[TrueSpan]:
    """When it is true, over the whole stream."""
    found: list[TrueSpan] = []
    for second, objects in enumerate(scene.moments):
        if not watch.holds(objects):
            continue
        if found and found[-1].to_s == second:
            found[-1] = TrueSpan(found[-1].from_s, second + 1)
        else:
            found.append(TrueSpan(second, second + 1))
    return found


def watch_questions(scene: Scene, *, seed: int, n: int) -> list[WatchQuestion]:
    """Up to `n` requests, by ask time, each with a share of the stream of its own; fewer in a short stream."""
    rng = random.Random(f"watch/{seed}/{scene.seed}/{scene.level}")
    spans = {watch: true_spans(scene, watch) for watch in watches()}
    used: set[Watch] = set()
    found: list[WatchQuestion] = []
    for share in _shares(scene.duration_s, n, rng):
        best = _choose(spans, share, used, scene, rng)
        if best is not None:
            used.add(best.watch)
            found.append(best)
    return found


def _shares(duration_s: float, n: int, rng: random.Random) -> list[_Share]:
    count = max(1, min(n, int(duration_s // MIN_ROOM_S)))
    room = duration_s / count
    asks = [int(i * room + rng.uniform(0, min(room * 0.35, room - 8))) + 0.5 for i in range(count)]
    ends = [*asks[1:], duration_s]
    return [_Share(a, min(a + HORIZON_S, end)) for a, end in zip(asks, ends, strict=True)]


def _choose(
    spans: dict[Watch, list[TrueSpan]], share: _Share, used: set[Watch], scene: Scene, rng: random.Random
) -> WatchQuestion | None:
    """A request that comes true after the delay that was drawn, as nearly as can be; or never, if so drawn."""
    vain = rng.random() < IN_VAIN
    delay = rng.uniform(1, max(1.5, share.until_s - share.ask_s - TOLERANCE_S))
    task = rng.choice(list(WatchTask))
    fitting = [q for w in spans if w not in used and (q := _question(w, spans[w], share, scene.level))]
    wanted = [q for q in fitting if bool(q.gold_s) is not vain]
    rng.shuffle(wanted)

    def apart(question: WatchQuestion) -> tuple[bool, float]:
        if vain:
            return question.watch.task is not task, 0.0
        off = abs(question.gold_s[0] - share.ask_s - delay)
        return off > TOLERANCE_S, off if off > TOLERANCE_S else float(question.watch.task is not task)

    return min(wanted, key=apart, default=None)


def _question(watch: Watch, spans: Sequence[TrueSpan], share: _Share, level: int) -> WatchQuestion | None:
    """The request in its share of the stream, if it can be scored there."""
    during = [span for span in spans if span.to_s > share.ask_s and span.from_s < share.until_s]
    if any(span.from_s <= share.ask_s or span.to_s - span.from_s < MIN_TRUE_S for span in during):
        return None
    if any(span.from_s > share.until_s - TOLERANCE_S for span in during):
        return None
    starts = [span.from_s for span in during]
    if any(b - a < MIN_APART_S for a, b in pairwise(starts)):
        return None
    whole = tuple(span for span in spans if share.ask_s < span.from_s < share.ask_s + HORIZON_S)
    return WatchQuestion(watch, share.ask_s, share.until_s, tuple(map(float, starts)), whole, level)
