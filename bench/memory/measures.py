"""What the conditions of a ladder scored, each beside no memory and beside the last frames.

Every difference is paired: the same questions, whole videos drawn again (bench/scoring/stats.py). Memory gain and
perception tax are one pair: what memory adds where the evidence is over, and what it costs where it is there to be
seen. S2 or memory counts as progress only where it beats the same model with the last frames, its interval above zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from pydantic import BaseModel, ConfigDict

from bench.data.layout import BANDS_S
from bench.data.schema import Part
from bench.memory.conditions import BASE, CONDITIONS, LAST_FRAMES, ORACLE
from bench.memory.evidence import Recall, evidence_recall
from bench.run.config import config_of
from bench.run.folder import RunFolder
from bench.scoring.base import Item
from bench.scoring.book import Book
from bench.scoring.contrast import common, contrast
from bench.scoring.score import SCORERS, Judged, rules_of, score
from bench.scoring.stats import Estimate, estimate
from bench.scoring.text import text_matcher
from shared.errors import DataError
from shared.messages import Path

__all__ = ["FEW_VIDEOS", "AgeBand", "Ladder", "Rung", "age_of", "measure"]

FEW_VIDEOS = 5
"""Below so many videos an interval over whole videos says nothing: the bootstrap has too little to draw from."""


class Value(BaseModel):
    """A frozen value."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AgeBand(Value):
    """Questions whose newest evidence is so old when they are asked."""

    from_s: float
    to_s: float | None
    """Null: no end."""
    accuracy: Estimate


class Rung(Value):
    """One condition."""

    name: str
    says: str
    reasoning: Estimate
    """Accuracy of S2 where the evidence is over."""
    gain: Estimate | None
    """Memory gain: reasoning − that of no memory; null for no memory itself."""
    p_sign_flip: float | None
    realtime: Estimate
    tax: Estimate | None
    """Perception tax: realtime of no memory − realtime."""
    clue_recovery: float | None
    """min(reasoning, oracle) / oracle (CG-Bench); null without an oracle, or where it is 0."""
    recall: Recall | None
    """Evidence recall; null where notes aren't about what was there."""
    over_last_frames: Estimate | None
    """Reasoning − that of the same model with the last frames."""
    progress: bool | None
    """Whether that is above zero, with its interval; null below `FEW_VIDEOS` videos."""
    by_age: tuple[AgeBand, ...]
    notes: float
    """Notes in the prompt, on average over reasoning questions."""


class Ladder(Value):
    """The measured ladder."""

    data: str
    data_hash: str
    models: dict[str, str]
    k: int
    recent: int
    every_s: float
    seed: int
    questions: dict[str, int]
    """By part, as S2 answered them in `none`."""
    s1: dict[str, Estimate]
    """Accuracy of S1 itself, by part: its own model, with the last frames."""
    rungs: tuple[Rung, ...]
    missing: tuple[str, ...] = ()
    """Conditions that were not played."""


def measure(folders: Mapping[str, RunFolder]) -> Ladder:
    """Measure the complete conditions; raises `DataError` where `none` is not there or questions differ."""
    if BASE not in folders:
        raise DataError(f"the ladder has no complete condition {BASE!r}: play it first")
    manifest = folders[BASE].manifest()
    config = config_of(manifest.settings)
    judged = {name: _judged(folder, manifest.data.hash) for name, folder in folders.items()}
    climbing = _Climb(folders, judged, config.stream.seed)
    first = judged[BASE]
    return Ladder(
        data=manifest.data.name,
        data_hash=manifest.data.hash,
        models={system: str(model.get("model", "")) for system, model in manifest.models.items()},
        k=config.memory.k,
        recent=config.memory.recent,
        every_s=config.memory.every_s,
        seed=config.stream.seed,
        questions={given.scorer.part: len(given.books.get(Path.S2, ())) for given in first.parts},
        s1={
            given.scorer.part: _accuracy(given.books[Path.S1], config.stream.seed)
            for given in first.parts
            if Path.S1 in given.books
        },
        rungs=tuple(climbing.rung(c.name, c.says) for c in CONDITIONS if c.name in folders),
        missing=tuple(c.name for c in CONDITIONS if c.name not in folders),
    )


def age_of(item: Item) -> float | None:
    """How old the newest evidence is at the ask, seconds; 0 while it lasts, null where there is none."""
    ended = [to_s for from_s, to_s in item.evidence if from_s <= item.t_ask]
    return max(0.0, item.t_ask - max(ended)) if ended else None


def _judged(folder: RunFolder, data_hash: str) -> Judged:
    manifest = folder.manifest()
    if manifest.data.hash != data_hash:
        raise DataError(
            f"{folder.path} asked other questions ({manifest.data.hash}, not {data_hash}): "
            "play the whole ladder in a folder of its own"
        )
    config = config_of(manifest.settings)
    rules = rules_of(config, text_matcher(config.scoring.text))
    return score(folder.dataset().samples, folder.scored(), rules, blind=False)


class _Climb:
    """All conditions, judged; gives one rung after the other."""

    def __init__(self, folders: Mapping[str, RunFolder], judged: Mapping[str, Judged], seed: int) -> None:
        self._folders, self._judged, self._seed = folders, judged, seed

    def rung(self, name: str, says: str) -> Rung:
        reasoning, realtime = self._book(name, Part.REASONING), self._book(name, Part.REALTIME)
        gain, p = self._over(BASE, name, Part.REASONING)
        loss, _ = self._over(name, BASE, Part.REALTIME)
        over, _ = self._over(LAST_FRAMES, name, Part.REASONING)
        recall, notes = evidence_recall(self._folders[name])
        apart = name not in (BASE, LAST_FRAMES)
        return Rung(
            name=name,
            says=says,
            reasoning=_accuracy(reasoning, self._seed),
            gain=gain if apart else None,
            p_sign_flip=p if apart else None,
            realtime=_accuracy(realtime, self._seed),
            tax=loss if apart else None,
            clue_recovery=self._recovery(name),
            recall=recall,
            over_last_frames=None if name == LAST_FRAMES else over,
            progress=None if name == LAST_FRAMES else _progress(over),
            by_age=tuple(_by_age(reasoning, self._seed)) if reasoning is not None else (),
            notes=notes,
        )

    def _book(self, name: str, part: Part) -> Book | None:
        if name not in self._judged:
            return None
        found = (given for given in self._judged[name].parts if given.scorer.part is part)
        return next((given.books[Path.S2] for given in found if Path.S2 in given.books), None)

    def _over(self, first: str, second: str, part: Part) -> tuple[Estimate | None, float | None]:
        """Second − first in the part's accuracy, on the questions of both."""
        before, after = self._book(first, part), self._book(second, part)
        if before is None or after is None:
            return None, None
        made = contrast(SCORERS[part], *common(before, after), seed=self._seed)
        return made.gain, made.p_sign_flip

    def _recovery(self, name: str) -> float | None:
        top, own = (_accuracy(self._book(c, Part.REASONING), self._seed).value for c in (ORACLE, name))
        if not top or own is None:
            return None
        return round(min(own, top) / top, 6)


def _accuracy(book: Book | None, seed: int) -> Estimate:
    if book is None:
        return estimate([], [], seed=seed)
    return estimate(book.correct.astype(float).tolist(), book.videos.tolist(), seed=seed)


def _progress(over: Estimate | None) -> bool | None:
    """Null where nothing was compared, or too few videos were."""
    if over is None or over.clusters < FEW_VIDEOS:
        return None
    return (over.low or 0.0) > 0


def _by_age(book: Book, seed: int) -> Iterable[AgeBand]:
    ages = [age_of(item) for item in book.judged()]
    for begin, end in zip(BANDS_S, (*BANDS_S[1:], None), strict=True):
        upto = math.inf if end is None else end
        rows = np.array([age is not None and begin <= age < upto for age in ages], dtype=np.bool_)
        if rows.any():
            yield AgeBand(from_s=begin, to_s=end, accuracy=_accuracy(book.only(rows), seed))
