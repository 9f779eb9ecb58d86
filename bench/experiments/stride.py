"""`dsb experiment stride`: what it is worth to compute a stream's prefix ahead, over strides and window lengths.

For every window length and prefill stride the videos are watched as S1 watches them: each frame is encoded, the prefix
extended where the stride says so, and each question answered as soon as its time has come. Timings are wall clock
of one process that does nothing else. Stride null is no reuse: a question runs the whole prompt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from bench.data import AskedQuestion
from bench.data.schema import AnswerForm
from bench.experiments.grid import Grid
from bench.run.config import RunConfig
from bench.run.plan import Play, questions
from bench.scoring.base import Item, ItemKey, Rules, Said
from bench.scoring.choice import judge_at
from bench.scoring.items import items_of
from bench.scoring.measures import of
from bench.scoring.score import rules_of
from bench.scoring.stats import measured as estimated
from shared.errors import ConfigError, DsbError
from shared.messages import Draft
from shared.perception import Perceiver
from shared.video import Frame, frames
from shared.vlm import Prefills, Vlm

__all__ = ["Cell", "Found", "cells_of", "measured", "stride"]

_LABELLED = frozenset({AnswerForm.MCQ, AnswerForm.YES_NO, AnswerForm.SUFFICIENCY})


class Cell(BaseModel):
    """One setting of what is varied."""

    model_config = ConfigDict(frozen=True)

    frames: int
    """Length of S1's window."""
    hop: int
    """Frames that leave it at once: the same share of every window."""
    stride: int | None
    """The prefix grows by so many frames at once; null: it isn't kept."""

    def applied(self, config: RunConfig) -> RunConfig:
        """The configuration of this cell."""
        kept = {"prefill_stride": self.stride, "kv_reuse": self.stride is not None}
        cache = {f"system.streaming_embed_cache.{key}": value for key, value in kept.items()}
        return config.override(
            {"system.s1.frames": self.frames, "system.s1.hop": self.hop, "memory.enabled": False, **cache}
        )


class Found(BaseModel):
    """What one cell came to; wall-clock seconds."""

    cell: Cell
    error: str = ""
    """Why it could not be measured, e.g. that the window is longer than the model's context."""
    asked: int = 0
    answers: list[str] = []
    """What was said, in order: tells how many answers a stride changes."""
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    """95 % interval by video; null below two videos."""
    frames: int = 0
    """Frames that arrived."""
    ingest_mean_s: float | None = None
    """Of one frame, from its JPEG: decoding, vision tower, and its share of extending the prefix."""
    ingest_p95_s: float | None = None
    answer_p50_s: float | None = None
    answer_p95_s: float | None = None
    reused: float | None = None
    """Share of prompt tokens that were computed before the question came."""
    cache_mb: float | None = None
    """Largest prefix of one stream, MB; null where the model doesn't tell."""


def cells_of(config: RunConfig, windows: Iterable[int], strides: Iterable[int | None]) -> list[Cell]:
    """Every window with every stride; the hop keeps its share of the window."""
    share = config.system.s1.hop / config.system.s1.frames
    return [
        Cell(frames=n, hop=max(1, min(n, round(n * share))), stride=stride)
        for n, stride in product(dict.fromkeys(windows), dict.fromkeys(strides))
    ]


def stride(
    config: RunConfig,
    plays: Sequence[Play],
    vlm: Vlm,
    cells: Sequence[Cell],
    grid: Grid,
    *,
    told: Callable[[Found, int], None],
) -> list[Found]:
    """Measure what is missing, and give all cells in order; `told(found, number)` after each one. Blocks."""
    done = {found.cell: found for found in map(Found.model_validate, grid.done())}
    for number, cell in enumerate(cells, start=1):
        if cell not in done:
            done[cell] = measured(config, plays, vlm, cell)
            grid.add(done[cell].model_dump(mode="json"))
        told(done[cell], number)
    return [done[cell] for cell in cells]


def measured(config: RunConfig, plays: Sequence[Play], vlm: Vlm, cell: Cell) -> Found:
    """One cell; an error of the model or a video is what it came to."""
    watch = _Watch(cell.applied(config), vlm)
    try:
        for play in plays:
            watch.play(play)
    except DsbError as error:
        return Found(cell=cell, error=str(error))
    return watch.found(cell)


class _Watch:
    """Plays videos one after the other, and takes the times."""

    def __init__(self, config: RunConfig, vlm: Vlm) -> None:
        self._profile, self._rules, self._vlm = config.profile(), rules_of(config), vlm
        self._ingest: list[float] = []
        self._latency: list[float] = []
        self._drafts: list[Draft] = []
        self._right: list[tuple[float, int]] = []
        self._size = 0

    def play(self, play: Play) -> None:
        """Watch one video to its last question."""
        opening = f"stride_{play.number}"
        # The turns of a chain need the answers before them, and a standing question has no one time.
        play = play._replace(samples=tuple(sample for sample in play.samples if len(sample.turns) == 1))
        items = {item.key: item for item in items_of(play.samples, self._rules) if item.standing is None}
        due = [asked for asked in questions(play, opening) if _key(asked) in items and not asked.polls]
        perceiver = Perceiver(self._vlm, self._profile, opening=opening, run="stride")
        for frame in frames(play.uri, self._profile.video):
            while due and due[0].ask_s < frame.t:
                self._ask(perceiver, due.pop(0), items, play.number)
            if not due:
                break
            self._ingest.append(_timed(partial(_ingest, perceiver, frame))[0])
            if isinstance(self._vlm, Prefills):
                self._size = max(self._size, self._vlm.kept_bytes(opening))
        for asked in due:
            self._ask(perceiver, asked, items, play.number)
        perceiver.close()

    def _ask(
        self, perceiver: Perceiver, asked: AskedQuestion, items: dict[ItemKey, Item], video: int
    ) -> None:
        took, draft = _timed(partial(perceiver.answer, asked.question))
        item = items[_key(asked)]
        self._latency.append(took)
        self._drafts.append(draft)
        self._right.append((_judged(item, draft, self._rules), video))

    def found(self, cell: Cell) -> Found:
        """Everything together."""
        if not self._drafts:
            raise ConfigError(
                "no question is asked once, at its time: take the parts realtime, reasoning or sequential"
            )
        tallies = np.array([(right, 1.0) for right, _ in self._right])
        videos = np.array([video for _, video in self._right], dtype=np.int64)
        score = estimated(of("accuracy", tallies, (0, 1), videos))
        tokens = sum(draft.usage.prompt_tokens for draft in self._drafts)
        return Found(
            cell=cell,
            asked=len(self._drafts),
            answers=[draft.raw for draft in self._drafts],
            accuracy=score.value,
            low=score.low,
            high=score.high,
            frames=len(self._ingest),
            ingest_mean_s=float(np.mean(self._ingest)),
            ingest_p95_s=float(np.percentile(self._ingest, 95)),
            answer_p50_s=float(np.percentile(self._latency, 50)),
            answer_p95_s=float(np.percentile(self._latency, 95)),
            reused=sum(draft.usage.reused_tokens for draft in self._drafts) / tokens if tokens else None,
            cache_mb=self._size / 1e6 if isinstance(self._vlm, Prefills) else None,
        )


def _key(asked: AskedQuestion) -> ItemKey:
    return ItemKey(asked.sample, asked.turn, asked.probe)


def _judged(item: Item, draft: Draft, rules: Rules) -> float:
    raw = draft.choice if draft.choice is not None and item.form in _LABELLED else draft.raw
    return float(judge_at(item, Said(raw), rules, at_emission=False).correct)


def _ingest(perceiver: Perceiver, frame: Frame) -> None:
    """What S1 does when a frame has come and no other waits."""
    perceiver.push(frame)
    perceiver.prefill()


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result
