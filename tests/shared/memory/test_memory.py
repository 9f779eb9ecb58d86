"""The memory's own promises, on every store: exact, causal, ordered, repeatable."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory_kit import HashEncoder, note

from shared.memory import Memory, Vector, VectorStore, note_id, open_store
from shared.messages import Note, NoteKind, Search

Opener = Callable[..., VectorStore]
encoder = HashEncoder()
fresh = (f"o{n}" for n in itertools.count())

texts = st.sampled_from(["a red circle", "a blue square", "two dogs", "nothing", "a red circle moves"])
# Stream times are whole microseconds: of longer fractions an engine may lose the last bit on the way to disk.
times = st.one_of(
    st.sampled_from([0.0, 5.0, 10.0, 15.0]), st.integers(0, 20_000_000).map(lambda us: us / 1e6)
)
drafts = st.lists(st.tuples(st.integers(0, 12), texts, times, st.sampled_from("ab")), max_size=25)


@pytest.fixture
def memory(opener: Opener) -> Memory:
    return Memory(encoder, opener())


def brute_force(notes: list[Note], query: Search, by: HashEncoder = encoder) -> list[tuple[str, float]]:
    """The answer by its definition: last write by id, filter, float64 dot products, sort."""
    latest = {note_id(one): one for one in notes}
    wanted = by.encode(query.text).astype(np.float64)
    rows = [
        (-round(float(np.dot(by.encode(one.text).astype(np.float64), wanted)), 5), one.t_end, id_)
        for id_, one in latest.items()
        if (one.opening, one.scope) == (query.opening, query.scope) and one.t_end <= query.t_max
    ]
    return [(id_, -score) for score, _, id_ in sorted(rows)[: query.k]]


def found(memory: Memory, query: Search) -> list[tuple[str, float]]:
    return [(hit.id, hit.score) for hit in memory.search(query).hits]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drafts=drafts, text=texts, t_max=times, k=st.integers(1, 8), scope=st.sampled_from("ab"))
def test_a_search_equals_brute_force_and_never_sees_the_future(
    memory: Memory, drafts: list[tuple[int, str, float, str]], text: str, t_max: float, k: int, scope: str
) -> None:
    opening = next(fresh)
    notes = [note(seq, words, t_end=t, scope=where, opening=opening) for seq, words, t, where in drafts]
    memory.upsert(notes)
    memory.upsert(notes)
    query = Search(opening=opening, scope=scope, text=text, t_max=t_max, k=k)
    hits = memory.search(query).hits
    assert all(hit.note.t_end <= t_max for hit in hits)
    assert [(hit.id, hit.score) for hit in hits] == brute_force(notes, query)
    assert memory.count(opening=opening) == len({note_id(one) for one in notes})


@pytest.mark.parametrize("kind", ["scene", "change", "event", "answer", "user"])
def test_no_kind_of_note_is_found_before_it_was_written_nor_where_another_is_wanted(
    memory: Memory, kind: NoteKind
) -> None:
    kinds: tuple[NoteKind, ...] = ("scene", "change", "event", "answer", "user")
    opening = next(fresh)
    memory.upsert(
        [note(n, opening=opening, kind=one, t_end=t) for one in kinds for n, t in enumerate((5.0, 5.000001))]
    )
    query = Search(opening=opening, text="a red circle", t_max=5.0, k=20, recent=20)
    assert [hit.note.t_end for hit in memory.search(query).hits] == [5.0] * len(kinds)
    [found_one] = memory.search(query.model_copy(update={"kinds": (kind,)})).hits
    assert (found_one.note.kind, found_one.note.t_end) == (kind, 5.0)


def test_a_repeated_write_changes_no_reply(memory: Memory) -> None:
    notes = [note(i, f"text {i % 4}") for i in range(12)]
    memory.upsert(notes)
    query = Search(opening="one", text="text 1", t_max=40.0)
    before = found(memory, query)
    memory.upsert(notes[::-1])
    assert found(memory, query) == before


def test_ties_at_the_cut_go_to_the_earliest_however_they_were_stored(memory: Memory) -> None:
    order = np.random.default_rng(1).permutation(150).tolist()
    memory.upsert([note(i, "always the same") for i in order])
    hits = memory.search(Search(opening="one", text="always the same", t_max=1e4, k=5)).hits
    assert [hit.note.seq for hit in hits] == [0, 1, 2, 3, 4]


def test_an_empty_write_and_an_empty_memory_are_no_trouble(memory: Memory) -> None:
    memory.upsert([])
    assert memory.search(Search(opening="one", text="anything", t_max=1.0)).hits == ()


def test_a_reply_tells_how_long_it_took(memory: Memory) -> None:
    reply = memory.search(Search(opening="one", text="anything", t_max=1.0))
    assert reply.encode_s > 0
    assert reply.search_s > 0


class NearlyEqual(HashEncoder):
    """Texts `near N` differ by less than a score's rounding, and straddle it."""

    def encode(self, text: str) -> Vector:
        if not text.startswith("near"):
            return super().encode("base")
        shift = np.random.default_rng(int(text.split()[1])).standard_normal(self.dim) * 3e-6
        raw = super().encode("base").astype(np.float64) + shift
        return np.asarray(raw / np.linalg.norm(raw), dtype=np.float32)


@pytest.fixture
def stores(tmp_path: Path, qdrant_url: str) -> Iterator[list[VectorStore]]:
    urls = ("memory:", f"edge:{tmp_path}", qdrant_url)
    opened = [open_store(url, collection=f"c-{tmp_path.name}", dim=384) for url in urls]
    yield opened
    for store in opened:
        store.close()


def test_all_engines_give_the_same_reply_even_where_scores_nearly_tie(stores: list[VectorStore]) -> None:
    near = NearlyEqual(384)
    notes = [note(i, f"near {i}", t_end=float(i % 13)) for i in range(300)]
    query = Search(opening="one", text="the question", t_max=9.0, k=20)
    for store in stores:
        memory = Memory(near, store)
        memory.upsert(notes)
        assert found(memory, query) == brute_force(notes, query, near)


def test_ids_come_from_opening_scope_kind_and_seq_alone() -> None:
    base = note(1)
    assert note_id(base) == note_id(base.model_copy(update={"text": "other", "t_end": 9.0, "run": "other"}))
    others = [{"opening": "two"}, {"scope": "s/s1"}, {"kind": "event"}, {"seq": 2}]
    assert len({note_id(base.model_copy(update=change)) for change in others} | {note_id(base)}) == 5
