"""The vector engine in process (qdrant-edge-py), in a folder that one process at a time holds.

Every upsert is in the write-ahead log before it returns, so it survives a kill. The engine's API is still in
beta: this file is all that knows it. It marks what is removed and keeps its room, and its own vacuum leaks memory
(qdrant-edge-py 0.9: 130 KB a note, by churning 20,000 notes); so the store is written anew, into another folder, when
half of it is gone. A shard goes on where it was made: one that is loaded again maps 55 MB at once.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import qdrant_edge as qe

from shared.errors import StoreError
from shared.heap import give_back
from shared.logs import get_logger
from shared.memory.encoder import Vector
from shared.memory.store import RUNS, STORED_AT, Candidate, Point, Where, note_of, payload_of

__all__ = ["EdgeStore"]

T = TypeVar("T")

_KEYWORDS = ("opening", "run_id", "scope", "kind")
_WASTE = 1000
"""Removed points that are not worth writing the store anew."""
_COPIED = 100_000
"""Points that are copied at most, about 5 s of work: a larger store keeps its waste."""
_PAGE = 100


class EdgeStore:
    """`VectorStore` on one shard of a folder; an empty path takes a temporary folder, removed at the end."""

    def __init__(self, path: str, *, collection: str, dim: int) -> None:
        self._mutex = threading.Lock()
        self._closed = False
        root = Path(path).expanduser() if path else Path(tempfile.mkdtemp(prefix="dsb-memory-"))
        if not path:
            self._remove = weakref.finalize(self, shutil.rmtree, root, ignore_errors=True)
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._lock = _hold(root)
        except OSError as error:
            raise StoreError(
                f"edge store {root} can't be used ({error.strerror}): choose a folder to write in"
            ) from error
        self._base = root / collection
        self._dim = dim
        self._removed = 0
        try:
            self._folder = _current(self._base)
            self._shard = _open(self._folder, dim)
        except StoreError:
            os.close(self._lock)
            raise

    def upsert(self, points: Sequence[Point]) -> None:
        """Store or replace by id, durably."""
        rows = [qe.Point(point.id, point.vector.tolist(), payload_of(point.note)) for point in points]
        self._do(lambda: self._shard.update(qe.UpdateOperation.upsert_points(rows)))

    def nearest(self, vector: Vector, where: Where, *, limit: int) -> list[Candidate]:
        """Find the `limit` best by a full scan of the opening."""
        return [_candidate(hit, hit.score) for hit in self.scored(vector, where, limit=limit)]

    def scored(self, vector: Vector, where: Where, *, limit: int) -> list[qe.ScoredPoint]:
        """The engine's own answer, of which `nearest` makes notes."""
        request = qe.QueryRequest(
            limit=limit,
            query=qe.Query.Nearest(vector.tolist()),
            filter=_causal(where),
            params=qe.SearchParams(exact=True),
            with_payload=True,
            with_vector=True,
        )
        return self._do(lambda: self._shard.query(request))

    def latest(self, where: Where, *, limit: int) -> list[Candidate]:
        """Read the `limit` newest."""
        request = qe.ScrollRequest(
            limit=limit,
            filter=_causal(where),
            order_by=qe.OrderBy("t_end", qe.Direction.Desc),
            with_payload=True,
            with_vector=True,
        )
        found, _ = self._do(lambda: self._shard.scroll(request))
        return [_candidate(record, 0.0) for record in found]

    def delete(
        self, *, run: str | None = None, opening: str | None = None, before: float | None = None
    ) -> None:
        """Remove what matches all that is given."""
        chosen = _filter(run, opening, before)
        if chosen is None:
            raise StoreError("delete needs a run, an opening or a time: name at least one")

        def work() -> None:
            self._removed += self._shard.count(qe.CountRequest(exact=True, filter=chosen))
            self._shard.update(qe.UpdateOperation.delete_points_by_filter(chosen))
            if self._removed >= _WASTE:
                self._compact()

        self._do(work)

    def count(self, *, run: str | None = None, opening: str | None = None) -> int:
        """Count what matches."""
        request = qe.CountRequest(exact=True, filter=_filter(run, opening))
        return self._do(lambda: self._shard.count(request))

    def runs(self) -> dict[str, int]:
        """Count by run."""
        request = qe.FacetRequest("run_id", limit=RUNS, exact=True)
        return {str(hit.value): hit.count for hit in self._do(lambda: self._shard.facet(request)).hits}

    def close(self) -> None:
        """Let go of what is held."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
            self._shard.close()
            os.close(self._lock)
        if hasattr(self, "_remove"):
            self._remove()

    def _compact(self) -> None:
        """Write what is left to a new shard and go on with that, where at least as much was removed."""
        kept = self._shard.count(qe.CountRequest(exact=True))
        if not kept <= min(self._removed, _COPIED):
            return
        self._removed = 0
        fresh = _next(self._folder, self._base)

        def work() -> qe.EdgeShard:
            copy = _copied(self._shard, fresh, self._dim)
            _point(self._base, fresh)
            return copy

        try:
            copy = _guard(work, "edge store keeps the room of removed notes", "free some disk")
        except StoreError as error:  # what was to be removed is gone all the same
            shutil.rmtree(fresh, ignore_errors=True)
            get_logger().warning("store_not_compacted", folder=str(self._folder), error=str(error)[:200])
            return
        self._shard.close()
        self._shard, self._folder = copy, fresh
        _current(self._base)
        give_back()

    def _do(self, work: Callable[[], T]) -> T:
        with self._mutex:
            if self._closed:
                raise StoreError("the edge store is closed: open it again")
            return _guard(work, "edge store failed", "look at the disk, or start with a fresh folder")


def _hold(root: Path) -> int:
    """Take the folder's lock; the kernel frees it when its holder dies."""
    handle = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise StoreError(
            f"edge store {root} is held by process {holder}: one process at a time; "
            "end it, choose another folder, or use a Qdrant server (http://…)"
        ) from error
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
    return handle


def _pointer(base: Path) -> Path:
    """The file that names the folder of the store; without it, that is `base` itself."""
    return base.with_name(f"{base.name}.now")


def _point(base: Path, folder: Path) -> None:
    """From now on `folder` is the store."""
    fresh = base.with_name(f"{base.name}.now.new")
    fresh.write_text(folder.name, encoding="utf-8")
    fresh.replace(_pointer(base))


def _next(folder: Path, base: Path) -> Path:
    """Another name than that of the store's folder."""
    return base if folder != base else base.with_name(f"{base.name}.2")


def _current(base: Path) -> Path:
    """The folder of the store; what a kill left of a copy, or of what was copied, is removed."""
    pointer = _pointer(base)
    folder = base.with_name(pointer.read_text(encoding="utf-8")) if pointer.exists() else base
    shutil.rmtree(_next(folder, base), ignore_errors=True)
    return folder


def _copied(shard: qe.EdgeShard, folder: Path, dim: int) -> qe.EdgeShard:
    """A shard in `folder` with all points of another."""
    copy = _open(folder, dim)
    start = None
    while True:
        page = qe.ScrollRequest(limit=_PAGE, offset=start, with_payload=True, with_vector=True)
        rows, start = shard.scroll(page)
        points = [qe.Point(row.id, row.vector, row.payload) for row in rows if row.vector is not None]
        copy.update(qe.UpdateOperation.upsert_points(points))
        if start is None:
            break
    return copy


def _open(folder: Path, dim: int) -> qe.EdgeShard:
    # Search is exact, so no graph is ever built; vectors stay as given, so that scores can be computed again.
    config = qe.EdgeConfig(
        vectors=qe.EdgeVectorParams(size=dim, distance=qe.Distance.Dot), max_search_threads=1
    )
    fresh = not (folder / "segments").exists()

    def work() -> qe.EdgeShard:
        shard = qe.EdgeShard.create(str(folder), config) if fresh else qe.EdgeShard.load(str(folder), config)
        for key in _KEYWORDS:
            params = qe.KeywordIndexParams(is_tenant=True if key == "opening" else None)
            shard.update(qe.UpdateOperation.create_field_index(key, params))
        for key in ("t_start", "t_end", STORED_AT):
            shard.update(qe.UpdateOperation.create_field_index(key, qe.FloatIndexParams()))
        return shard

    folder.mkdir(parents=True, exist_ok=True)
    return _guard(work, f"edge store {folder} can't be opened", "choose another folder, or remove this one")


def _candidate(found: Any, score: float) -> Candidate:
    vector = np.asarray(found.vector, dtype=np.float32)
    return Candidate(str(found.id), score, vector, note_of(found.payload or {}))


def _causal(where: Where) -> qe.Filter:
    must: list[qe.ConditionType] = [
        qe.FieldCondition("opening", match=qe.MatchValue(where.opening)),
        qe.FieldCondition("scope", match=qe.MatchValue(where.scope)),
        qe.FieldCondition("t_end", range=qe.RangeFloat(lte=where.t_max)),
    ]
    if where.t_min > 0:
        must.append(qe.FieldCondition("t_start", range=qe.RangeFloat(gte=where.t_min)))
    if where.kinds:
        must.append(qe.FieldCondition("kind", match=qe.MatchAny(list(where.kinds))))
    return qe.Filter(must=must)


def _filter(run: str | None, opening: str | None, before: float | None = None) -> qe.Filter | None:
    wanted = {"run_id": run, "opening": opening}
    must: list[qe.ConditionType] = [
        qe.FieldCondition(key, match=qe.MatchValue(value))
        for key, value in wanted.items()
        if value is not None
    ]
    if before is not None:
        must.append(qe.FieldCondition(STORED_AT, range=qe.RangeFloat(lt=before)))
    return qe.Filter(must=must) if must else None


def _guard(work: Callable[[], T], what: str, remedy: str) -> T:
    """Make one line of the bare `Exception` that the engine raises."""
    try:
        return work()
    except Exception as error:
        raise StoreError(f"{what} ({' '.join(str(error).split())[:200]}): {remedy}") from error
