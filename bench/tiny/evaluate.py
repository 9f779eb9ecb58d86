"""Score the tiny models on test seeds, through the ordinary backend and the ordinary way of frames and notes.

`python -m bench.tiny.evaluate [FOLDER]` prints scores by condition and kind: balanced accuracy for `clue`, F1 for
`proactive`, accuracy for all else. Conditions: S1, S2 with notes, S2 without, S2 with the notes of an S1 of random
weights, both without any frame (text only), and those who only know the clock.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.data.world import Split, caption, split_seeds
from bench.scoring.measures import Array, Measure, balanced, f1, ratio
from bench.scoring.stats import Estimate, measured
from bench.tiny.card import with_scores
from bench.tiny.exam import TIMER, ask_all
from bench.tiny.frames import training_scene
from bench.tiny.watching import Models, Watching
from shared.memory import open_memory
from shared.messages import Note
from shared.video.synth import Scene
from shared.vlm import ModelSpec, load_vlm

__all__ = ["Scores", "evaluate"]

Key = tuple[str, str]
"""Condition; part, difficulty or task."""
_MAIN = ("realtime", "reasoning", "clue", "proactive", "sequential", "past", "objects", "whole")
_VALUES: dict[str, Callable[[Array], Array]] = {"clue": balanced, "proactive": f1}


@dataclass
class Scores:
    """What was judged, by condition and kind, each with the video it belongs to."""

    rows: dict[Key, list[tuple[float, ...]]] = field(default_factory=lambda: defaultdict(list))
    video: dict[Key, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, condition: str, kinds: Sequence[str], video: int, *row: float) -> None:
        """One answer: (points, 1), or a row of the kind's own measure."""
        for kind in kinds:
            self.rows[condition, kind].append(row)
            self.video[condition, kind].append(video)

    def score(self, condition: str, kind: str) -> Estimate:
        """A kind's score with its interval by video."""
        rows, videos = self.rows[condition, kind], self.video[condition, kind]
        value = _VALUES.get(kind.split()[0], ratio)
        return measured(Measure(kind, np.array(rows), np.array(videos, dtype=np.int64), value))

    def keep_best_timer(self) -> None:
        """Leave out all timers but the best on these very questions, which flatters it."""
        timers = sorted({condition for condition, _ in self.rows if condition.startswith(TIMER)})
        best = max(timers, key=lambda name: self.score(name, "proactive").value or 0.0)
        for key in [key for key in self.rows if key[0] in timers and key[0] != best]:
            del self.rows[key], self.video[key]

    def lines(self) -> Iterator[str]:
        """A table: condition, kind, score, 95 % interval by video, how many."""
        for condition, kind in sorted(self.rows):
            found = self.score(condition, kind)
            value, low, high = (
                f"{x:.3f}" if x is not None else "-" for x in (found.value, found.low, found.high)
            )
            yield f"{condition:18} {kind:14} {value:>6}  [{low}, {high}]  n={found.n}"


def evaluate(
    folder: Path | None = None,
    *,
    scenes: int = 24,
    duration_s: int = 60,
    per_part: int = 8,
    split: Split = Split.TEST,
) -> Scores:
    """Score the models of `folder` (those of the package unless told) on `scenes` scenes, test scenes unless told."""
    s1, s2 = (str(folder / name) if folder else name for name in ("tiny-s1", "tiny-s2"))
    models = Models(
        load_vlm(ModelSpec(path=s1)),
        load_vlm(ModelSpec(path=s2)),
        load_vlm(ModelSpec(path=s1, random_weights=1)),
        open_memory(),
    )
    scores = Scores()
    for seed in split_seeds(split, scenes):
        watching = Watching(models, training_scene(seed, duration_s))
        _score_notes(watching.scene, watching.notes, scores)
        ask_all(watching, per_part, scores.add)
    scores.keep_best_timer()
    return scores


def _score_notes(scene: Scene, notes: Sequence[Note], scores: Scores) -> None:
    for note in notes:
        true = caption(scene.objects_at(note.t_end))
        gold, said = (set(text.split(", ")) for text in (true, note.text))
        scores.add("s1-notes", ["objects"], scene.seed, len(gold & said) / len(gold | said), 1)
        scores.add("s1-notes", ["whole"], scene.seed, note.text == true, 1)


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
    parser.add_argument(
        "--validation", action="store_true", help="validation seeds instead, by which one may choose"
    )
    parser.add_argument("--card", action="store_true", help="write the main scores into the README.md files")
    args = parser.parse_args()
    if args.card and (args.validation or not args.folder):
        parser.error("--card needs the folder whose README.md it may change, and test seeds")
    split = Split.VALIDATION if args.validation else Split.TEST
    found = evaluate(args.folder, scenes=args.scenes, duration_s=args.duration, split=split)
    lines = list(found.lines())
    print("\n".join(lines))
    for path in [args.folder / name / "README.md" for name in ("tiny-s1", "tiny-s2")] if args.card else []:
        path.write_text(with_scores(path.read_text(), [x for x in lines if x[18:].strip().startswith(_MAIN)]))


if __name__ == "__main__":
    main()
