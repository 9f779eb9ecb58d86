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
from typing import Literal

import torch

from bench.data.world import LETTERS, TASKS, WorldQuestion, caption, draw
from bench.tiny.tokenizer import IMAGE, build_tokenizer, text_of
from shared.messages import Note, Option, WindowSpec
from shared.perception.window import window
from shared.video.synth import CELLS, Colour, Scene, Shape, Track
from shared.vlm.base import PromptParts, Unit
from shared.vlm.prompt import DESCRIBE, messages

__all__ = ["Block", "Lesson", "Teacher", "prompt_text"]

Kind = Literal["answer", "hint", "flag", "caption"]
NOTE_EVERY_S = 5
_S1, _S2 = WindowSpec(), WindowSpec(stride=5)
_NO_FEATS = torch.empty(0)


@dataclass
class Block:
    """One question's tokens, and what should be predicted at which of them."""

    name: str
    ids: list[int]
    targets: list[tuple[int, int, Kind]] = field(default_factory=list)
    """(position, token that should be predicted there, kind)."""
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
    times: Sequence[float], notes: Sequence[tuple[float, str]], question: str, options: Sequence[Option]
) -> str:
    """The prompt as the model gets it, with one `<image>` a frame."""
    parts = PromptParts([_unit(t) for t in times], [_note(*n) for n in notes], (), question, options)
    return text_of(messages(parts))


class Teacher:
    """Draws lessons at random from scenes."""

    def __init__(self, scenes: Sequence[Scene], *, seed: int) -> None:
        self.scenes = scenes
        self.rng = random.Random(seed)
        self.tokenizer = build_tokenizer()
        self.image = self.tokenizer.convert_tokens_to_ids(IMAGE)
        word = self.tokenizer.convert_tokens_to_ids
        self.letters: list[int] = [word(letter.lower()) for letter in LETTERS]
        self.yes, self.no, self.mark, self.eos = (
            word("yes"),
            word("no"),
            word("?"),
            self.tokenizer.eos_token_id,
        )
        self.words = [w for w in self.tokenizer.get_vocab() if w[0] not in "<["]
        self.captions = [[caption(s.objects_at(t)) for t in range(int(s.duration_s))] for s in scenes]

    def ids(self, text: str) -> list[int]:
        """Token ids, each `<image>` widened to its rows."""
        short: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return [i for token in short for i in ([token] * CELLS if token == self.image else [token])]

    def _split(self, text: str) -> tuple[str, str]:
        cut = text.rindex(IMAGE) + len(IMAGE)
        return text[:cut], text[cut:]

    def _question_block(self, name: str, tail: str, asked: WorldQuestion, *, known: bool) -> Block:
        """A multiple-choice block; with `known` false the letters are to be equally likely."""
        ids = self.ids(tail)
        block = Block(name, [*ids, self.letters[LETTERS.index(asked.gold)]])
        last = len(ids) - 1
        block.targets.append((last + 1, self.eos, "answer"))
        if not known:
            block.even.append(last)
            return block
        block.targets.append((last, block.ids[-1], "answer"))
        mark = max(i for i, token in enumerate(ids) if token == self.mark)
        block.targets.append((mark, self.ids(asked.answer)[0], "hint"))
        first = mark + 5  # behind "Options : a ."
        for i, option in enumerate(asked.options):
            block.targets.append((first + 3 * i, self.yes if option.key == asked.gold else self.no, "flag"))
        return block

    def _caption_block(self, tail: str, text: str) -> Block:
        ids, words = self.ids(tail), [*self.ids(text), self.eos]
        start = len(ids) - 1
        return Block("caption", [*ids, *words[:-1]], [(start + i, w, "caption") for i, w in enumerate(words)])

    def fast(self, frames: int) -> Lesson:
        """A lesson for `tiny-s1`: up to `frames` frames of its window."""
        which = self.rng.randrange(len(self.scenes))
        scene = self.scenes[which]
        newest = self.rng.randrange(int(scene.duration_s))
        seconds = window(newest, _S1)[-frames:]
        offset = self._offset()
        times = [t + offset for t in seconds]
        prefix = ""
        blocks = []
        for task in TASKS["realtime"]:
            if asked := draw(scene, task, newest + 0.5, self.rng, spans=False):
                prefix, tail = self._split(prompt_text(times, (), asked.text, _options(asked)))
                blocks.append(self._question_block(task, tail, asked, known=True))
        if past := self._past(scene, newest):
            track, asked = past
            known = track.leave - 1 >= seconds[0]
            _, tail = self._split(prompt_text(times, (), asked.text, _options(asked)))
            blocks.append(self._question_block(f"past{'' if known else '-unseen'}", tail, asked, known=known))
        prefix, tail = self._split(prompt_text(times, (), DESCRIBE, ()))
        blocks.append(self._caption_block(tail, self.captions[which][newest]))
        return Lesson(which, seconds, self.ids(prefix), blocks)

    def _offset(self) -> int:
        """Seconds added to every stamp of a lesson: none, or up to two hours."""
        return self.rng.choice((0, self.rng.randrange(60), self.rng.randrange(600), self.rng.randrange(7200)))

    def _past(self, scene: Scene, newest: int) -> tuple[Track, WorldQuestion] | None:
        gone = [t for t in scene.tracks if t.rare is not None and t.leave <= newest]
        if not gone:
            return None
        track = self.rng.choice(gone[-2:] if self.rng.random() < 0.5 else gone)
        task = self.rng.choice(TASKS["reasoning"])
        asked = draw(scene, task, newest + 0.5, self.rng, track=track, spans=False)
        return (track, asked) if asked else self._past(scene, newest)

    def slow(self, questions: int, *, notes: float = 1.0) -> Lesson:
        """A lesson for `tiny-s2`: frames every five seconds, and notes with a chance of `notes`."""
        which = self.rng.randrange(len(self.scenes))
        scene = self.scenes[which]
        newest = self.rng.randrange(8, int(scene.duration_s))
        seconds = window(newest, _S2)
        offset = self._offset()
        times = [t + offset for t in seconds]
        prefix, _ = self._split(prompt_text(times, (), DESCRIBE, ()))
        blocks = []
        for i in range(questions):
            block = None
            if i == 0 or not (past := self._past(scene, newest)):
                task = self.rng.choice(TASKS["realtime"])
                if asked := draw(scene, task, newest + 0.5, self.rng, spans=False):
                    shown = self._notes(which, newest, None, offset) if self.rng.random() < notes else []
                    _, tail = self._split(prompt_text(times, shown, asked.text, _options(asked)))
                    block = self._question_block(task, tail, asked, known=True)
            else:
                block = self._past_block(which, newest, seconds, offset, past, notes)
            if block:
                blocks.append(block)
        _, tail = self._split(prompt_text(times, (), DESCRIBE, ()))
        if not blocks or self.rng.random() < 0.2:
            blocks.append(self._caption_block(tail, self.captions[which][seconds[-1]]))
        return Lesson(which, seconds, self.ids(prefix), blocks)

    def _past_block(
        self,
        which: int,
        newest: int,
        seconds: list[int],
        offset: int,
        past: tuple[Track, WorldQuestion],
        chance: float,
    ) -> Block | None:
        track, asked = past
        shown = self._notes(which, newest, track, offset) if self.rng.random() < chance else []
        final = range(track.states[-1].t, track.leave)
        in_frames = any(t in final for t in seconds)
        in_notes = any(t - offset in final and str(track.rare) in text for t, text in shown)
        whole = range(track.appear, track.leave)
        glimpse = any(t in whole for t in seconds) or any(str(track.rare) in text for _, text in shown)
        if glimpse and not (in_frames or in_notes):
            return None  # an older state only: neither known nor unknown
        where = "frames" if in_frames else "notes" if in_notes else "unseen"
        _, tail = self._split(prompt_text([t + offset for t in seconds], shown, asked.text, _options(asked)))
        return self._question_block(f"past-{where}", tail, asked, known=in_frames or in_notes)

    def _notes(self, which: int, newest: int, track: Track | None, offset: int) -> list[tuple[float, str]]:
        """Up to six notes as a search brings them: mostly those that name what is asked for, in time order."""
        told = self.captions[which]
        phase = self.rng.choice((0, 0, 0, self.rng.randrange(NOTE_EVERY_S)))
        times = list(range(phase, newest + 1, NOTE_EVERY_S))
        style = self.rng.random()
        if style < 0.04:
            picked = self.rng.sample(times, k=min(6, len(times)))
            return [
                (t + offset, " ".join(self.rng.choices(self.words, k=self.rng.randint(3, 16))))
                for t in sorted(picked)
            ]
        blur = 0.9 if style < 0.2 else 0.25
        name = self._name(track)
        rank = {t: (name in told[t]) + blur * self.rng.gauss(0, 1) for t in times}
        k = 6 if self.rng.random() < 0.7 else self.rng.randint(1, 6)
        best = sorted(sorted(times, key=lambda t: -rank[t])[:k])
        return [(t + offset, self._noisy(told[t])) for t in best]

    def _name(self, track: Track | None) -> str:
        if track is not None and track.rare is not None:
            return str(track.rare)
        return str(self.rng.choice([*Shape, *Colour]))

    def _noisy(self, text: str) -> str:
        """Once in a while a note leaves an object out, as a note written by a model may."""
        objects = text.split(", ")
        if len(objects) > 1 and self.rng.random() < 0.02:
            objects.pop(self.rng.randrange(len(objects)))
        return ", ".join(objects)


def _options(asked: WorldQuestion) -> list[Option]:
    return [Option(key=o.key, text=o.text) for o in asked.options]
