"""The order of what is found: by hand, and by definition."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from memory_kit import HashEncoder, note

from shared.memory import Memory, Vector, VectorStore
from shared.messages import Hit, Note, Search

Opener = Callable[..., VectorStore]
ANGLES = {"question": 0.0, "same": 5.0, "twin": 6.0, "near": 30.0, "far": 80.0}


class Compass(HashEncoder):
    """Texts as directions in a plane, in degrees from the question; counts what it is asked."""

    name = "compass"

    def __init__(self) -> None:
        super().__init__(2)
        self.asked = 0

    def encode(self, text: str) -> Vector:
        self.asked += 1
        angle = math.radians(ANGLES[text])
        return np.asarray([math.cos(angle), math.sin(angle)], dtype=np.float32)


@pytest.fixture
def encoder() -> Compass:
    return Compass()


@pytest.fixture
def memory(opener: Opener, encoder: Compass) -> Memory:
    made = Memory(encoder, opener(2))
    # Told at 0, 5, 10 and 15 s.
    made.upsert([note(seq, text) for seq, text in enumerate(("same", "twin", "near", "far"))])
    return made


def ask(memory: Memory, **settings: object) -> tuple[Hit, ...]:
    wanted = {"opening": "one", "text": "question", "t_max": 20.0, "k": 2, **settings}
    return memory.search(Search.model_validate(wanted)).hits


def texts(hits: tuple[Hit, ...]) -> list[str]:
    return [hit.note.text for hit in hits]


def test_by_similarity_alone_the_most_similar_come_first(memory: Memory) -> None:
    hits = ask(memory, k=4)
    assert texts(hits) == ["same", "twin", "near", "far"]
    assert [hit.score for hit in hits] == [round(math.cos(math.radians(a)), 5) for a in (5, 6, 30, 80)]


def test_freshness_alone_orders_by_age(memory: Memory) -> None:
    assert texts(ask(memory, k=4, recency=1.0)) == ["far", "near", "twin", "same"]


def test_freshness_halves_with_each_half_life(memory: Memory) -> None:
    # At 20 s, half-life 5 s: "near" is 10 s old, 0.7 cos 30° + 0.3 / 4 = 0.681; "same" 0.7 cos 5° + 0.3 / 16 = 0.716;
    # "twin" 0.7 cos 6° + 0.3 / 8 = 0.734; "far" 0.7 cos 80° + 0.3 / 2 = 0.272.
    assert texts(ask(memory, k=4, recency=0.3, half_life_s=5.0)) == ["twin", "same", "near", "far"]


def test_a_score_stays_the_similarity_whatever_the_order(memory: Memory) -> None:
    assert ask(memory, k=1, recency=1.0)[0].score == round(math.cos(math.radians(80)), 5)


def test_mmr_passes_over_a_twin_for_something_else(memory: Memory) -> None:
    # Behind "same", λ = 0.5: "twin" 0.5 cos 6° − 0.5 cos 1° < 0; "near" 0.5 cos 30° − 0.5 cos 25° = −0.020; "far"
    # 0.5 cos 80° − 0.5 cos 75° = −0.043; "twin" is −0.0027. With λ = 0.3 what differs most wins.
    assert texts(ask(memory, mmr=0.5)) == ["same", "twin"]
    assert texts(ask(memory, mmr=0.3)) == ["same", "far"]


def test_only_the_pool_competes(memory: Memory) -> None:
    assert texts(ask(memory, recency=1.0, pool=2)) == ["twin", "same"]
    assert texts(ask(memory, recency=1.0, pool=3)) == ["near", "twin"]


def test_the_newest_are_added_behind_what_was_found_and_none_twice(memory: Memory) -> None:
    hits = ask(memory, k=2, recent=3)
    assert texts(hits) == ["same", "twin", "far", "near"]
    assert [hit.score is None for hit in hits] == [False, False, True, True]


def test_newest_notes_alone_need_no_encoder(memory: Memory, encoder: Compass) -> None:
    before = encoder.asked
    assert texts(ask(memory, k=0, recent=2)) == ["far", "near"]
    assert encoder.asked == before


def test_notes_of_one_time_keep_the_order_of_their_ids_at_the_cut(memory: Memory) -> None:
    many = [note(seq, "far", t_end=15.0) for seq in range(10, 60)]
    memory.upsert(many)
    hits = ask(memory, k=0, recent=5)
    assert [hit.id for hit in hits] == sorted(hit.id for hit in hits)
    assert hits == ask(memory, k=0, recent=40)[:5]


@pytest.mark.parametrize(
    "settings", [{}, {"recency": 0.5}, {"mmr": 0.4}, {"k": 0, "recent": 8}, {"recent": 8}]
)
@pytest.mark.parametrize("t_max", [0.0, 4.999, 5.0, 12.0])
def test_notes_of_the_future_are_never_returned(
    memory: Memory, settings: dict[str, object], t_max: float
) -> None:
    future: list[Note] = [
        note(100 + i, "question" if i % 2 else "same", t_end=t_max + 0.001 + i) for i in range(40)
    ]
    memory.upsert(future)
    hits = ask(memory, **{"k": 8, **settings, "t_max": t_max})
    assert hits
    assert all(hit.note.t_end <= t_max for hit in hits)
