"""Where the tokens of a batch of lessons lie, and which of them look at which.

Nothing is padded but the pieces in which attention is computed, and nothing is computed that no target depends on: a
question that is read half way up the layers goes no further. The result is what a model that sees one question at a
time computes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.tiny.lessons import Lesson

__all__ = ["Layer", "Read", "lay_out"]

Ints = NDArray[np.int64]
_PIECE = 72
"""Tokens of a piece: more of them mask away more of the work, fewer repeat more of the frames."""
_ROUND_ASK, _ROUND_SEE = 24, 48
"""Pieces whose rounded sizes agree are computed together."""


class Layer(NamedTuple):
    """What one layer of the decoder computes. Pieces of like size stand together, one such group after the other."""

    asking: Tensor | None
    """Which rows of its input it puts out; None for all."""
    ask: Tensor
    """Of all pieces: places among those who ask."""
    see: Tensor
    """Of all pieces: places among the layer's input."""
    masks: tuple[Tensor, ...]
    """Of each group, `[pieces, 1, asking, seen]`: 0, or minus infinity."""
    back: Tensor
    """Where each of those that ask stands in `ask`."""
    empty: Tensor
    """Which places of `ask` stand for nobody."""


class Read(NamedTuple):
    """Something is read at a token after some layers."""

    token: int
    layers: int


@dataclass(frozen=True)
class _Piece:
    """Some blocks with what all of them see."""

    before: Ints
    own: Ints


def lay_out(
    lessons: Sequence[Lesson], reads: Sequence[Read], layers: int
) -> tuple[list[Layer], list[tuple[Tensor, Tensor]]]:
    """The layers' work, and for each layer (places among its output, which of `reads` they are)."""
    pieces, segment = _pieces(lessons)
    needed = _needed(lessons, reads, segment)
    made: dict[tuple[int, int], Layer] = {}
    work, outputs = [], []
    token = np.array([read.token for read in reads], dtype=np.int64)
    depth = np.array([read.layers for read in reads], dtype=np.int64)
    for layer in range(1, layers + 1):
        given, asked = needed >= layer - 1, needed >= layer
        key = (int(given.sum()), int(asked.sum()))  # sets are nested, so that equal numbers are equal sets
        if key not in made:
            made[key] = _layer(pieces, segment, given, asked)
        work.append(made[key])
        here = np.flatnonzero(depth == layer)
        places = (np.cumsum(asked) - 1)[token[here]]
        outputs.append((torch.from_numpy(places), torch.from_numpy(here)))
    return work, outputs


def _pieces(lessons: Sequence[Lesson]) -> tuple[list[_Piece], Ints]:
    """All pieces, and to which segment (frames, notes or question) each token belongs."""
    pieces: list[_Piece] = []
    segment: list[Ints] = []
    end = count = 0
    for lesson in lessons:
        prefix = np.arange(end, end + len(lesson.prefix))
        segment.append(np.full(len(prefix), count))
        pieces.append(_Piece(prefix[:0], prefix))
        end, count = end + len(prefix), count + 1
        spans: list[Ints] = []
        groups: dict[int | None, list[Ints]] = defaultdict(list)
        for block in lesson.blocks:
            spans.append(np.arange(end, end + len(block.ids)))
            segment.append(np.full(len(block.ids), count))
            groups[block.behind].append(spans[-1])
            end, count = end + len(block.ids), count + 1
        for behind, blocks in groups.items():
            before = prefix if behind is None else np.concatenate((prefix, spans[behind]))
            pieces += [_Piece(before, own) for own in _chunks(blocks)]
    return pieces, np.concatenate(segment)


def _chunks(blocks: Sequence[Ints]) -> list[Ints]:
    """Blocks joined up to the size of a piece."""
    chunks: list[list[Ints]] = []
    size = _PIECE
    for block in sorted(blocks, key=len):
        if size + len(block) > _PIECE:
            chunks.append([])
            size = 0
        chunks[-1].append(block)
        size += len(block)
    return [np.concatenate(chunk) for chunk in chunks]


def _needed(lessons: Sequence[Lesson], reads: Sequence[Read], segment: Ints) -> Ints:
    """After how many layers each token's state is used last."""
    needed = np.zeros(len(segment), dtype=np.int64)
    for token, layers in reads:
        needed[token] = max(needed[token], layers)
    end = 0
    for lesson in lessons:
        start = end
        end += len(lesson.prefix)
        spans = []
        for block in lesson.blocks:
            spans.append((end, end + len(block.ids)))
            end += len(block.ids)
        for (first, stop), block in reversed(list(zip(spans, lesson.blocks, strict=True))):
            part = needed[first:stop]
            later = np.maximum.accumulate(part[::-1])[::-1]  # they see those before them, one layer lower
            np.maximum(part, later - 1, out=part)
            before = [(start, start + len(lesson.prefix))]
            before += [spans[block.behind]] if block.behind is not None else []
            for a, b in before:
                np.maximum(needed[a:b], later.max(initial=0) - 1, out=needed[a:b])
    return needed


def _layer(
    pieces: Sequence[_Piece], segment: Ints, given: NDArray[np.bool_], asked: NDArray[np.bool_]
) -> Layer:
    row, place = np.cumsum(given) - 1, np.cumsum(asked) - 1
    alike: dict[tuple[int, int], list[tuple[Ints, Ints, int]]] = defaultdict(list)
    for piece in pieces:
        ask = piece.own[asked[piece.own]]
        if not len(ask):
            continue
        before = piece.before[given[piece.before]]
        see = np.concatenate((before, piece.own[given[piece.own]]))
        size = (-len(ask) // _ROUND_ASK, -len(see) // _ROUND_SEE)
        alike[size].append((ask, see, len(before)))
    asks, sees, masks = zip(*(_padded(group, segment) for group in alike.values()), strict=True)
    ask, see = (np.concatenate([part.ravel() for part in parts]) for parts in (asks, sees))
    real = np.flatnonzero(ask >= 0)
    back = np.empty(len(real), dtype=np.int64)
    back[place[ask[real]]] = real
    everyone = bool(asked[given].all())
    return Layer(
        None if everyone else torch.from_numpy(row[np.flatnonzero(asked)]),
        torch.from_numpy(np.where(ask < 0, 0, place[ask])),
        torch.from_numpy(np.where(see < 0, 0, row[see])),
        masks,
        torch.from_numpy(back),
        torch.from_numpy(np.flatnonzero(ask < 0)),
    )


def _padded(group: Sequence[tuple[Ints, Ints, int]], segment: Ints) -> tuple[Ints, Ints, Tensor]:
    """Tokens that ask and that are seen (-1 where a piece is shorter), and who sees whom."""
    n = len(group)
    ask = np.full((n, max(len(a) for a, _, _ in group)), -1)
    see = np.full((n, max(len(s) for _, s, _ in group)), -1)
    for i, (a, s, _) in enumerate(group):
        ask[i, : len(a)], see[i, : len(s)] = a, s
    before = np.array([b for _, _, b in group])
    q, k = ask[:, :, None], see[:, None, :]
    mask = (segment[ask][:, :, None] == segment[see][:, None, :]) & (k <= q)
    mask |= (np.arange(see.shape[1]) < before[:, None])[:, None, :]
    mask &= k >= 0
    mask[:, :, 0] |= ask < 0  # who isn't there sees something, so that nothing is divided by zero
    closed = torch.zeros(mask.shape).masked_fill_(torch.from_numpy(~mask), float("-inf"))
    return ask, see, closed.unsqueeze(1)
