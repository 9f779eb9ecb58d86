"""`dsb experiment stride`: what it is worth to compute a stream's prefix ahead, over strides and window lengths.

For every window length and prefill stride the videos are watched as S1 watches them: each frame is encoded, the prefix
extended where the stride says so, and each question answered as soon as its time has come. The cells take turns
video by video, so that all meet the same machine. Stride null is no reuse: a question runs the whole prompt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import product
from typing import Any, NamedTuple

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

__all__ = ["Cell", "Found", "Piece", "cells_of", "measured", "stride"]

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


class Piece(BaseModel):
    """What one cell came to on one video; seconds of wall clock."""

    cell: Cell
    video: int
    error: str = ""
    """Why it could not be measured, e.g. that the window is longer than the model's context."""
    right: list[float] = []
    answers: list[str] = []
    latency_s: list[float] = []
    """By question."""
    ingest_s: list[float] = []
    """By frame."""
    latency_cpu_s: float = 0.0
    """Processor seconds of all answers."""
    ingest_cpu_s: float = 0.0
    prompt_tokens: int = 0
    reused_tokens: int = 0
    prefix_bytes: int | None = None
    """The largest; null where the model keeps none."""


class Found(BaseModel):
    """What one cell came to; wall-clock seconds unless it says processor."""

    cell: Cell
    error: str = ""
    asked: int = 0
    answers: list[str] = []
    """What was said, in order: tells how many answers a stride changes."""
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    """95 % interval by video; null below two videos."""
    frames: int = 0
    """Frames that arrived."""
    ingest_p50_s: float | None = None
    ingest_mean_s: float | None = None
    """Of one frame, from its JPEG: decoding, vision tower, and its share of extending the prefix."""
    ingest_cpu_s: float | None = None
    """Processor seconds of one frame, mean: other work on the machine moves it little."""
    answer_p50_s: float | None = None
    answer_p95_s: float | None = None
    answer_cpu_s: float | None = None
    """Processor seconds of one answer, mean."""
    reused: float | None = None
    """Share of prompt tokens that were computed before the question came."""
    cache_mb: float | None = None
    """Largest prefix of one stream, MB; null where the model keeps none."""


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
    told: Callable[[Piece, int], None],
) -> list[Found]:
    """Measure what is missing, and give all cells in order; `told(piece, number)` after each piece. Blocks.

    Raises `ConfigError` when nothing is asked that can be.
    """
    done = {(piece.video, piece.cell): piece for piece in map(Piece.model_validate, grid.done())}
    for number, (play, cell) in enumerate(product(plays, cells), start=1):
        key = play.number, cell
        if key not in done:
            done[key] = measured(config, play, vlm, cell)
            grid.add(done[key].model_dump(mode="json"))
        told(done[key], number)
    return [_found(cell, [done[play.number, cell] for play in plays]) for cell in cells]


def measured(config: RunConfig, play: Play, vlm: Vlm, cell: Cell) -> Piece:
    """One cell on one video; an error of the model or of the video is what it came to."""
    watch = _Watch(cell.applied(config), vlm, Piece(cell=cell, video=play.number))
    try:
        return watch.play(play)
    except DsbError as error:
        return Piece(cell=cell, video=play.number, error=str(error))


class _Watch:
    """Plays one video, and takes the times."""

    def __init__(self, config: RunConfig, vlm: Vlm, piece: Piece) -> None:
        self._profile, self._rules, self._vlm = config.profile(), rules_of(config), vlm
        self._piece = piece

    def play(self, play: Play) -> Piece:
        """Watch it to its last question."""
        opening, piece = f"stride_{play.number}", self._piece
        # The turns of a chain need the answers before them, and a standing question has no one time.
        play = play._replace(samples=tuple(sample for sample in play.samples if len(sample.turns) == 1))
        items = {item.key: item for item in items_of(play.samples, self._rules) if item.standing is None}
        due = [asked for asked in questions(play, opening) if _key(asked) in items and not asked.polls]
        perceiver = Perceiver(self._vlm, self._profile, opening=opening, run="stride")
        for frame in frames(play.uri, self._profile.video):
            while due and due[0].ask_s < frame.t:
                self._ask(perceiver, due[0], items[_key(due.pop(0))])
            if not due:
                break
            took = _timed(partial(_ingest, perceiver, frame))
            piece.ingest_s.append(took.wall_s)
            piece.ingest_cpu_s += took.cpu_s
            if isinstance(self._vlm, Prefills):
                piece.prefix_bytes = max(piece.prefix_bytes or 0, self._vlm.kept_bytes(opening))
        for asked in due:
            self._ask(perceiver, asked, items[_key(asked)])
        perceiver.close()
        return piece

    def _ask(self, perceiver: Perceiver, asked: AskedQuestion, item: Item) -> None:
        took, piece = _timed(partial(perceiver.answer, asked.question)), self._piece
        draft: Draft = took.result
        piece.latency_s.append(took.wall_s)
        piece.latency_cpu_s += took.cpu_s
        piece.answers.append(draft.raw)
        piece.right.append(_judged(item, draft, self._rules))
        piece.prompt_tokens += draft.usage.prompt_tokens
        piece.reused_tokens += draft.usage.reused_tokens


def _found(cell: Cell, pieces: Sequence[Piece]) -> Found:
    if error := next((piece.error for piece in pieces if piece.error), ""):
        return Found(cell=cell, error=error)
    ingest = [value for piece in pieces for value in piece.ingest_s]
    latency = [value for piece in pieces for value in piece.latency_s]
    if not latency:
        raise ConfigError(
            "no question is asked once, at its time: take the parts realtime, reasoning or clue"
        )
    rows = [(right, 1.0, piece.video) for piece in pieces for right in piece.right]
    table = np.array(rows)
    score = estimated(of("accuracy", table[:, :2], (0, 1), table[:, 2].astype(np.int64)))
    tokens = sum(piece.prompt_tokens for piece in pieces)
    sizes = [piece.prefix_bytes for piece in pieces if piece.prefix_bytes is not None]
    return Found(
        cell=cell,
        asked=len(latency),
        answers=[answer for piece in pieces for answer in piece.answers],
        accuracy=score.value,
        low=score.low,
        high=score.high,
        frames=len(ingest),
        ingest_p50_s=float(np.median(ingest)),
        ingest_mean_s=float(np.mean(ingest)),
        ingest_cpu_s=sum(piece.ingest_cpu_s for piece in pieces) / len(ingest),
        answer_p50_s=float(np.median(latency)),
        answer_p95_s=float(np.percentile(latency, 95)),
        answer_cpu_s=sum(piece.latency_cpu_s for piece in pieces) / len(latency),
        reused=sum(piece.reused_tokens for piece in pieces) / tokens if tokens else None,
        cache_mb=max(sizes) / 1e6 if sizes else None,
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


class _Took(NamedTuple):
    result: Any
    wall_s: float
    cpu_s: float


def _timed(call: Callable[[], Any]) -> _Took:
    started, cpu = time.perf_counter(), time.process_time()
    result = call()
    return _Took(result, time.perf_counter() - started, time.process_time() - cpu)
