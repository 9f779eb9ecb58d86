"""Lessons on questions that stand: has it appeared, what is it (or wait), how many of a kind, is it time now.

Yes, wait and a number are learnt from what is shown alone: frames and notes. Where what is shown may have missed
something, some doubt is taught beside the answer, so that confidence stays honest.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal, NamedTuple

from bench.data.world import LETTERS, TASKS, Task, wording
from bench.data.world_words import (
    NUMBERS,
    ClueTask,
    Kind,
    Watch,
    WatchTask,
    attribute,
    count_wording,
    find_wording,
    kinds,
    matches,
    seen_wording,
)
from bench.tiny.lessons import Block, Lesson, Teacher, prompt_text
from bench.tiny.lessons import Kind as TargetKind
from bench.tiny.tokenizer import token_id
from shared.messages import Form
from shared.video.synth import CELLS, Colour, Placed, Quadrant, Scene, Shape, Track
from shared.vlm.prompt import closing

__all__ = ["Sight", "StandingTeacher", "Told"]

Told = list[tuple[float, str]]
"""Notes: stamp and text."""
_IS_IT_TIME = closing(Form.ALERT, speak=True)
_NOW = {*TASKS["realtime"], "glance"}
_ATTRIBUTES: dict[ClueTask, Literal["colour", "shape", "place"]] = {
    ClueTask.FIND_COLOUR: "colour",
    ClueTask.FIND_SHAPE: "shape",
    ClueTask.FIND_PLACE: "place",
}


class Sight(NamedTuple):
    """What is shown to who answers."""

    which: int
    """The scene's place in the pool."""
    newest: int
    """Second of the ask."""
    seconds: Sequence[int]
    """Of the frames shown."""
    told: Told
    whole: bool
    """Nothing earlier can have been missed."""


class _Fact(NamedTuple):
    """A question that is answered with one word, and the word."""

    name: str
    text: str
    closing: str
    word: str
    doubt: str = ""
    """What may be true as well."""
    about: Kind | None = None
    """Whose name should know the answer, too: it is there that one looks."""


class StandingTeacher(Teacher):
    """Draws lessons with standing questions."""

    def __init__(self, scenes: Sequence[Scene], *, seed: int) -> None:
        super().__init__(scenes, seed=seed)
        self.objects = [[s.objects_at(t) for t in range(int(s.duration_s))] for s in scenes]

    def stand(self, frames: int, *, keep: float = 1.0) -> Lesson:
        """A lesson for `tiny-s1`: standing questions beside a share `keep` of those about now."""
        lesson = self.fast(frames)
        lesson.blocks = [
            block for block in lesson.blocks if block.name not in _NOW or self.rng.random() < keep
        ]
        newest = lesson.seconds[-1]
        sight = Sight(lesson.scene, newest, lesson.seconds, [], lesson.seconds[0] == 0)
        self.put_standing(lesson, sight)
        return lesson

    def put_standing(
        self, lesson: Lesson, sight: Sight, *, about: Kind | None = None, behind: int | None = None
    ) -> None:
        """Blocks of every standing kind, and glances at more of them; all about one thing where one is given."""
        facts = [self.seen_fact(sight, about), *self._now(sight, 3, about)]
        blocks = [self.word_block(fact) for fact in facts]
        if found := self._find(sight, about):
            blocks.append(found)
        glances = [self.seen_fact(sight, about), *self._now(sight, 6, None)]
        blocks += [self._glance(fact) for fact in glances]
        blocks += self._number_glance(sight)
        for block in blocks:
            block.behind = behind
        lesson.blocks += blocks

    def word_block(self, fact: _Fact) -> Block:
        """A question with one word for an answer."""
        _, tail = self.split(prompt_text((), (), fact.text, (), fact.closing))
        word, ids = token_id(self.tokenizer, fact.word), self.ids(tail)
        block, last = Block(fact.name, [*ids, word]), len(ids) - 1
        mark = len(self.ids(tail[: tail.rindex(fact.text) + len(fact.text)])) - 1
        block.targets += [(last, word, "answer"), (mark, word, "hint"), (last + 1, self.eos, "answer")]
        block.targets += self._lookup(ids, fact)
        if fact.doubt:
            block.targets.append((last, token_id(self.tokenizer, fact.doubt), "doubt"))
        return block

    def _glance(self, fact: _Fact) -> Block:
        """The same, cut off at its mark."""
        ids = self.ids(f"Question: {fact.text}")
        block = Block(f"{fact.name}-glance", ids, self._lookup(ids, fact))
        block.targets.append((len(ids) - 1, token_id(self.tokenizer, fact.word), "hint"))
        return block

    def _lookup(self, ids: Sequence[int], fact: _Fact) -> list[tuple[int, int, TargetKind]]:
        if fact.about is None:
            return []
        name = ids.index(token_id(self.tokenizer, fact.about))
        return [(name, token_id(self.tokenizer, fact.word), "lookup")]

    def _number_glance(self, sight: Sight) -> list[Block]:
        """How many things there are in the newest frame, as options about now name it."""
        there, true = (len(self.objects[sight.which][t]) for t in (sight.seconds[-1], sight.newest))
        text = wording(Task.COUNT_NOW, None)
        known = 1 <= there <= len(NUMBERS) and there == true
        return [self._glance(_Fact("many", text, "", NUMBERS[there - 1]))] if known else []

    def wait_block(self, name: str, text: str, options: Sequence[str], gold: int | None) -> Block:
        """A choice that may be put off: the place of the right option, or none yet."""
        keyed = self.keyed_texts(options)
        _, tail = self.split(prompt_text((), (), text, keyed, closing(Form.SUFFICIENCY, keyed)))
        block = self.choice_block(name, tail, options, gold or 0)
        if gold is None:
            block.ids[-1] = self.wait
            words = {"answer": self.wait, "hint": self.wait, "flag": self.no}
            block.targets = [
                (at, self.eos if word == self.eos else words[kind], kind) for at, word, kind in block.targets
            ]
        return block

    def shown(self, sight: Sight, kind: Kind) -> bool:
        """Whether a frame or a note shows one."""
        return any(
            kind in (o.shape, o.colour) for t in sight.seconds for o in self.objects[sight.which][t]
        ) or any(str(kind) in text for _, text in sight.told)

    def seen_fact(self, sight: Sight, about: Kind | None) -> _Fact:
        """Whether a thing has appeared, as far as it is shown."""
        kind = about or self.either([(k, self.shown(sight, k)) for k in kinds()])
        word = "yes" if self.shown(sight, kind) else "no"
        doubt = "yes" if word == "no" and not sight.whole else ""
        return _Fact("seen", seen_wording(kind), closing(Form.YES_NO), word, doubt, kind)

    def either(self, cases: Sequence[tuple[Kind, bool]]) -> Kind:
        """One for which it is true, or one for which it isn't, equally often."""
        want = self.rng.random() < 0.5
        return self.rng.choice(
            [kind for kind, is_so in cases if is_so is want] or [kind for kind, _ in cases]
        )

    def _now(self, sight: Sight, n: int, about: Kind | None) -> list[_Fact]:
        """Facts about the newest frame: numbers of a kind, and what it is time for."""
        there = self.objects[sight.which][sight.seconds[-1]]
        true = self.objects[sight.which][sight.newest]
        facts = []
        for i in range(n):
            if i % 3 == 0:
                facts.append(self._count_fact(there, true, about))
            elif i % 3 == 1 and self.rng.random() < 0.4:
                number = max(1, len(there)) if self.rng.random() < 0.5 else self.rng.randint(1, 4)
                facts.append(self._watch_fact(there, true, Watch(WatchTask.NUMBER, number)))
            else:
                kind = about or self.either([(k, _number_of(there, k) > 0) for k in kinds()])
                task = self.rng.choice((WatchTask.APPEAR, WatchTask.GONE))
                facts.append(self._watch_fact(there, true, Watch(task, kind)))
        return [fact for fact in facts if fact is not None]

    def _count_fact(
        self, there: Sequence[Placed], true: Sequence[Placed], about: Kind | None
    ) -> _Fact | None:
        counts = {kind: _number_of(there, kind) for kind in kinds()}
        wanted = self.rng.choice(sorted(set(counts.values())))
        kind = about or self.rng.choice([k for k, n in counts.items() if n == wanted])
        if counts[kind] != _number_of(true, kind):
            return None
        return _Fact("count", count_wording(kind), closing(Form.COUNT), str(counts[kind]), about=kind)

    def _watch_fact(self, there: Sequence[Placed], true: Sequence[Placed], watch: Watch) -> _Fact | None:
        if watch.holds(there) != watch.holds(true):
            return None
        about = None if isinstance(watch.subject, int) else watch.subject
        return _Fact(watch.task, watch.text, _IS_IT_TIME, "yes" if watch.holds(there) else "no", about=about)

    def _find(self, sight: Sight, about: Kind | None) -> Block | None:
        """The look of a rare object as far as it is shown; wait where it isn't."""
        scene = self.scenes[sight.which]
        tracks = [t for t in scene.tracks if t.rare is not None and about in (None, t.rare)]
        if not tracks:
            return None
        near = [t for t in tracks if t.appear <= sight.newest < t.leave + 6]
        track = self.rng.choice(near if near and self.rng.random() < 0.6 else tracks)
        state = self.state_shown(sight, track)
        if state == "stale" or track.rare is None:
            return None
        return self.find_block(track.rare, None if state == "unseen" else _look(track, sight.newest))

    def find_block(self, kind: Kind, look: Placed | None) -> Block:
        """How a thing looks, or wait where nothing tells."""
        task = self.rng.choice([ClueTask.FIND_PLACE, _other(kind)])
        any_look = Placed(
            self.rng.choice(list(Colour)), self.rng.choice(list(Shape)), self.rng.randrange(CELLS)
        )
        options, gold = self._choices(look or any_look, task)
        name = f"find-{'ready' if look else 'wait'}"
        return self.wait_block(name, find_wording(task, kind), options, gold if look else None)

    def _choices(self, one: Placed, task: ClueTask) -> tuple[list[str], int]:
        """Options in random order, and the place of the right one."""
        of = _ATTRIBUTES[task]
        pool: dict[str, list[StrEnum]] = {
            "colour": list(Colour),
            "shape": list(Shape),
            "place": list(Quadrant),
        }
        answer = attribute(one, of)
        options = [answer, *self.rng.sample([str(w) for w in pool[of] if w != answer], k=len(LETTERS) - 1)]
        self.rng.shuffle(options)
        return options, options.index(answer)

    @staticmethod
    def state_shown(sight: Sight, track: Track) -> str:
        """What tells its last state up to the ask: frames, notes, nothing; `stale` where only an older one is."""
        begins = max([s.t for s in track.states if s.t <= sight.newest], default=track.appear)
        final, life = range(begins, track.leave), range(track.appear, track.leave)
        naming = [t for t, text in sight.told if str(track.rare) in text]
        if any(t in final for t in sight.seconds):
            return "frames" if all(t in life for t in naming) else "stale"
        if naming and int(naming[-1]) in final:
            return "notes"
        return "stale" if naming or any(t in life for t in sight.seconds) else "unseen"


def _number_of(objects: Sequence[Placed], kind: Kind) -> int:
    return sum(matches(placed, kind) for placed in objects)


def _other(kind: Kind) -> ClueTask:
    """What can be asked of a thing that is named by its colour, or by its shape."""
    return ClueTask.FIND_SHAPE if isinstance(kind, Colour) else ClueTask.FIND_COLOUR


def _look(track: Track, t: int) -> Placed:
    """Its state at `t`, or the last one."""
    return track.at(t) or track.last()
