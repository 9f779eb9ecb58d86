"""Questions about the synthetic world, with exact gold: `realtime` (the newest frame) and `reasoning` (the
past).

Seeds are split by their last digit, so that no scene is both trained on and scored. Wording, options and
gold letters tell nothing by themselves: whoever reads only the text is at chance (see `draw` for why).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count, islice
from typing import Literal, NamedTuple

from bench.data.world_video import encode_video
from bench.data.world_words import NUMBERS, attribute, matches, named
from shared.errors import DataError
from shared.video.synth import Colour, Placed, Quadrant, Scene, Shape, Track

__all__ = [
    "LETTERS", "MEMORY_AGE_S", "MIN_AGE_S", "TASKS", "WINDOW_AGE_S", "Choice", "GoldSpan", "Part", "Split", "Subject",
    "Task", "WorldQuestion", "answer_at", "caption", "check_split", "draw", "encode_video", "letters", "pose",
    "questions", "split_of", "split_seeds", "wording",
]  # fmt: skip

LETTERS = "ABCD"
MIN_AGE_S = 6.0
"""Evidence this old has left S1's default window (six frames at 1 fps)."""
WINDOW_AGE_S = 14.0
"""Evidence up to this old is surely in S2's default window (six frames at stride five)."""
MEMORY_AGE_S = 31.0
"""Evidence this old has surely left S2's default window."""


class Split(StrEnum):
    """What a seed may be used for."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def split_of(seed: int) -> Split:
    """The split of a seed: its last digit decides (8 validation, 9 test, the others training)."""
    return {8: Split.VALIDATION, 9: Split.TEST}.get(seed % 10, Split.TRAIN)


def check_split(seed: int, split: Split) -> int:
    """The seed itself; raises `DataError` when it belongs to another split."""
    if split_of(seed) is not split:
        raise DataError(
            f"seed {seed} belongs to the {split_of(seed)} split, not to {split}: take split_seeds()"
        )
    return seed


def split_seeds(split: Split, n: int, *, start: int = 0) -> list[int]:
    """The first `n` seeds of a split from `start` on."""
    return list(islice((seed for seed in count(start) if split_of(seed) is split), n))


class Task(StrEnum):
    """What is asked for."""

    COLOUR_NOW = "colour_now"
    SHAPE_NOW = "shape_now"
    PLACE_NOW = "place_now"
    COUNT_NOW = "count_now"
    COLOUR_BEFORE = "colour_before"
    SHAPE_BEFORE = "shape_before"
    PLACE_BEFORE = "place_before"


Part = Literal["realtime", "reasoning"]
TASKS: dict[Part, tuple[Task, ...]] = {
    "realtime": (Task.COLOUR_NOW, Task.SHAPE_NOW, Task.PLACE_NOW, Task.COUNT_NOW),
    "reasoning": (Task.COLOUR_BEFORE, Task.SHAPE_BEFORE, Task.PLACE_BEFORE),
}
Subject = Shape | Colour | None
"""Which object is meant: the one of this shape, the one of this colour, or all of them."""


class Choice(NamedTuple):
    """One option."""

    key: str
    text: str


class GoldSpan(NamedTuple):
    """The gold answer from `from_s` to `to_s` (seconds of stream time, end exclusive)."""

    from_s: float
    to_s: float
    key: str


@dataclass(frozen=True)
class WorldQuestion:
    """A multiple-choice question about a scene, with its gold."""

    task: Task
    part: Part
    text: str
    options: tuple[Choice, ...]
    gold: str
    """Key of the right option."""
    answer: str
    """Its text."""
    ask_s: float
    evidence: tuple[tuple[float, float], ...]
    """Spans of stream time in which the answer could be seen."""
    age_s: float
    """From the end of the evidence to the ask; 0 when it is still there."""
    gold_spans: tuple[GoldSpan, ...]
    """What the gold is at any later time; a gap where the question makes no sense or no option is right."""
    level: int
    difficulty: Literal["now", "window", "edge", "memory"]
    """Where the evidence lies: in the newest frame, in S2's window, on its edge, or beyond it."""


def caption(objects: Sequence[Placed]) -> str:
    """The canonical description of a moment, as `tiny-s1` writes its notes: `red circle top-left, blue star …`."""
    return ", ".join(f"{o.colour} {o.shape} {o.quadrant}" for o in objects) or "nothing"


def answer_at(scene: Scene, t: float, task: Task, subject: Subject) -> str | None:
    """The right answer's text if the question were asked at `t`; none where it has no single answer."""
    if task is Task.COUNT_NOW:
        number = len(scene.objects_at(t))
        return NUMBERS[number - 1] if 1 <= number <= len(NUMBERS) else None
    if task in TASKS["realtime"]:
        found = [o for o in scene.objects_at(t) if matches(o, subject)]
    else:
        found = [track.last() for track in scene.rare if track.rare is subject and track.leave <= t]
    if len(found) != 1:
        return None
    return attribute(found[0], _kind(task))


def _kind(task: Task) -> Literal["colour", "shape", "place"]:
    """Which attribute a task asks for; not for counts."""
    if task in (Task.COLOUR_NOW, Task.COLOUR_BEFORE):
        return "colour"
    return "shape" if task in (Task.SHAPE_NOW, Task.SHAPE_BEFORE) else "place"


def wording(task: Task, subject: Subject) -> str:
    """The question's text."""
    if task is Task.COUNT_NOW:
        return "How many objects are there now?"
    if subject is None:
        raise DataError(f"{task} is asked about one shape or colour: name it")
    name = named(subject)
    what = {"colour": "What colour", "shape": "What shape", "place": "Where"}[_kind(task)]
    return (
        f"{what} is the {name} now?"
        if task in TASKS["realtime"]
        else f"{what} was the {name} before it left?"
    )


def _pool(scene: Scene, task: Task) -> Sequence[str]:
    """What could be the answer, all alike in likelihood to who has not seen the stream."""
    if task is Task.COUNT_NOW:
        return NUMBERS
    if task in (Task.PLACE_NOW, Task.PLACE_BEFORE):
        return list(Quadrant)
    if task is Task.COLOUR_NOW:
        return list(Colour)
    if task is Task.SHAPE_NOW:
        return list(Shape)
    return scene.common_colours if task is Task.COLOUR_BEFORE else scene.common_shapes


def _options(scene: Scene, task: Task, answer: str, letter: str, rng: random.Random) -> tuple[Choice, ...]:
    others = rng.sample([text for text in _pool(scene, task) if text != answer], k=len(LETTERS) - 1)
    texts = iter(others)
    return tuple(Choice(key, answer if key == letter else str(next(texts))) for key in LETTERS)


def _gold_spans(
    scene: Scene, ask: float, task: Task, subject: Subject, options: Sequence[Choice]
) -> list[GoldSpan]:
    """The gold second by second from the ask on (changes happen at whole seconds), equal neighbours joined."""
    keys = {option.text: option.key for option in options}
    if task in TASKS["reasoning"]:
        return [GoldSpan(ask, scene.duration_s, keys[answer_at(scene, ask, task, subject) or ""])]
    spans: list[GoldSpan] = []
    for second in range(int(ask), int(min(scene.duration_s, ask + 60))):
        key = keys.get(answer_at(scene, second, task, subject) or "")
        start, end = max(ask, second), min(second + 1.0, scene.duration_s)
        if key and spans and spans[-1].key == key and spans[-1].to_s == start:
            spans[-1] = spans[-1]._replace(to_s=end)
        elif key:
            spans.append(GoldSpan(start, end, key))
    return spans


def _subject_now(scene: Scene, ask: float, task: Task, rng: random.Random) -> list[Subject]:
    """Names that mean exactly one visible object, in random order."""
    if task is Task.COUNT_NOW:
        return [None]
    seen = scene.objects_at(ask)
    names: list[Shape | Colour] = []
    if task is not Task.SHAPE_NOW:
        names += [o.shape for o in seen]
    if task is not Task.COLOUR_NOW:
        names += [o.colour for o in seen]
    single: list[Subject] = [name for name in names if names.count(name) == 1]
    rng.shuffle(single)
    return single


def draw(
    scene: Scene,
    task: Task,
    ask_s: float,
    rng: random.Random,
    *,
    letter: str | None = None,
    track: Track | None = None,
    spans: bool = True,
) -> WorldQuestion | None:
    """One question of a task at `ask_s`; about `track`, for tasks on the past. None where the scene has no such thing.

    `spans=False` leaves `gold_spans` empty, which is quicker.

    Text tells nothing: the colours and shapes of a scene are a random permutation, so that an answer is uniform among
    its options; those of a question on the past are the scene's four common colours (shapes), one of which the rare
    object got independently of all else, so that seeing other frames tells nothing either.
    """
    if task in TASKS["realtime"]:
        subjects = _subject_now(scene, ask_s, task, rng)
    else:
        wrong = Colour if task is Task.COLOUR_BEFORE else Shape if task is Task.SHAPE_BEFORE else type(None)
        gone = track is not None and track.leave <= ask_s and not isinstance(track.rare, wrong)
        subjects = [track.rare] if gone and track is not None and track.rare else []
    if not subjects:
        return None
    return pose(scene, task, subjects[0], ask_s, rng, letter=letter, track=track, spans=spans)


def pose(
    scene: Scene,
    task: Task,
    subject: Subject,
    ask_s: float,
    rng: random.Random,
    *,
    letter: str | None = None,
    track: Track | None = None,
    spans: bool = True,
) -> WorldQuestion | None:
    """The question of a task about `subject`; `track` wears it, for tasks on the past. None where it has no answer."""
    answer = answer_at(scene, ask_s, task, subject)
    if answer is None:
        return None
    letter = letter or rng.choice(LETTERS)
    options = _options(scene, task, answer, letter, rng)
    if track is not None and task in TASKS["reasoning"]:
        part: Part = "reasoning"
        span = (float(track.appear), float(track.leave))
    else:
        part, span = "realtime", (float(int(ask_s)), ask_s)
    age = ask_s - span[1]
    gold = tuple(_gold_spans(scene, ask_s, task, subject, options)) if spans else ()
    return WorldQuestion(
        task, part, wording(task, subject), options, letter, answer, ask_s, (span,), age, gold, scene.level,
        _difficulty(part, age),
    )  # fmt: skip


def _difficulty(part: Part, age: float) -> Literal["now", "window", "edge", "memory"]:
    if part == "realtime":
        return "now"
    return "window" if age <= WINDOW_AGE_S else "edge" if age < MEMORY_AGE_S else "memory"


def letters(rng: random.Random) -> Iterator[str]:
    """Gold letters from shuffled decks, so that each comes up equally often."""
    while True:
        yield from rng.sample(LETTERS, k=len(LETTERS))


def _ask_times(scene: Scene, rng: random.Random) -> list[float]:
    """Half seconds in random order; those soon after a change come first half of the time."""
    seconds = range(min(2, int(scene.duration_s) - 1), int(scene.duration_s))
    fresh = {state.t + d for track in scene.tracks for state in track.states[1:] for d in range(3)}
    fresh |= {track.leave + d for track in scene.tracks for d in range(3)}
    keys = {t: rng.random() - (t in fresh and rng.random() < 0.5) for t in seconds}
    return [t + 0.5 for t in sorted(seconds, key=lambda t: keys[t])]


def _realtime(scene: Scene, rng: random.Random) -> Iterator[WorldQuestion]:
    keys, times = letters(rng), _ask_times(scene, rng)
    numbers = rng.sample(range(1, 5), k=4)
    for i, task in enumerate(TASKS["realtime"] * len(times)):
        number = numbers[i // len(TASKS["realtime"]) % 4]
        for ask in times:
            if task is Task.COUNT_NOW and len(scene.objects_at(ask)) != number:
                continue
            if (asked := draw(scene, task, ask, rng, letter=next(keys))) is not None:
                times.remove(ask)
                yield asked
                break


def _reasoning(scene: Scene, rng: random.Random) -> Iterator[WorldQuestion]:
    keys = letters(rng)
    rare = scene.rare
    cases = [(track, task, far) for track in rare for task in TASKS["reasoning"] for far in (False, True)]
    rng.shuffle(cases)
    cases.sort(key=lambda case: case[2])
    near, far_off = [c for c in cases if not c[2]], [c for c in cases if c[2]]
    for track, task, far in [case for pair in zip(far_off, near, strict=True) for case in pair]:
        first = int(track.leave + (MEMORY_AGE_S if far else MIN_AGE_S))
        last = int(min(scene.duration_s - 1, track.leave + (scene.duration_s if far else WINDOW_AGE_S - 1)))
        if first > last:
            continue
        ask = rng.randint(first, last) + 0.5
        if (asked := draw(scene, task, ask, rng, letter=next(keys), track=track)) is not None:
            yield asked


def questions(scene: Scene, part: Part, *, seed: int, n: int) -> list[WorldQuestion]:
    """Up to `n` questions of a part, in order of ask time; fewer when the scene is too short for more.

    Asks come at half seconds, so that gold is the state of the newest frame at 1 fps. Evidence of `reasoning` is at
    least `MIN_AGE_S` old; half of it is so old that only memory holds it, as far as the stream is long enough.
    """
    if part not in TASKS:
        raise DataError(f"part {part!r} has no world questions: choose one of {', '.join(TASKS)}")
    rng = random.Random(f"questions/{part}/{seed}/{scene.seed}/{scene.level}")
    found = _realtime(scene, rng) if part == "realtime" else _reasoning(scene, rng)
    return sorted(islice(found, n), key=lambda question: question.ask_s)
