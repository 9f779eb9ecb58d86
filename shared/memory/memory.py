"""Notes in, the most similar notes out: the one place that fixes ids, scores, order and causality.

Always: no hit ended after `t_max`; scores are exact dot products, rounded to 1e-5; ties go by (`t_end`, id),
also at the cut. So every engine gives the same reply.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from shared.memory.encoder import Encoder, Vector, load_encoder
from shared.memory.ranking import rank
from shared.memory.store import Candidate, Point, VectorStore, Where, collection_name, open_store
from shared.messages import Hit, Note, Search, SearchReply

__all__ = ["Memory", "note_id", "open_memory"]

_NAMESPACE = uuid.UUID("a2b60c0e-6a0f-5d3e-9c37-2f7a54b5b1d8")
_MARGIN = 1e-4
"""More than the rounding of scores and an engine's float error together: what is further below can't tie."""
_SPARE = 4
"""Fetched beyond what is wanted, so that a tie at the cut is mostly seen at once."""


def note_id(note: Note) -> str:
    """Make the UUID of a note from its opening, scope, kind and seq: a repeated write meets itself."""
    return str(uuid.uuid5(_NAMESPACE, f"{note.opening}/{note.scope}/{note.kind}/{note.seq}"))


class Memory:
    """Stores and finds notes. Methods block and are thread-safe; they raise `ModelError` and `StoreError`."""

    def __init__(self, encoder: Encoder, store: VectorStore) -> None:
        self._encoder, self._store = encoder, store

    def upsert(self, notes: Sequence[Note]) -> None:
        """Store notes; on return a search finds them. A note written again replaces itself."""
        points = {
            id_: Point(id_, self._encoder.encode(note.text), note) for note in notes if (id_ := note_id(note))
        }
        if points:
            self._store.upsert(list(points.values()))

    def search(self, query: Search) -> SearchReply:
        """Find the `k` notes that fit the text best and the `recent` newest; encodes nothing where `k` is 0."""
        began = time.perf_counter()
        vector = self._encoder.encode(query.text) if query.k else None
        encoded = time.perf_counter()
        where = Where(query.opening, query.t_max, query.scope, query.t_min, query.kinds)
        hits = [] if vector is None else rank(self._similar(vector, where, query), vector, query)
        known = {hit.id for hit in hits}
        newest = [hit for hit in self._newest(where, query.recent) if hit.id not in known]
        return SearchReply(
            hits=(*hits, *newest), encode_s=encoded - began, search_s=time.perf_counter() - encoded
        )

    def delete(
        self, *, run: str | None = None, opening: str | None = None, before: float | None = None
    ) -> int:
        """Forget the notes of a run, of an opening, or stored before a unix time; how many there were."""
        held = self._store.count()
        self._store.delete(run=run, opening=opening, before=before)
        return held - self._store.count()

    def runs(self) -> dict[str, int]:
        """How many notes each run has, of up to a thousand runs."""
        return self._store.runs()

    def count(self, *, run: str | None = None, opening: str | None = None) -> int:
        """How many notes are stored, in all or of a run or opening."""
        return self._store.count(run=run, opening=opening)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _similar(self, vector: Vector, where: Where, query: Search) -> list[Candidate]:
        """Gather all that can be among the best, with everything that may tie with the last of them."""
        wanted = max(query.k, query.pool) if query.recency or query.mmr < 1 else query.k
        return _gather(
            lambda limit: self._store.nearest(vector, where, limit=limit),
            lambda found: found[-1].score < found[wanted - 1].score - _MARGIN,
            wanted,
            where,
        )

    def _newest(self, where: Where, count: int) -> list[Hit]:
        """The newest notes; ties go by id, as everywhere."""
        if not count:
            return []
        found = _gather(
            lambda limit: self._store.latest(where, limit=limit),
            lambda found: found[-1].note.t_end < found[count - 1].note.t_end,
            count,
            where,
        )
        found.sort(key=lambda one: (-one.note.t_end, one.id))
        return [Hit(id=one.id, score=None, note=one.note) for one in found[:count]]


def _gather(
    fetch: Callable[[int], list[Candidate]],
    beyond: Callable[[list[Candidate]], bool],
    wanted: int,
    where: Where,
) -> list[Candidate]:
    """Fetch more and more until the last one is `beyond` any tie with the `wanted`th."""
    limit = wanted + _SPARE
    while True:
        found = fetch(limit)
        if len(found) < limit or beyond(found):
            # An engine that fails to filter must not leak the future.
            return [one for one in found if one.note.t_end <= where.t_max]
        limit *= 4


def open_memory(
    *,
    store: str = "memory:",
    encoder: str = "minilm",
    threads: int = 1,
    device: str = "cpu",
    api_key: str = "",
    replicas: int = 1,
    texts: int | None = None,
) -> Memory:
    """Open a memory from a store's URL (`open_store`) and an encoder's name (`load_encoder`).

    `texts` is how many the encoder remembers; null is its own choice.
    """
    kept = {} if texts is None else {"cache": texts}
    model = load_encoder(encoder, threads=threads, device=device, **kept)
    name = collection_name(model.name, model.dim)
    opened = open_store(store, collection=name, dim=model.dim, api_key=api_key, replicas=replicas)
    return Memory(model, opened)
