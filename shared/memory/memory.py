"""Notes in, the most similar notes out: the one place that fixes ids, scores, order and causality.

Always: no hit ended after `t_max`; scores are exact dot products, rounded to 1e-5; ties go by (`t_end`, id),
also at the cut. So every engine gives the same reply.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np

from shared.memory.encoder import Encoder, Vector, load_encoder
from shared.memory.store import Candidate, Point, VectorStore, collection_name, open_store
from shared.messages import Hit, Note, Search, SearchReply

__all__ = ["Memory", "note_id", "open_memory"]

_NAMESPACE = uuid.UUID("a2b60c0e-6a0f-5d3e-9c37-2f7a54b5b1d8")
_DIGITS = 5
_MARGIN = 1e-4
"""More than the rounding of scores and an engine's float error together: what is further below can't tie."""
_SPARE = 16


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
        """Find the `k` notes most similar to the text, of one opening and scope, that ended by `t_max`."""
        began = time.perf_counter()
        vector = self._encoder.encode(query.text)
        encoded = time.perf_counter()
        hits = [_hit(candidate, vector) for candidate in self._candidates(vector, query)]
        hits.sort(key=lambda hit: (-hit.score, hit.note.t_end, hit.id))
        return SearchReply(
            hits=tuple(hits[: query.k]), encode_s=encoded - began, search_s=time.perf_counter() - encoded
        )

    def delete(self, *, run: str | None = None, opening: str | None = None) -> None:
        """Forget the notes of a run, of an opening, or of an opening within a run."""
        self._store.delete(run=run, opening=opening)

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

    def _candidates(self, vector: Vector, query: Search) -> list[Candidate]:
        """Gather all that can be among the best `k`: with everything that may tie with the last of them."""
        limit = query.k + _SPARE
        while True:
            found = self._store.nearest(
                vector, opening=query.opening, scope=query.scope, t_max=query.t_max, limit=limit
            )
            if len(found) < limit or found[-1].score < found[query.k - 1].score - _MARGIN:
                return [candidate for candidate in found if candidate.note.t_end <= query.t_max]
            limit *= 4


def _hit(candidate: Candidate, vector: Vector) -> Hit:
    exact = float(np.dot(candidate.vector.astype(np.float64), vector.astype(np.float64)))
    # `+ 0.0` turns -0.0 into 0.0.
    return Hit(id=candidate.id, score=round(exact, _DIGITS) + 0.0, note=candidate.note)


def open_memory(
    *,
    store: str = "memory:",
    encoder: str = "minilm",
    threads: int = 1,
    device: str = "cpu",
    api_key: str = "",
) -> Memory:
    """Open a memory from a store's URL (`open_store`) and an encoder's name (`load_encoder`)."""
    model = load_encoder(encoder, threads=threads, device=device)
    name = collection_name(model.name, model.dim)
    return Memory(model, open_store(store, collection=name, dim=model.dim, api_key=api_key))
