"""Score the tiny models on test seeds, through the ordinary backend and the ordinary way of frames and notes.

`python -m bench.tiny.evaluate [FOLDER]` prints accuracy by condition, part, difficulty and task. Conditions:
S1, S2 with notes, S2 without, S2 with the notes of an S1 of random weights, and both without any frame (text only).
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.data.world import Part, Split, WorldQuestion, caption, encode_video, questions, split_seeds
from bench.scoring.stats import estimate
from bench.tiny.card import with_scores
from bench.tiny.frames import training_scene
from shared.memory import Memory, open_memory
from shared.messages import Hit, Note, Option, Profile, Question, Search
from shared.perception import Perceiver, Thinker
from shared.video import Frame, frames
from shared.video.synth import Scene
from shared.vlm import ModelSpec, PromptParts, Vlm, load_vlm

__all__ = ["Scores", "evaluate"]

Key = tuple[str, str]
"""Condition; part, difficulty or task."""
_MAIN = ("realtime", "reasoning", "past", "objects", "whole")
PARTS: tuple[Part, ...] = ("realtime", "reasoning")


@dataclass
class Scores:
    """Right and wrong answers, by condition and kind, each with the video it belongs to."""

    right: dict[Key, list[float]] = field(default_factory=lambda: defaultdict(list))
    video: dict[Key, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, condition: str, kinds: Sequence[str], video: int, right: float) -> None:
        """One answer, or one share of objects."""
        for kind in kinds:
            self.right[condition, kind].append(right)
            self.video[condition, kind].append(video)

    def accuracy(self, condition: str, kind: str) -> float:
        """The share of right answers."""
        return sum(self.right[condition, kind]) / len(self.right[condition, kind])

    def lines(self) -> Iterator[str]:
        """A table: condition, kind, accuracy, 95 % interval by video, how many."""
        for condition, kind in sorted(self.right):
            found = estimate(self.right[condition, kind], self.video[condition, kind])
            low, high = (f"{x:.3f}" if x is not None else "-" for x in (found.low, found.high))
            yield f"{condition:18} {kind:14} {found.value:6.3f}  [{low}, {high}]  n={found.n}"


@dataclass(frozen=True)
class _Models:
    s1: Vlm
    s2: Vlm
    random: Vlm
    memory: Memory


def evaluate(
    folder: Path | None = None, *, scenes: int = 24, duration_s: int = 60, per_part: int = 8
) -> Scores:
    """Score the models of `folder` (those of the package unless told) on `scenes` test scenes."""
    s1, s2 = (str(folder / name) if folder else name for name in ("tiny-s1", "tiny-s2"))
    models = _Models(
        load_vlm(ModelSpec(path=s1)),
        load_vlm(ModelSpec(path=s2)),
        load_vlm(ModelSpec(path=s1, random_weights=1)),
        open_memory(),
    )
    scores = Scores()
    for seed in split_seeds(Split.TEST, scenes):
        scene = training_scene(seed, duration_s)
        asked = [q for part in PARTS for q in questions(scene, part, seed=0, n=per_part)]
        _score_scene(models, scene, sorted(asked, key=lambda q: q.ask_s), scores)
    return scores


def _read(scene: Scene) -> list[Frame]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.mp4"
        encode_video(scene, path)
        return list(frames(str(path), Profile().video))


def _score_scene(models: _Models, scene: Scene, asked: Sequence[WorldQuestion], scores: Scores) -> None:
    profile, read = Profile(), _read(scene)
    perceiver = Perceiver(models.s1, profile, opening=f"e{scene.seed}", run="eval")
    noise = Perceiver(models.random, profile, opening=f"r{scene.seed}", run="eval")
    thinker = Thinker(models.s2)
    waiting = list(asked)
    for frame in read:
        for one in (perceiver, noise):
            notes = [*one.push(frame), *one.advance(frame.t)]
            models.memory.upsert(notes)
            if one is perceiver:
                _score_notes(scene, notes, scores)
        while waiting and waiting[0].ask_s < frame.t + 1:
            _score_question(models, perceiver, thinker, read, scene, waiting.pop(0), scores)


def _score_notes(scene: Scene, notes: Sequence[Note], scores: Scores) -> None:
    for note in notes:
        gold, said = (set(text.split(", ")) for text in (caption(scene.objects_at(note.t_end)), note.text))
        scores.add("s1-notes", ["objects"], scene.seed, len(gold & said) / len(gold | said))
        scores.add("s1-notes", ["whole"], scene.seed, note.text == caption(scene.objects_at(note.t_end)))


def _score_question(
    models: _Models,
    perceiver: Perceiver,
    thinker: Thinker,
    read: Sequence[Frame],
    scene: Scene,
    asked: WorldQuestion,
    scores: Scores,
) -> None:
    kinds = [asked.part, asked.task] + ([f"past {asked.difficulty}"] if asked.part == "reasoning" else [])
    options = tuple(Option(key=o.key, text=o.text) for o in asked.options)
    question = Question(
        opening=f"e{scene.seed}", key="k", sample="x", t_ask=asked.ask_s, text=asked.text, options=options
    )
    index = [(frame.index, frame.t) for frame in read]
    wanted = thinker.needed(index, asked.ask_s, Profile().s2)
    shown = [frame for frame in read if frame.index in wanted]
    said = {
        "s1": perceiver.answer(question).choice,
        "s2": thinker.answer(question, shown, _hits(models.memory, question, f"e{scene.seed}")).choice,
        "s2-no-notes": thinker.answer(question, shown, ()).choice,
        "s2-random-notes": thinker.answer(
            question, shown, _hits(models.memory, question, f"r{scene.seed}")
        ).choice,
        "text-s1": models.s1.choose(PromptParts(question=asked.text, options=options)).label,
        "text-s2": models.s2.choose(PromptParts(question=asked.text, options=options)).label,
    }
    for condition, choice in said.items():
        scores.add(condition, kinds, scene.seed, float(choice == asked.gold))


def _hits(memory: Memory, question: Question, opening: str) -> tuple[Hit, ...]:
    query = Search(opening=opening, text=question.text, t_max=question.t_ask, k=Profile().recall.k)
    return memory.search(query).hits


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description="Score the tiny models on test seeds of the synthetic world."
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, help="holds tiny-s1 and tiny-s2; the package's unless given"
    )
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--duration", type=int, default=60, help="seconds of each scene")
    parser.add_argument("--card", action="store_true", help="write the main scores into the README.md files")
    args = parser.parse_args()
    if args.card and not args.folder:
        parser.error("--card needs the folder whose README.md it may change")
    lines = list(evaluate(args.folder, scenes=args.scenes, duration_s=args.duration).lines())
    print("\n".join(lines))
    for path in [args.folder / name / "README.md" for name in ("tiny-s1", "tiny-s2")] if args.card else []:
        path.write_text(with_scores(path.read_text(), [x for x in lines if x[18:].strip().startswith(_MAIN)]))


if __name__ == "__main__":
    main()
