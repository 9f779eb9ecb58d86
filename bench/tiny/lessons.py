"""Lessons: a clip's frames once, and behind them several questions that don't see each other.

A lesson's tokens are exactly those of shared/vlm/prompt.py under the chat template. Beside the answer itself, two
places of a prompt have targets of their own: the question mark (the answer's word) and each option (right or wrong).
They are never generated from; they teach the steps between seeing and naming a letter, without which a small decoder
stays at chance for long.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

import torch

from bench.data.world import LETTERS, TASKS, Subject, Task, WorldQuestion, answer_at, caption, draw, wording
from bench.tiny.tokenizer import END, IMAGE, USER, Encoder, build_tokenizer, text_of, token_id
from shared.messages import Note, Option, Profile
from shared.perception.window import window
from shared.video.synth import CELLS, Colour, Placed, Quadrant, Scene, Shape, Track
from shared.vlm.base import PromptParts, Unit
from shared.vlm.prompt import DESCRIBE, WAIT, messages

__all__ = ["Block", "Kind", "Lesson", "Teacher", "keyed", "prompt_text"]

Kind = Literal["answer", "hint", "flag", "caption", "bind", "lookup", "doubt"]
NOTE_EVERY_S = 5
_S1 = Profile().s1
_NO_FEATS = torch.empty(0)


@dataclass
class Block:
    """One question's tokens, and what should be predicted at which of them."""

    name: str
    ids: list[int]
    targets: list[tuple[int, int, Kind]] = field(default_factory=list)
    """(position, token that should be predicted there, kind)."""
    behind: int | None = None
    """Which earlier block of the lesson it continues, beside the frames; a block of notes has no targets."""
    even: list[int] = field(default_factory=list)
    """Positions at which every letter should be equally likely: nothing in the prompt tells."""


@dataclass
class Lesson:
    """One clip."""

    scene: int
    """Its place in the pool."""
    seconds: list[int]
    """Frames shown."""
    prefix: list[int]
    """System prompt and frames, each `<image>` as 16 ids."""
    blocks: list[Block]


def _unit(t: float) -> Unit:
    return Unit(_NO_FEATS, (), (), (t,), 0)


def _note(t: float, text: str) -> Note:
    return Note(opening="x", run="x", seq=0, t_start=max(t, 0), t_end=max(t, 0), text=text)


def prompt_text(
    times: Sequence[float],
    notes: Sequence[tuple[float, str]],
    question: str,
    options: Sequence[Option],
    closing: str = "",
) -> str:
    """The prompt as the model gets it, with one `<image>` a frame."""
    parts = PromptParts([_unit(t) for t in times], [_note(*n) for n in notes], (), question, options, closing)
    return text_of(messages(parts))


class Teacher:
    """Draws lessons at random from scenes."""

    def __init__(self, scenes: Sequence[Scene], *, seed: int) -> None:
        self.scenes = scenes
        self.rng = random.Random(seed)
        self.level = 0
        """How far a course with levels has come."""
        self.tokenizer = build_tokenizer()
        self._encode = Encoder(self.tokenizer)
        self.image = token_id(self.tokenizer, IMAGE)
        self.letters = [token_id(self.tokenizer, letter.lower()) for letter in LETTERS]
        self.yes, self.no, self.wait, self.mark, self.eos = (
            token_id(self.tokenizer, w) for w in ("yes", "no", WAIT, "?", END)
        )
        self.captions = [[caption(s.objects_at(t)) for t in range(int(s.duration_s))] for s in scenes]

    def ids(self, text: str) -> list[int]:
        """Token ids, each `<image>` widened to its rows."""
        return [
            i for token in self._encode(text) for i in ([token] * CELLS if token == self.image else [token])
        ]

    def split(self, text: str) -> tuple[str, str]:
        """A prompt up to its last frame, and from there on."""
        mark = IMAGE if IMAGE in text else USER
        cut = text.rindex(mark) + len(mark)
        return text[:cut], text[cut:]

    def question_block(self, name: str, tail: str, asked: WorldQuestion, *, known: bool) -> Block:
        """A multiple-choice block; with `known` false the letters are to be equally likely."""
        texts = [option.text for option in asked.options]
        return self.choice_block(name, tail, texts, LETTERS.index(asked.gold), known=known)

    def choice_block(
        self, name: str, tail: str, options: Sequence[str], gold: int, *, known: bool = True
    ) -> Block:
        """A multiple-choice block from its text, options and the place of the right one."""
        ids = self.ids(tail)
        block = Block(name, [*ids, self.letters[gold]])
        last = len(ids) - 1
        block.targets.append((last + 1, self.eos, "answer"))
        if not known:
            block.even.append(last)
            return block
        block.targets.append((last, block.ids[-1], "answer"))
        mark = max(i for i, token in enumerate(ids) if token == self.mark)
        block.targets.append((mark, self.ids(options[gold])[0], "hint"))
        first = mark + 5  # behind "Options : a ."
        for i in range(len(options)):
            block.targets.append((first + 3 * i, self.yes if i == gold else self.no, "flag"))
        return block

    def caption_block(self, tail: str, text: str) -> Block:
        """A block whose answer is a whole caption."""
        ids, words = self.ids(tail), [*self.ids(text), self.eos]
        start = len(ids) - 1
        return Block("caption", [*ids, *words[:-1]], [(start + i, w, "caption") for i, w in enumerate(words)])

    def glances(self, scene: Scene, t: float) -> list[Block]:
        """Every question about single objects at `t`, cut off at its question mark: short, so that many can be seen."""
        blocks = []
        for task in (Task.COLOUR_NOW, Task.SHAPE_NOW, Task.PLACE_NOW):
            names: list[Subject] = [] if task is Task.SHAPE_NOW else [o.shape for o in scene.objects_at(t)]
            names += [] if task is Task.COLOUR_NOW else [o.colour for o in scene.objects_at(t)]
            for name in names:
                if answer := answer_at(scene, t, task, name):
                    ids = self.ids(f"Question: {wording(task, name)}")
                    blocks.append(Block("glance", ids, [(len(ids) - 1, self.ids(answer)[0], "hint")]))
        return blocks

    def drill(self, questions: int = 4) -> Lesson:
        """A lesson without frames: a few short notes, and questions that they answer.

        It teaches to find the option that says what is known, where nothing but that tells the right one.
        """
        prefix, blocks = "", []
        for _ in range(questions):
            n = self.rng.randint(1, 4)
            shapes, colours = self.rng.sample(list(Shape), k=n), self.rng.sample(list(Colour), k=n)
            placed = [Placed(c, s, self.rng.randrange(CELLS)) for c, s in zip(colours, shapes, strict=True)]
            cut = self.rng.randint(0, n - 1)
            t = self.rng.randrange(7200)
            told = [caption(group) for group in (placed[:cut], placed[cut:]) if group]
            notes = [(t + NOTE_EVERY_S * i, text) for i, text in enumerate(told)]
            task = self.rng.choice([*TASKS["reasoning"], Task.COLOUR_NOW, Task.SHAPE_NOW, Task.PLACE_NOW])
            text, options, gold = self.about(placed, task)
            prefix, tail = self.split(prompt_text((), notes, text, self.keyed_texts(options)))
            blocks.append(self.choice_block("drill", tail, options, gold))
        return Lesson(0, [], self.ids(prefix), blocks)

    @staticmethod
    def keyed_texts(options: Sequence[str]) -> list[Option]:
        """Options with their letters."""
        return [Option(key=key, text=option) for key, option in zip(LETTERS, options, strict=True)]

    def about(self, placed: Sequence[Placed], task: Task) -> tuple[str, list[str], int]:
        """Wording, options and the place of the right one, about one of these objects."""
        one = self.rng.choice(placed)
        kind = task.split("_")[0]
        subject: Subject = one.colour if kind == "shape" else one.shape
        if kind == "place" and self.rng.random() < 0.5:
            subject = one.colour
        pool: dict[str, tuple[StrEnum, list[StrEnum]]] = {
            "colour": (one.colour, list(Colour)),
            "shape": (one.shape, list(Shape)),
            "place": (one.quadrant, list(Quadrant)),
        }
        answer, words = pool[kind]
        options = [answer, *self.rng.sample([w for w in words if w is not answer], k=len(LETTERS) - 1)]
        self.rng.shuffle(options)
        return wording(task, subject), [str(option) for option in options], options.index(answer)

    def fast(self, frames: int) -> Lesson:
        """A lesson for `tiny-s1`: up to `frames` frames of its window."""
        which = self.rng.randrange(len(self.scenes))
        scene = self.scenes[which]
        newest = self.rng.randrange(int(scene.duration_s))
        seconds = window(newest, _S1)[-frames:]
        offset = self.offset()
        times = [t + offset for t in seconds]
        prefix = ""
        blocks = []
        for task in TASKS["realtime"]:
            if asked := draw(scene, task, newest + 0.5, self.rng, spans=False):
                prefix, tail = self.split(prompt_text(times, (), asked.text, keyed(asked)))
                blocks.append(self.question_block(task, tail, asked, known=True))
        if past := self.past(scene, newest):
            track, asked = past
            known = track.leave - 1 >= seconds[0]
            _, tail = self.split(prompt_text(times, (), asked.text, keyed(asked)))
            blocks.append(self.question_block(f"past{'' if known else '-unseen'}", tail, asked, known=known))
        prefix, tail = self.split(prompt_text(times, (), DESCRIBE, ()))
        blocks.append(self.caption_block(tail, self.captions[which][newest]))
        blocks += self.glances(scene, newest)
        return Lesson(which, seconds, self.ids(prefix), blocks)

    def offset(self) -> int:
        """Seconds added to every stamp of a lesson: none, or up to two hours."""
        return self.rng.choice((0, self.rng.randrange(60), self.rng.randrange(600), self.rng.randrange(7200)))

    def past(self, scene: Scene, newest: int) -> tuple[Track, WorldQuestion] | None:
        """A question about a rare object that has left, if there is one; later ones come oftener."""
        gone = [t for t in scene.tracks if t.rare is not None and t.leave <= newest]
        if not gone:
            return None
        track = self.rng.choice(gone[-2:] if self.rng.random() < 0.5 else gone)
        task = self.rng.choice(TASKS["reasoning"])
        asked = draw(scene, task, newest + 0.5, self.rng, track=track, spans=False)
        return (track, asked) if asked else self.past(scene, newest)


def keyed(asked: WorldQuestion) -> list[Option]:
    """Its options as a prompt has them."""
    return [Option(key=o.key, text=o.text) for o in asked.options]
