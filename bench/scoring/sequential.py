"""Part `sequential`: chains of turns that depend on one another.

Primary score: turn accuracy, right turns over all turns. A chain is exact when every turn is right (OmniMMI's
chain accuracy; Wang et al., CVPR 2025); prefix accuracy at turn k is the share of chains whose turns up to k
are all right. Recovery is the accuracy of turns that follow an error in their chain. Turns are judged by the
gold of their ask time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.data.schema import Part
from bench.scoring.base import Item, Rules, Said, Verdict
from bench.scoring.book import Book
from bench.scoring.choice import judge_at
from bench.scoring.measures import Measure, of

__all__ = ["Sequential"]


class Sequential:
    """The rules of `sequential`."""

    part = Part.SEQUENTIAL
    columns = 2
    slices: Sequence[str] = ()
    baselines: Sequence[str] = ("constant", "text-only", "no-history")

    def slice_of(self, item: Item, rules: Rules) -> str:
        """None."""
        return ""

    def judge(self, item: Item, said: Said, rules: Rules) -> Verdict:
        """Right when it equals the gold of the ask time: later turns lean on what was so then."""
        return judge_at(item, said, rules, at_emission=False)

    def measures(self, book: Book) -> list[Measure]:
        """Turn accuracy, and the share of chains that are right in every turn.

        A chain counts where this path has a final for each of its turns: of a chain whose turns a router sent
        different ways, no path has an exact one but the system.
        """
        chains = _whole(_chains(book))
        exact = np.array([[float(all(turns)), 1.0] for _, turns in chains]).reshape(-1, 2)
        videos = np.array([video for video, _ in chains], dtype=np.int64)
        return [
            of("turn accuracy", book.tallies, (0, 1), book.videos),
            Measure("chain-exact", exact, videos, of("", exact, (0, 1), videos).value),
        ]

    def details(self, book: Book) -> dict[str, Any]:
        """Accuracy by position, prefix accuracy, and recovery after an early error."""
        turns: dict[int, list[bool]] = defaultdict(list)
        prefix: dict[int, list[bool]] = defaultdict(list)
        after: dict[bool, list[bool]] = defaultdict(list)
        chains = _chains(book)
        for _, told in chains:
            for position, said in enumerate(told):
                if said is not None:
                    turns[position].append(said)
        for _, chain in _whole(chains):
            for position, hit in enumerate(chain):
                prefix[position].append(all(chain[: position + 1]))
                if position:
                    after[all(chain[:position])].append(hit)
        return {
            "by_position": {str(at): _told(hits) for at, hits in sorted(turns.items())},
            "prefix": {str(at): _told(hits) for at, hits in sorted(prefix.items())},
            "after_an_error": _told(after[False]),
            "after_no_error": _told(after[True]),
        }


def _whole(chains: Sequence[tuple[int, list[bool | None]]]) -> list[tuple[int, list[bool]]]:
    """The chains that have a final for each turn."""
    return [
        (video, [hit for hit in turns if hit is not None]) for video, turns in chains if None not in turns
    ]


def _chains(book: Book) -> list[tuple[int, list[bool | None]]]:
    """The video and the turns of each chain, in order; null where there is no final."""
    hits = dict(zip(book.places.tolist(), book.correct.tolist(), strict=True))
    touched = {book.items[place].key.sample for place in hits}
    chains: dict[str, tuple[int, list[bool | None]]] = {}
    for place, item in enumerate(book.items):
        if item.key.sample in touched:
            chains.setdefault(item.key.sample, (item.video, []))[1].append(hits.get(place))
    return list(chains.values())


def _told(hits: Sequence[bool]) -> dict[str, Any]:
    return {"n": len(hits), "accuracy": round(sum(hits) / len(hits), 6) if hits else None}
