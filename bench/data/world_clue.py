"""`clue`: questions that stand while their evidence is still to come, with exact gold at every instant.

Gold at one probe is as likely wait (no) as ready (yes), whatever the text, the time and, nearly, the number of probes
before: the times of a question's probes are fixed first, and only where a subject that has appeared before all of them
and one that appears after all of them can both be had; then chance decides which it is.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

from bench.data.world import Choice, letters
from bench.data.world_words import (
    ClueTask,
    Kind,
    count_at,
    count_wording,
    find_at,
    find_wording,
    first_seen,
    kinds,
    matches,
    seen_wording,
)  # fmt: skip
from shared.video.synth import Colour, Quadrant, Scene, Shape, Track

__all__ = ["ClueQuestion", "GoldState", "clue_questions"]

READY, WAIT = "READY", "WAIT"
NEVER = 1e9
ALWAYS_OR_NEVER = 0.8
"""Share of questions with all probes on one side of the event: it keeps the count of probes before from telling."""
TASKS = (
    ClueTask.SEEN,
    ClueTask.FIND_COLOUR,
    ClueTask.COUNT,
    ClueTask.FIND_PLACE,
    ClueTask.SEEN,
    ClueTask.FIND_SHAPE,
)


class GoldState(NamedTuple):
    """What is right from `from_s` up to `to_s` (seconds of stream time; none: to the end)."""

    from_s: float
    to_s: float | None
    value: str | bool | int
    text: str = ""


@dataclass(frozen=True)
class ClueQuestion:
    """A question that is probed several times."""

    task: ClueTask
    subject: Kind
    text: str
    form: Literal["yes_no", "sufficiency+text", "count"]
    options: tuple[Choice, ...]
    ask_s: float
    probe_s: tuple[float, ...]
    """Ascending."""
    gold: tuple[GoldState, ...]
    evidence: tuple[tuple[float, float], ...]
    """Spans of stream time in which what decides it can be seen."""
    level: int

    def gold_at(self, t: float) -> GoldState:
        """The gold at a time from the ask on."""
        return next(g for g in self.gold if g.from_s <= t and (g.to_s is None or t < g.to_s))


class _Event(NamedTuple):
    """When a subject is first there; `NEVER` where that doesn't happen."""

    t: float
    subject: Kind


class _Plan(NamedTuple):
    """Times of a question, and which subject fits them."""

    ask_s: float
    probe_s: tuple[float, ...]
    subject: Kind


def clue_questions(scene: Scene, *, seed: int, n: int) -> list[ClueQuestion]:
    """Up to `n` questions, by ask time; fewer when the scene is too short for more."""
    rng = random.Random(f"clue/{seed}/{scene.seed}/{scene.level}")
    return sorted(islice(_found(scene, rng), n), key=lambda question: question.ask_s)


def _found(scene: Scene, rng: random.Random) -> Iterator[ClueQuestion]:
    keys, used = letters(rng), set[tuple[ClueTask, Kind]]()
    seen = [_Event(NEVER if (t := first_seen(scene, kind)) is None else t, kind) for kind in kinds()]
    start = rng.randrange(len(TASKS))
    tasks = [*TASKS[start:], *TASKS[:start]]
    for task in tasks * 8:
        if task is ClueTask.COUNT:
            made = _count(scene, rng)
        else:
            plan = _plan(_events(scene, task, seen), scene.duration_s, rng)
            made = plan and _state_question(scene, task, plan, rng, next(keys))
        if made and (task, made.subject) not in used:
            used.add((task, made.subject))
            yield made


def _events(scene: Scene, task: ClueTask, seen: Sequence[_Event]) -> list[_Event]:
    """When each subject that a task can be about appears."""
    if task is ClueTask.SEEN:
        return list(seen)
    wrong = {ClueTask.FIND_COLOUR: Colour, ClueTask.FIND_SHAPE: Shape}.get(task, str)
    tracks = [t for t in scene.rare if task is ClueTask.FIND_PLACE or not isinstance(t.rare, wrong)]
    return [_Event(t.appear, t.rare) for t in tracks if t.rare is not None]


def _gaps(duration_s: float, rng: random.Random) -> list[int]:
    """Whole seconds between probes: some short, so that S1 still sees what was new, some long, so that it doesn't."""
    choices = (1, 1, 2, 3) if duration_s < 30 else (1, 2, 3, 4, 6, 9, 12)
    return [rng.choice(choices) for _ in range(rng.randint(3, 5))]


def _plan(events: Sequence[_Event], duration_s: float, rng: random.Random) -> _Plan | None:
    """Probe times near one event, and a subject that makes their gold what chance wants."""
    near = [event for event in events if 0 < event.t < duration_s - 3]
    for _ in range(40 if near else 0):
        event, gaps = rng.choice(near), _gaps(duration_s, rng)
        within = rng.randint(0, len(gaps))
        """How many probes come before the event, were it the subject's."""
        lead = rng.randint(0, gaps[within - 1] - 1) if within else -rng.randint(0, 3)
        first = int(event.t) - sum(gaps[: within - 1]) - lead - 1 if within else int(event.t) - lead
        times = tuple(first + sum(gaps[:i]) + 0.5 for i in range(len(gaps) + 1))
        ask = min(times[0], max(0.5, (first if within else int(event.t)) - rng.randint(1, 6) + 0.5))
        early = [e for e in events if e.t <= times[0]]
        late = [e for e in events if e.t > times[-1]]
        if times[0] < 1 or times[-1] >= duration_s or not early or not late:
            continue
        if within and rng.random() >= ALWAYS_OR_NEVER:
            return _Plan(ask, times, event.subject)
        if rng.random() < 0.5:
            return _Plan(ask, times, rng.choice(late).subject)
        fresh = max(early, key=lambda e: e.t)
        return _Plan(ask, times, (fresh if rng.random() < 0.6 else rng.choice(early)).subject)
    return None


def _state_question(
    scene: Scene, task: ClueTask, plan: _Plan, rng: random.Random, letter: str
) -> ClueQuestion:
    if task is ClueTask.SEEN:
        return ClueQuestion(
            task, plan.subject, seen_wording(plan.subject), "yes_no", (), plan.ask_s, plan.probe_s,
            _seen_gold(scene, plan), visible_spans(scene, plan.subject, plan.probe_s[-1]), scene.level,
        )  # fmt: skip
    track = next(track for track in scene.rare if track.rare is plan.subject)
    options = _options(scene, task, track, rng, letter)
    evidence = ((float(track.appear), float(min(track.leave, scene.duration_s))),)
    return ClueQuestion(
        task, plan.subject, find_wording(task, plan.subject), "sufficiency+text", options, plan.ask_s, plan.probe_s,
        _find_gold(scene, task, plan, track, options), evidence, scene.level,
    )  # fmt: skip


def _seen_gold(scene: Scene, plan: _Plan) -> tuple[GoldState, ...]:
    first = first_seen(scene, plan.subject)
    if first is None:
        return (GoldState(plan.ask_s, None, False),)
    if first <= plan.ask_s:
        return (GoldState(plan.ask_s, None, True),)
    return GoldState(plan.ask_s, first, False), GoldState(first, None, True)


def _find_gold(
    scene: Scene, task: ClueTask, plan: _Plan, track: Track, options: Sequence[Choice]
) -> tuple[GoldState, ...]:
    """WAIT up to its appearance, then READY with the label of what it is, or was when it left."""
    keys = {option.text: option.key for option in options}
    found = [GoldState(plan.ask_s, float(track.appear), WAIT)] if plan.ask_s < track.appear else []
    starts = [max(plan.ask_s, float(state.t)) for state in track.states]
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        key = keys[find_at(scene, start, task, plan.subject) or ""]
        if found and found[-1].text == key:
            found[-1] = found[-1]._replace(to_s=end)
        elif end is None or end > start:
            found.append(GoldState(start, end, READY, key))
    return tuple(found)


def _options(
    scene: Scene, task: ClueTask, track: Track, rng: random.Random, letter: str
) -> tuple[Choice, ...]:
    """All four that it could be, the one that it is at last under `letter`."""
    pools: dict[ClueTask, Sequence[str]] = {
        ClueTask.FIND_COLOUR: scene.common_colours,
        ClueTask.FIND_SHAPE: scene.common_shapes,
        ClueTask.FIND_PLACE: list(Quadrant),
    }
    assert track.rare is not None
    last = find_at(scene, track.leave, task, track.rare)
    others = [str(text) for text in pools[task] if text != last]
    rng.shuffle(others)
    texts = iter(others)
    return tuple(Choice(key, str(last) if key == letter else next(texts)) for key in "ABCD")


def visible_spans(scene: Scene, kind: Kind, until_s: float) -> tuple[tuple[float, float], ...]:
    """When one of a kind can be seen, up to the second of `until_s`."""
    spans: list[tuple[float, float]] = []
    for second in range(min(int(until_s) + 1, len(scene.moments))):
        if not any(matches(placed, kind) for placed in scene.moments[second]):
            continue
        if spans and spans[-1][1] == second:
            spans[-1] = (spans[-1][0], second + 1.0)
        else:
            spans.append((float(second), second + 1.0))
    return tuple(spans)


def _count(scene: Scene, rng: random.Random) -> ClueQuestion | None:
    """Probes whose golds are, as far as the scene has them, each number equally often."""
    want = rng.randint(4, 6)
    length = min(rng.randint(4, 10) * want, int(scene.duration_s) - 2)
    if length < want:
        return None
    first = rng.randint(1, int(scene.duration_s) - 1 - length)
    seconds = range(first, first + length)
    by_kind = [(kind, [count_at(scene, t, kind) for t in seconds]) for kind in rng.sample(kinds(), k=4)]
    kind, counts = max(by_kind, key=lambda item: len(set(item[1])))
    if max(counts) == 0:
        return None
    times: set[int] = set()
    while len(times) < want:
        number = rng.choice(sorted(set(counts)))
        free = [t for t, c in zip(seconds, counts, strict=True) if c == number and t not in times]
        times.add(rng.choice(free or [t for t in seconds if t not in times]))
    probes = tuple(t + 0.5 for t in sorted(times))
    ask = max(0.5, probes[0] - rng.randint(0, 4))
    return ClueQuestion(
        ClueTask.COUNT, kind, count_wording(kind), "count", (), ask, probes, _count_gold(scene, kind, ask, probes[-1]),
        tuple((float(int(t)), t) for t in probes), scene.level,
    )  # fmt: skip


def _count_gold(scene: Scene, kind: Kind, ask_s: float, last_s: float) -> tuple[GoldState, ...]:
    """The number from the ask on: for a minute, or up to the last probe, whichever is later."""
    end = min(len(scene.moments), int(max(ask_s + 61, last_s + 1)))
    found: list[GoldState] = []
    for second in range(int(ask_s), end):
        number, stop = count_at(scene, second, kind), second + 1.0
        if found and found[-1].value == number:
            found[-1] = found[-1]._replace(to_s=stop)
        else:
            found.append(GoldState(max(ask_s, float(second)), stop, number))
    return tuple(found)
