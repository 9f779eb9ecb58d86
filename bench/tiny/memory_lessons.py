"""Lessons for `tiny-s2`: frames every five seconds, and notes as a search brings them.

Notes are a block of their own, behind which several questions stand. Notes leave things out, name other things, or are
noise; what neither frames nor notes tell is to be answered with even chances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.data.world import TASKS, Task, WorldQuestion, answer_at, caption, draw, wording
from bench.data.world_words import Kind, kinds
from bench.tiny.lessons import Block, Lesson, Teacher, keyed, prompt_text
from bench.tiny.lessons import Kind as TargetKind
from bench.tiny.standing_lessons import Sight, StandingTeacher, Told
from bench.tiny.tokenizer import token_id
from shared.messages import Profile
from shared.perception.window import window
from shared.video.synth import CELLS, Colour, Placed, Quadrant, Scene, Shape, Track
from shared.vlm.prompt import DESCRIBE

__all__ = ["LEVELS", "MemoryTeacher", "promote"]

NOTE_EVERY_S = 5
_WINDOW = Profile().s2
_PAST = (Task.COLOUR_BEFORE, Task.SHAPE_BEFORE, Task.PLACE_BEFORE)
MASTERED = 0.95
LEVELS = ((1, 2), (1, 3), (2, 2), (3, 3), (6, 4))
"""How many notes, and objects a note, by level. Looking something up in several notes at once isn't learnt from
nothing; from one note with two objects on it is."""


class MemoryTeacher(StandingTeacher):
    """Draws lessons with notes."""

    def __init__(self, scenes: Sequence[Scene], *, seed: int) -> None:
        super().__init__(scenes, seed=seed)
        self.colour_ids, self.shape_ids, self.place_ids = (
            {token_id(self.tokenizer, str(word)) for word in words} for words in (Colour, Shape, Quadrant)
        )
        self.words = [w for w in self.tokenizer.get_vocab() if w[0] not in "<["]

    def slow(self, groups: int, *, notes: float = 1.0) -> Lesson:
        """A clip, and `groups` times notes (with a chance of `notes`) with questions behind them."""
        which = self.rng.randrange(len(self.scenes))
        scene = self.scenes[which]
        newest = self.rng.randrange(2, int(scene.duration_s))
        seconds, offset = window(newest, _WINDOW), self.offset()
        times = [t + offset for t in seconds]
        prefix, describe = self.split(prompt_text(times, (), DESCRIBE, ()))
        lesson = Lesson(which, seconds, self.ids(prefix), [])
        for group in range(groups):
            past = self.past(scene, newest) if group % 2 == 0 else None
            about = past[0].rare if past else self._either_seen(which, newest)
            told = self._recall(which, newest, about) if self.rng.random() < notes else []
            behind = self._put_notes(lesson, [(t + offset, text) for t, text in told])
            if past:
                self._put_past(lesson, behind, told, *past)
            gone = [track for track in scene.tracks if track.rare is not None and track.leave <= newest]
            for track in self.rng.sample(gone, k=min(2, len(gone))):
                self._put_past_glances(lesson, behind, told, track)
            if group == 0:
                self._put_now(lesson, behind, scene, newest)
            else:
                whole = seconds[0] == 0 or len(told) > 3
                sight = Sight(which, newest, seconds, told, whole)
                self.put_standing(lesson, sight, about=about if told else None, behind=behind)
                some = [Task.COUNT_NOW, self.rng.choice(TASKS["realtime"][:3])]
                self._put_now(lesson, behind, scene, newest, tasks=some)
        if self.rng.random() < 0.2:
            lesson.blocks.append(self.caption_block(describe, self.captions[which][seconds[-1]]))
        return lesson

    def look(self) -> Lesson:
        """A clip without notes, often a short one: what is there now, and standing questions.

        Seeing is learnt sooner by itself, and what is there now from a single frame.
        """
        which = self.rng.randrange(len(self.scenes))
        scene = self.scenes[which]
        newest = self.rng.randrange(int(scene.duration_s))
        seconds, offset = window(newest, _WINDOW)[-self.rng.choice((1, 1, 2, 6, 6, 6)) :], self.offset()
        prefix, _ = self.split(prompt_text([t + offset for t in seconds], (), DESCRIBE, ()))
        lesson = Lesson(which, seconds, self.ids(prefix), [])
        self._put_now(lesson, None, scene, newest)
        for _ in range(2):
            self.put_standing(lesson, Sight(which, newest, seconds, [], seconds[0] == 0))
        return lesson

    def recite(self, groups: int = 2) -> Lesson:
        """A lesson without frames: notes as long as the level allows, and questions that they answer."""
        prefix, _ = self.split(prompt_text((), (), DESCRIBE, ()))
        lesson = Lesson(0, [], self.ids(prefix), [])
        for _ in range(groups):
            told, last = self._story()
            behind = self._put_notes(lesson, told)
            for i in range(8):
                subject = self.rng.choice(list(last))
                other = Task.COLOUR_BEFORE if isinstance(subject, Shape) else Task.SHAPE_BEFORE
                task = self.rng.choice((other, Task.PLACE_BEFORE))
                if i < 6:
                    self._put_glance(
                        lesson, behind, wording(task, subject), subject, self._of(last[subject], task)
                    )
                else:
                    self._put_choice(lesson, behind, last[subject], self.rng.choice(_PAST))
            if self.rng.random() < 0.5:
                self._put_told(lesson, behind, told, last)
        return lesson

    def _either_seen(self, which: int, newest: int) -> Kind:
        """Something that has been there, or something that hasn't, equally often; rare things come oftener."""
        rare = [t.rare for t in self.scenes[which].tracks if t.rare is not None]
        if rare and self.rng.random() < 0.4:
            return self.rng.choice(rare)
        written = " ".join(self.captions[which][: newest + 1])
        return self.either([(kind, str(kind) in written) for kind in kinds()])

    def _put_choice(self, lesson: Lesson, behind: int | None, one: Placed, task: Task) -> None:
        text, options, gold = self.about([one], task)
        _, tail = self.split(prompt_text((), (), text, self.keyed_texts(options)))
        lesson.blocks.append(self._behind(behind, self.choice_block("recite", tail, options, gold)))

    def _put_told(self, lesson: Lesson, behind: int | None, told: Told, last: Mapping[Kind, Placed]) -> None:
        """Standing questions that notes answer: seen or not, and the look of it or wait."""
        sight = Sight(0, 0, (), told, True)
        missing = [kind for kind in kinds() if kind not in last]
        for kind in [self.rng.choice(list(last)), *self.rng.sample(missing, k=min(1, len(missing)))]:
            lesson.blocks.append(self._behind(behind, self.word_block(self.seen_fact(sight, kind))))
            lesson.blocks.append(self._behind(behind, self.find_block(kind, last.get(kind))))

    def _story(self) -> tuple[Told, dict[Shape | Colour, Placed]]:
        """Notes about objects of different shapes and colours that come, move and go; and each one's last state."""
        level = self.level if self.rng.random() < 0.85 else self.rng.randint(0, self.level)
        notes, objects = LEVELS[min(level, len(LEVELS) - 1)]
        n = objects if notes == 1 else 6
        looks = list(zip(self.rng.sample(list(Colour), k=n), self.rng.sample(list(Shape), k=n), strict=True))
        last: dict[Shape | Colour, Placed] = {}
        told, t = [], self.offset()
        for _ in range(notes):
            some = self.rng.sample(looks, k=objects if notes < 3 else self.rng.randint(1, objects))
            cells = sorted(self.rng.sample(range(CELLS), k=len(some)))
            placed = [Placed(c, s, cell) for (c, s), cell in zip(some, cells, strict=True)]
            last |= {name: one for one in placed for name in (one.shape, one.colour)}
            told.append((float(t), caption(placed)))
            t += NOTE_EVERY_S * self.rng.choice((1, 1, 1, 2, 5))
        return told, last

    @staticmethod
    def _of(placed: Placed, task: Task) -> str:
        kind = {Task.COLOUR_BEFORE: placed.colour, Task.SHAPE_BEFORE: placed.shape}
        return str(kind.get(task, placed.quadrant))

    @staticmethod
    def _behind(behind: int | None, block: Block) -> Block:
        block.behind = behind
        return block

    def _put_notes(self, lesson: Lesson, told: Told) -> int | None:
        if not told:
            return None
        _, tail = self.split(prompt_text((), told, "", ()))
        ids = self.ids(tail[: tail.rindex("Question:")])
        lesson.blocks.append(Block("notes", ids, self._bindings(ids)))
        return len(lesson.blocks) - 1

    def _bindings(self, ids: list[int]) -> list[tuple[int, int, TargetKind]]:
        """In a note, each shape should know its colour early on, and each place its shape and colour."""
        targets: list[tuple[int, int, TargetKind]] = []
        for i in range(2, len(ids)):
            if ids[i] in self.shape_ids and ids[i - 1] in self.colour_ids:
                targets.append((i, ids[i - 1], "bind"))
            elif ids[i] in self.place_ids and ids[i - 1] in self.shape_ids:
                targets += [(i, ids[i - 1], "bind"), (i, ids[i - 2], "bind")]
        return targets

    def _put_glance(
        self, lesson: Lesson, behind: int | None, text: str, subject: Shape | Colour, answer: str
    ) -> None:
        """A question cut off at its mark; its subject, too, should know the answer: it is there that one looks up."""
        ids = self.ids(f"Question: {text}")
        found = max(i for i, token in enumerate(ids) if token == token_id(self.tokenizer, str(subject)))
        word = self.ids(answer)[0]
        lesson.blocks.append(
            Block("recall", ids, [(len(ids) - 1, word, "hint"), (found, word, "lookup")], behind)
        )

    def _put_now(
        self,
        lesson: Lesson,
        behind: int | None,
        scene: Scene,
        newest: int,
        *,
        tasks: Sequence[Task] = TASKS["realtime"],
    ) -> None:
        """Questions about now, where the newest frame, up to four seconds old, still tells."""
        shown = lesson.seconds[-1]
        for task in tasks:
            asked = draw(scene, task, newest + 0.5, self.rng, spans=False)
            if asked and answer_at(scene, shown, task, asked_about(asked)) == asked.answer:
                _, tail = self.split(prompt_text((), (), asked.text, keyed(asked)))
                lesson.blocks.append(self._behind(behind, self.question_block(task, tail, asked, known=True)))
        if len(tasks) == len(TASKS["realtime"]):
            lesson.blocks += [self._behind(behind, block) for block in self.glances(scene, shown)]

    def _put_past(
        self, lesson: Lesson, behind: int | None, told: Told, track: Track, asked: WorldQuestion
    ) -> None:
        where = self._whereabouts(lesson, told, track)
        if where is None:
            return
        _, tail = self.split(prompt_text((), (), asked.text, keyed(asked)))
        block = self.question_block(f"past-{where}", tail, asked, known=where != "unseen")
        lesson.blocks.append(self._behind(behind, block))

    def _put_past_glances(self, lesson: Lesson, behind: int | None, told: Told, track: Track) -> None:
        if track.rare is None or self._whereabouts(lesson, told, track) in (None, "unseen"):
            return
        scene = self.scenes[lesson.scene]
        for task in (
            Task.PLACE_BEFORE,
            Task.COLOUR_BEFORE if isinstance(track.rare, Shape) else Task.SHAPE_BEFORE,
        ):
            answer = answer_at(scene, track.leave, task, track.rare)
            self._put_glance(lesson, behind, wording(task, track.rare), track.rare, str(answer))

    @staticmethod
    def _whereabouts(lesson: Lesson, told: Told, track: Track) -> str | None:
        """What tells the last state of an object: frames, notes, nothing (unseen); None where only an older one is."""
        final, whole = range(track.states[-1].t, track.leave), range(track.appear, track.leave)
        naming = [(t, text) for t, text in told if str(track.rare) in text]
        if any(t in final for t in lesson.seconds):
            return "frames" if all(t in whole for t, _ in naming) else None
        if naming and int(naming[-1][0]) in final:
            return "notes"
        return None if naming or any(t in whole for t in lesson.seconds) else "unseen"

    def _recall(self, which: int, newest: int, about: Kind | None) -> Told:
        """Up to six notes as a search brings them: mostly those that name what is asked for, in time order."""
        written = self.captions[which]
        phase = self.rng.choice((0, 0, 0, self.rng.randrange(NOTE_EVERY_S)))
        times = list(range(phase, newest + 1, NOTE_EVERY_S))
        style = self.rng.random()
        if style < 0.05:
            # As an untrained model writes them; their stamps lie outside of every object's life.
            return [
                (9000.0 + t, " ".join(self.rng.choices(self.words, k=self.rng.randint(3, 16))))
                for t in times[:6]
            ]
        blur = 0.9 if style < 0.2 else 0.25
        name = str(about or self.rng.choice([*Shape, *Colour]))
        rank = {t: (name in written[t]) + blur * self.rng.gauss(0, 1) for t in times}
        k = 6 if self.rng.random() < 0.7 else self.rng.randint(1, 6)
        best = sorted(sorted(times, key=lambda t: -rank[t])[:k])
        return [(float(t), self._noisy(written[t])) for t in best]

    def _noisy(self, text: str) -> str:
        """Once in a while a note leaves an object out, as a note written by a model may."""
        objects = text.split(", ")
        if len(objects) > 1 and self.rng.random() < 0.02:
            objects.pop(self.rng.randrange(len(objects)))
        return ", ".join(objects)


def asked_about(asked: WorldQuestion) -> Kind | None:
    """The thing that a question about now names."""
    return next((kind for kind in kinds() if f" {kind} " in asked.text), None)


def promote(teacher: Teacher, shares: Mapping[str, float]) -> bool:
    """Go up a level when notes of this one are read almost without fault; true when there is none left."""
    if min(shares.get("recite", 0.0), shares.get("recall/hint", 0.0)) > MASTERED:
        teacher.level += 1
    return teacher.level >= len(LEVELS)
