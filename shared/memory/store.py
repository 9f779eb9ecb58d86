"""What a vector engine has to do, and how one is chosen by URL.

A store finds candidates; `Memory` scores and orders them, so that engines with other float sums agree.
For that a store keeps vectors as they are (distance: dot product) and gives them back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from pydantic import ValidationError

from shared.clock import wall
from shared.errors import ConfigError, StoreError
from shared.masking import mask
from shared.memory.encoder import Vector
from shared.messages import Note

__all__ = [
    "RUNS",
    "STORED_AT",
    "Candidate",
    "Point",
    "VectorStore",
    "Where",
    "collection_name",
    "note_of",
    "open_store",
    "payload_of",
]

RUNS = 1000
"""Runs that are listed, at most."""
STORED_AT = "stored_at"
"""Unix seconds: for retention only, no answer depends on it."""


class Point(NamedTuple):
    """A note with its vector."""

    id: str
    """A UUID."""
    vector: Vector
    note: Note


class Candidate(NamedTuple):
    """A point that a search found."""

    id: str
    score: float
    """The engine's own dot product, good to about 1e-6."""
    vector: Vector
    note: Note


class Where(NamedTuple):
    """Which notes a search may find: those of one opening and scope, within stream time, of some kinds."""

    opening: str
    t_max: float
    """Ended by then: no search ever sees the future. In whole microseconds, as all stream times are: engines keep
    numbers as decimal text, and may lose the last bit of a longer fraction."""
    scope: str = "perception"
    t_min: float = 0.0
    """Begun no earlier."""
    kinds: Sequence[str] = ()
    """Empty: all."""


class VectorStore(Protocol):
    """One collection of one engine; thread-safe, blocking; raises `StoreError`. Closed by its owner."""

    def upsert(self, points: Sequence[Point]) -> None:
        """Store or replace by id; on return a search finds them, and a lasting store keeps them if killed."""
        ...

    def nearest(self, vector: Vector, where: Where, *, limit: int) -> list[Candidate]:
        """Find the `limit` best, exact, best first."""
        ...

    def latest(self, where: Where, *, limit: int) -> list[Candidate]:
        """Read the `limit` with the largest `t_end`, newest first; their scores mean nothing."""
        ...

    def delete(
        self, *, run: str | None = None, opening: str | None = None, before: float | None = None
    ) -> None:
        """Remove what matches all that is given, at least one; `before`: stored before that unix time."""
        ...

    def runs(self) -> dict[str, int]:
        """How many points each run has, of up to `RUNS` runs."""
        ...

    def count(self, *, run: str | None = None, opening: str | None = None) -> int:
        """How many points match."""
        ...

    def close(self) -> None:
        """Let go of files and connections; twice is once."""
        ...


def open_store(url: str, *, collection: str, dim: int, api_key: str = "", replicas: int = 1) -> VectorStore:
    """Open a store by URL: `http(s)://host:port` (Qdrant), `edge:<path>` (in process, on disk), `memory:`.

    `edge:` alone is a temporary folder, removed at the end. `replicas` is Qdrant's alone. Raises `ConfigError`,
    `StoreError`.
    """
    try:
        if url.startswith(("http://", "https://")):
            from shared.memory.qdrant import ServerStore

            return ServerStore(url, collection=collection, dim=dim, api_key=api_key, replicas=replicas)
        if url == "memory:":
            from shared.memory.qdrant import LocalStore

            return LocalStore(collection=collection, dim=dim)
        if url.startswith("edge:"):
            from shared.memory.edge import EdgeStore

            return EdgeStore(url.removeprefix("edge:"), collection=collection, dim=dim)
    except ModuleNotFoundError as error:
        extra = "edge" if url.startswith("edge:") else "memory"
        raise ConfigError(
            f"store {mask(url)!r} needs the package {error.name!r}: pip install 'dualstreambench[{extra}]'"
        ) from error
    raise ConfigError(f"store {mask(url)!r} is unknown: use http(s)://host:port, edge:<path> or memory:")


def collection_name(encoder: str, dim: int) -> str:
    """One collection per encoder: vectors of two models can't be compared."""
    return f"dsb_{encoder}_{dim}"


def payload_of(note: Note) -> dict[str, Any]:
    """Turn a note into an engine's payload; `run` is stored as `run_id`, beside the time of storing."""
    payload = note.model_dump(mode="json")
    payload["run_id"] = payload.pop("run")
    payload[STORED_AT] = wall()
    return payload


def note_of(payload: dict[str, Any]) -> Note:
    """Read the note of a payload; raises `StoreError` when something else wrote it."""
    fields = dict(payload)
    fields["run"] = fields.pop("run_id", None)
    fields.pop(STORED_AT, None)
    try:
        return Note.model_validate(fields)
    except ValidationError as error:
        raise StoreError(
            f"the collection holds a point that is no note ({' '.join(str(error).split())[:120]}): "
            "give the memory a collection of its own"
        ) from error
