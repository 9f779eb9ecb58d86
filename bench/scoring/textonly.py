"""The text-only baseline: naive Bayes over words, each video left out in turn; time linear in the questions.

It reads question and options, and learns from the other videos which options tend to be right. A word counts
only when it departs from chance by two standard errors; where nothing speaks the pick is arbitrary. Words are
counted in a table of fixed size by their hash, so that memory does not grow with the vocabulary.
"""

from __future__ import annotations

import re
import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.data.schema import AnswerForm
from bench.scoring.answers import READY, WAIT, is_positive
from bench.scoring.base import GoldAt, Item, gold_at
from bench.scoring.ladder import normalise

__all__ = ["picks", "spoken"]

_SMOOTH = 0.5
_DEPARTS = 2.0
_LARGEST, _SMALLEST, _ROOM = 1 << 22, 1 << 12, 16
"""Places of the table; sixteen a feature while that is little memory."""
_HASHES = 1 << 31
_CHUNK = 1 << 21
"""Features of whole videos that are worked on at once."""
_WORD = re.compile(r"\w+")
Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
_NOTHING: tuple[str, ...] = ()


def picks(items: Sequence[Item], *, history: bool = True, ready: bool = False) -> list[str]:
    """An answer to each item. With `history` the right answers to the earlier turns of a chain are read too.

    For WAIT or READY it is the commoner state of the same question; with `ready` always an answer.
    """
    chosen = [""] * len(items)
    choices = [place for place, item in enumerate(items) if item.options]
    others = [place for place, item in enumerate(items) if not item.options]
    told = _histories(items) if history else {}
    for place, label in zip(
        choices, _bayes([items[p] for p in choices], [told.get(p, ()) for p in choices]), strict=True
    ):
        chosen[place] = label
    states = [
        place for place, item in enumerate(items) if item.form is AnswerForm.SUFFICIENCY and item.options
    ]
    if not ready:
        for place, state in zip(states, _majority([items[p] for p in states], waits=True), strict=True):
            chosen[place] = WAIT if state == WAIT else chosen[place]
    for place, text in zip(others, _majority([items[p] for p in others], waits=not ready), strict=True):
        chosen[place] = text
    return chosen


def spoken(gold: GoldAt) -> str:
    """How one would say a gold."""
    if isinstance(gold.value, bool):
        return "yes" if gold.value else "no"
    return gold.text if gold.value is None or (gold.value == READY and gold.text) else str(gold.value)


def _histories(items: Sequence[Item]) -> dict[int, tuple[str, ...]]:
    """By place: the right answers to earlier turns of the same sample."""
    told: dict[int, tuple[str, ...]] = {}
    of, before = "", _NOTHING
    for place, item in enumerate(items):
        if item.key.sample != of:
            of, before = item.key.sample, _NOTHING
        if before:
            told[place] = before
        gold = gold_at(item, item.t_ask)
        if gold is not None and item.key.probe == 0:
            before = (*before, _answer_text(item, gold))
    return told


def _answer_text(item: Item, gold: GoldAt) -> str:
    label = _right_label(item, gold)
    return next((option.text for option in item.options if option.key == label), spoken(gold))


def _right_label(item: Item, gold: GoldAt | None) -> str | None:
    """The right option; none while the answer is WAIT."""
    if gold is None or (item.form is AnswerForm.SUFFICIENCY and not is_positive(gold)):
        return None
    return gold.text if gold.value == READY else str(gold.value)


class _Table(NamedTuple):
    """What was counted: a row an option, its features side by side in `features`."""

    features: Ints
    rows: Ints
    """Of each feature: its option."""
    right: NDArray[np.bool_]
    """Of each option."""
    learnt: NDArray[np.bool_]
    """Of each option: whether its question has a right option to learn from."""
    videos: Ints
    """Of each option."""


def _bayes(items: Sequence[Item], told: Sequence[tuple[str, ...]]) -> list[str]:
    if not items:
        return []
    order = sorted(range(len(items)), key=lambda place: items[place].video)
    table = _read([items[place] for place in order], [told[place] for place in order])
    scores = np.concatenate(list(_scores(table)))
    labels, start = [""] * len(items), 0
    for place in order:
        options = items[place].options
        ranked = [
            (round(float(score), 9), _arbitrary(items[place], option.key), option.key)
            for score, option in zip(scores[start : start + len(options)], options, strict=True)
        ]
        labels[place] = max(ranked)[2]
        start += len(options)
    return labels


def _read(items: Sequence[Item], told: Sequence[tuple[str, ...]]) -> _Table:
    features, rows = array("i"), array("i")
    right, learnt, videos = array("b"), array("b"), array("i")
    common = _common(items)
    for item, before in zip(items, told, strict=True):
        label = _right_label(item, gold_at(item, item.t_ask))
        known = tuple(_hash(f"text {normalise(option.text)}") in common for option in item.options)
        for option, found in zip(
            item.options, _features(item.question, before, item.options, known), strict=True
        ):
            features.extend(found)
            rows.extend([len(right)] * len(found))
            right.append(option.key == label)
            learnt.append(label is not None)
            videos.append(item.video)
    return _Table(
        np.frombuffer(features, dtype=np.int32),
        np.frombuffer(rows, dtype=np.int32),
        np.frombuffer(right, dtype=np.bool_),
        np.frombuffer(learnt, dtype=np.bool_),
        np.frombuffer(videos, dtype=np.int32),
    )


def _common(items: Sequence[Item]) -> set[int]:
    """Which option texts stand in more than one video, by hash: only of those can others teach anything."""
    first: dict[int, int] = {}
    common: set[int] = set()
    for item in items:
        for option in item.options:
            place = _hash(f"text {normalise(option.text)}")
            if first.setdefault(place, item.video) != item.video:
                common.add(place)
    return common


@lru_cache(maxsize=1 << 12)
def _features(
    question: str, told: tuple[str, ...], options: tuple[tuple[str, str], ...], common: tuple[bool, ...]
) -> list[tuple[int, ...]]:
    """Of each option the places of its features: label, text, length, words; of common ones text by asked word."""
    asked = _words(question)
    before = frozenset().union(*(_words(text) for text in told))
    return [
        _option_features(key, normalise(text), asked, before, paired=known)
        for (key, text), known in zip(options, common, strict=True)
    ]


def _option_features(
    key: str, text: str, asked: frozenset[str], before: frozenset[str], *, paired: bool
) -> tuple[int, ...]:
    whole = _hash(f"text {text}")
    words = frozenset(_WORD.findall(text))
    found = {_hash(f"label {key}"), whole, _hash(f"length {len(text.split())}")}
    found.update(_hash(f"word {word}") for word in words)
    if paired:
        found.update((_hash(f"asked {word}") * 31 + whole) % _HASHES for word in asked)
        found.update((_hash(f"told {word}") * 31 + whole) % _HASHES for word in before)
    if text in asked:
        found.add(_hash("said before"))
    if words & before:
        found.add(_hash("told before"))
    return tuple(found)


@lru_cache(maxsize=1 << 16)
def _hash(text: str) -> int:
    return zlib.crc32(text.encode(errors="surrogatepass")) % _HASHES


@lru_cache(maxsize=1 << 12)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(normalise(text)))


def _scores(table: _Table) -> Iterator[Floats]:
    """Of each option the sum of what its features say in the other videos; whole videos at a time."""
    size = min(_LARGEST, max(_SMALLEST, 1 << (_ROOM * len(table.features)).bit_length()))
    seen, hits = np.zeros(size), np.zeros(size)
    for first, last in _chunks(table):
        features, rows = table.features[first:last] % size, table.rows[first:last]
        seen += np.bincount(features, weights=table.learnt[rows], minlength=size)
        hits += np.bincount(features, weights=table.learnt[rows] & table.right[rows], minlength=size)
    options, rights = int(table.learnt.sum()), int((table.learnt & table.right).sum())
    of_video = np.bincount(table.videos[table.learnt], minlength=int(table.videos.max()) + 1)
    right_of_video = np.bincount(table.videos[table.learnt & table.right], minlength=len(of_video))
    for first, last in _chunks(table):
        rows = table.rows[first:last]
        features, videos = table.features[first:last] % size, table.videos[rows]
        own_seen, own_hits = _own(features, videos, table.learnt[rows], table.right[rows])
        said = _speaks(
            seen[features] - own_seen,
            hits[features] - own_hits,
            (options - of_video[videos]).astype(np.float64),
            (rights - right_of_video[videos]).astype(np.float64),
        )
        low, high = int(rows[0]), int(rows[-1]) + 1
        yield np.bincount(rows - low, weights=said, minlength=high - low).astype(np.float64)


def _chunks(table: _Table) -> Iterator[tuple[int, int]]:
    """Ranges of features that hold whole videos."""
    first_rows = np.flatnonzero(np.diff(table.videos)) + 1
    edges = np.searchsorted(table.rows, first_rows)
    start = 0
    for edge in [*edges.tolist(), len(table.features)]:
        if edge - start >= _CHUNK or edge == len(table.features):
            yield start, edge
            start = edge


def _own(
    features: Ints, videos: Ints, learnt: NDArray[np.bool_], right: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """How often each feature stands in its own video, and how often in a right option."""
    _, places = np.unique(videos.astype(np.int64) * _LARGEST + features, return_inverse=True)
    seen = np.bincount(places, weights=learnt)
    hits = np.bincount(places, weights=learnt & right)
    return seen[places].astype(np.float64), hits[places].astype(np.float64)


def _speaks(
    seen: Floats,
    hits: Floats,
    options: Floats,
    rights: Floats,
) -> Floats:
    """Log odds of a feature in the other videos; 0 unless it departs from the share of right options."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = rights / options
        spread = np.sqrt(seen * share * (1 - share))
        odds = np.log((hits + _SMOOTH) / (seen - hits + _SMOOTH)) - np.log(share / (1 - share))
    heard = (
        (seen > 0) & (rights > 0) & (rights < options) & (np.abs(hits - seen * share) >= _DEPARTS * spread)
    )
    return np.where(heard, odds, 0.0)


def _arbitrary(item: Item, key: str) -> int:
    """An order that has nothing to do with the answer, nor with the order of options."""
    return zlib.crc32("\0".join(map(str, (*item.key, key))).encode(errors="surrogatepass"))


def _majority(items: Sequence[Item], *, waits: bool) -> list[str]:
    """The other videos' most common answer to the same question, else of the same form."""
    totals: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    own: dict[tuple[int, str, str], Counter[str]] = defaultdict(Counter)
    read = [(item, normalise(item.question), _said(item, waits=waits)) for item in items]
    for item, question, gold in read:
        for asked in (question, "") if gold else ():
            totals[item.form, asked][gold] += 1
            own[item.video, item.form, asked][gold] += 1
    ranked = {
        key: sorted(counter.items(), key=lambda pair: (-pair[1], pair[0])) for key, counter in totals.items()
    }
    known: dict[tuple[int, str, str], str] = {}
    for item, question, _ in read:
        key = (item.video, item.form, question)
        if key not in known:
            tries = (
                _commonest(ranked.get((item.form, asked), []), own.get((item.video, item.form, asked), {}))
                for asked in (question, "")
            )
            known[key] = next(filter(None, tries), "")
    return [known[item.video, item.form, question] for item, question, _ in read]


def _commonest(ranked: Sequence[tuple[str, int]], own: Mapping[str, int]) -> str:
    """The commonest answer but for the video's own; stops where no later one can be commoner."""
    best, most = "", 0
    for text, count in ranked:
        if count < most:
            break
        left = count - own.get(text, 0)
        if left > most or (left == most and left and text < best):
            best, most = text, left
    return best


def _said(item: Item, *, waits: bool) -> str:
    """The right answer as it would be said; for WAIT or READY with options, the state alone."""
    gold = gold_at(item, item.t_ask)
    if gold is None:
        return ""
    if item.form is not AnswerForm.SUFFICIENCY:
        return spoken(gold)
    if not is_positive(gold):
        return WAIT if waits else ""
    return READY if item.options else spoken(gold)
