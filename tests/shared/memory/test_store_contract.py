"""What every vector store has to do, run on each of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from memory_kit import HashEncoder, note

from shared.errors import StoreError
from shared.memory import Candidate, Point, VectorStore, Where, note_id
from shared.messages import Note

Opener = Callable[..., VectorStore]
encoder = HashEncoder()


def points(*notes: Note) -> list[Point]:
    return [Point(note_id(one), encoder.encode(one.text), one) for one in notes]


def find(
    store: VectorStore, text: str = "a red circle", opening: str = "one", t_max: float = 1e6, limit: int = 10
) -> list[Candidate]:
    return store.nearest(encoder.encode(text), Where(opening, t_max), limit=limit)


def test_what_was_stored_comes_back_bit_for_bit(opener: Opener) -> None:
    store, wanted = opener(), note(3, "a blue square; «ünïcode» \n 'quoted'", t_end=12.345678)
    store.upsert(points(wanted))
    (found,) = find(store, wanted.text)
    assert found.note == wanted
    assert found.id == note_id(wanted)
    assert np.array_equal(found.vector, encoder.encode(wanted.text))
    assert found.score == pytest.approx(1.0, abs=1e-5)


def test_the_most_similar_comes_first(opener: Opener) -> None:
    store = opener()
    store.upsert(points(*(note(i, f"text {i}") for i in range(20))))
    found = find(store, "text 7", limit=5)
    assert len(found) == 5
    assert found[0].note.text == "text 7"
    assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)


def test_nothing_later_than_t_max_is_found(opener: Opener) -> None:
    store = opener()
    store.upsert(points(*(note(i) for i in range(10))))
    assert sorted(c.note.t_end for c in find(store, t_max=20.0)) == [0.0, 5.0, 10.0, 15.0, 20.0]
    just_before = float(np.nextafter(5.0, 0.0))
    assert [c.note.t_end for c in find(store, t_max=just_before)] == [0.0]


def test_other_openings_and_scopes_are_not_found(opener: Opener) -> None:
    store = opener()
    store.upsert(points(note(0), note(0, opening="two"), note(0, scope="sample/s2")))
    assert [c.note.opening for c in find(store)] == ["one"]
    assert [c.note.scope for c in find(store)] == ["perception"]


def test_a_repeated_write_is_one_note(opener: Opener) -> None:
    store = opener()
    for _ in range(3):
        store.upsert(points(note(0), note(1)))
    assert store.count() == 2


def test_a_write_of_the_same_id_replaces_text_and_vector(opener: Opener) -> None:
    store = opener()
    store.upsert(points(note(0, "old")))
    store.upsert(points(note(0, "new")))
    (found,) = find(store, "new")
    assert found.note.text == "new"
    assert found.score == pytest.approx(1.0, abs=1e-5)


def test_a_rare_opening_is_found_among_many_notes_of_others(opener: Opener) -> None:
    store = opener()
    store.upsert(points(*(note(i, opening=f"other-{i % 7}") for i in range(600)), note(0, opening="rare")))
    assert [c.note.opening for c in find(store, opening="rare")] == ["rare"]


def test_runs_and_openings_are_deleted_and_counted_apart(opener: Opener) -> None:
    store = opener()
    store.upsert(points(note(0), note(1), note(0, opening="two"), note(0, opening="three", run="run-2")))
    assert (store.count(), store.count(run="run-1"), store.count(run="run-1", opening="one")) == (4, 3, 2)
    store.delete(opening="one", run="run-2")
    assert store.count() == 4
    store.delete(opening="one")
    assert (store.count(opening="one"), store.count(run="run-1")) == (0, 1)
    store.delete(run="run-1")
    assert [c.note.run for c in find(store, opening="three")] == ["run-2"]


def latest(store: VectorStore, where: Where, limit: int = 3) -> list[float]:
    return [c.note.t_end for c in store.latest(where, limit=limit)]


def test_the_newest_are_read_by_time_within_what_may_be_seen(opener: Opener) -> None:
    store = opener()
    notes = [note(i, f"text {i}") for i in (3, 0, 4, 1, 2)]
    store.upsert(points(*notes, note(9, opening="two"), note(9, scope="other")))
    assert latest(store, Where("one", 1e6)) == [20.0, 15.0, 10.0]
    assert latest(store, Where("one", 12.0)) == [10.0, 5.0, 0.0]
    assert latest(store, Where("one", 12.0, t_min=5.0)) == [10.0, 5.0]


def test_a_search_keeps_to_a_time_and_to_kinds(opener: Opener) -> None:
    store = opener()
    kinds = ("scene", "change", "user")
    store.upsert(points(*(note(i, kind=kinds[i % 3]) for i in range(9))))
    vector = encoder.encode("a red circle")

    def seqs(**limits: Any) -> list[int]:
        return sorted(c.note.seq for c in store.nearest(vector, Where("one", 30.0, **limits), limit=20))

    assert seqs(t_min=10.0) == [2, 3, 4, 5, 6]
    assert seqs(kinds=("change",)) == [1, 4]
    assert seqs(kinds=("change", "user"), t_min=20.0) == [4, 5]
    assert latest(store, Where("one", 30.0, kinds=("user",))) == [25.0, 10.0]


def test_runs_are_counted(opener: Opener) -> None:
    store = opener()
    assert store.runs() == {}
    store.upsert(points(note(0), note(1), note(0, opening="three", run="run-2")))
    assert store.runs() == {"run-1": 2, "run-2": 1}


def test_what_was_stored_before_a_time_goes(opener: Opener) -> None:
    store = opener()
    store.upsert(points(note(0), note(1)))
    store.delete(before=time.time() - 60)
    assert store.count() == 2
    store.delete(before=time.time() + 60, run="run-2")
    assert store.count() == 2
    store.delete(before=time.time() + 60)
    assert store.count() == 0


def test_a_delete_of_everything_is_refused(opener: Opener) -> None:
    store = opener()
    store.upsert(points(note(0)))
    with pytest.raises(StoreError, match="name at least one"):
        store.delete()
    assert store.count() == 1


def test_concurrent_writes_lose_nothing(opener: Opener) -> None:
    store = opener()

    def write(worker: int) -> None:
        for i in range(10):
            mine = note(i, f"text {worker}-{i}", opening=f"w{worker}")
            store.upsert(points(mine, note(i, "shared")))
            assert find(store, mine.text, opening=mine.opening)[0].note == mine

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert store.count() == 90
    assert [store.count(opening=f"w{w}") for w in range(8)] == [10] * 8


def test_a_store_closes_twice_without_harm(opener: Opener) -> None:
    store = opener()
    store.close()
    store.close()
