"""Qdrant through its own client: a server over HTTP, or the client's local mode in this process' memory.

Local mode is plain numpy for demos and tests of up to about 2,000 notes. It is not safe under concurrent
writes, so one lock serialises it. The client is synchronous: callers are threads, never the event loop.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import httpx
import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from shared.errors import StoreError
from shared.logs import get_logger
from shared.masking import mask
from shared.memory.encoder import Vector
from shared.memory.store import RUNS, STORED_AT, Candidate, Point, Where, note_of, payload_of

__all__ = ["LocalStore", "ServerStore"]

T = TypeVar("T")

_BATCH = 256
_CONFLICT = 409
_NOT_FOUND = 404


class _ClientStore:
    """`VectorStore` on a `QdrantClient`."""

    _client: QdrantClient
    _collection: str
    _where: str
    _params: models.SearchParams | None = models.SearchParams(exact=True)
    _read: models.ReadConsistencyType | None = None

    def _call(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except ResponseHandlingException as error:
            raise StoreError(
                f"no answer from {self._where} ({_one_line(error)}): start Qdrant, or use edge:<path>"
            ) from error
        except (ApiException, httpx.HTTPError, ValueError) as error:
            raise StoreError(
                f"{self._where} refused collection {self._collection} ({_one_line(error)}): "
                "check its version, its API key, and that the collection was made for this encoder"
            ) from error

    def upsert(self, points: Sequence[Point]) -> None:
        """Store or replace by id, durably."""
        rows = [
            models.PointStruct(id=point.id, vector=point.vector.tolist(), payload=payload_of(point.note))
            for point in points
        ]
        for first in range(0, len(rows), _BATCH):
            batch = rows[first : first + _BATCH]
            self._call(partial(self._client.upsert, self._collection, points=batch, wait=True))

    def nearest(self, vector: Vector, where: Where, *, limit: int) -> list[Candidate]:
        """Find the `limit` best by a full scan of the opening."""
        reply = self._call(
            lambda: self._client.query_points(
                self._collection,
                query=vector.tolist(),
                query_filter=_causal(where),
                search_params=self._params,
                limit=limit,
                with_payload=True,
                with_vectors=True,
                consistency=self._read,
            )
        )
        return [_candidate(hit, hit.score) for hit in reply.points]

    def latest(self, where: Where, *, limit: int) -> list[Candidate]:
        """Read the `limit` newest."""
        found, _ = self._call(
            lambda: self._client.scroll(
                self._collection,
                scroll_filter=_causal(where),
                order_by=models.OrderBy(key="t_end", direction=models.Direction.DESC),
                limit=limit,
                with_payload=True,
                with_vectors=True,
                consistency=self._read,
            )
        )
        return [_candidate(record, 0.0) for record in found]

    def delete(
        self, *, run: str | None = None, opening: str | None = None, before: float | None = None
    ) -> None:
        """Remove what matches all that is given."""
        chosen = _filter(run, opening, before)
        if chosen is None:
            raise StoreError("delete needs a run, an opening or a time: name at least one")
        selector = models.FilterSelector(filter=chosen)
        self._call(lambda: self._client.delete(self._collection, points_selector=selector, wait=True))

    def count(self, *, run: str | None = None, opening: str | None = None) -> int:
        """Count what matches."""
        chosen = _filter(run, opening)
        return self._call(lambda: self._client.count(self._collection, count_filter=chosen, exact=True)).count

    def runs(self) -> dict[str, int]:
        """Count by run."""
        reply = self._call(lambda: self._client.facet(self._collection, key="run_id", limit=RUNS, exact=True))
        return {str(hit.value): hit.count for hit in reply.hits}

    def close(self) -> None:
        """Let go of what is held."""
        self._client.close()


class ServerStore(_ClientStore):
    """A Qdrant server over HTTP; makes its collection and payload indexes when they are missing."""

    def __init__(
        self,
        url: str,
        *,
        collection: str,
        dim: int,
        api_key: str = "",
        replicas: int = 1,
        timeout_s: int = 10,
    ) -> None:
        self._where, self._collection = f"Qdrant at {mask(url)}", collection
        self._dim, self._replicas = dim, replicas
        if replicas > 1:
            # What most replicas have written, most replicas are asked for: a search sees every note acknowledged
            # before it, also while one of three servers is away.
            self._read = models.ReadConsistencyType.MAJORITY
        with warnings.catch_warnings():
            # The client warns of a key without TLS; inside a private network that is the operator's choice.
            warnings.simplefilter("ignore", UserWarning)
            self._client = QdrantClient(
                url=url,
                api_key=api_key or None,
                timeout=timeout_s,
                check_compatibility=False,
                prefer_grpc=False,
            )
        self._prepare()

    def _call(self, work: Callable[[], T]) -> T:
        """As ever; a server that came back without its disk is given its collection again."""

        def called() -> T:
            try:
                return work()
            except UnexpectedResponse as error:
                if error.status_code != _NOT_FOUND:
                    raise
            get_logger().warning("collection_gone", store=self._where, collection=self._collection)
            self._prepare()
            return work()

        return super()._call(called)

    def _prepare(self) -> None:
        call, dim = super()._call, self._dim
        if not call(lambda: self._client.collection_exists(self._collection)):
            call(lambda: self._create(dim))
        info = call(lambda: self._client.get_collection(self._collection))
        vectors = info.config.params.vectors
        if not isinstance(vectors, models.VectorParams) or (vectors.size, vectors.distance) != (
            dim,
            models.Distance.DOT,
        ):
            raise StoreError(
                f"{self._where}: collection {self._collection} isn't {dim} floats by dot product: delete it"
            )
        for key, schema in _indexes().items():
            make = partial(self._client.create_payload_index, self._collection, wait=True)
            call(partial(make, field_name=key, field_schema=schema))

    def _create(self, dim: int) -> None:
        try:
            # Search is exact: no graph is needed, and none is built.
            self._client.create_collection(
                self._collection,
                vectors_config=models.VectorParams(size=dim, distance=models.Distance.DOT),
                hnsw_config=models.HnswConfigDiff(m=0),
                replication_factor=self._replicas,
                write_consistency_factor=self._replicas // 2 + 1,
            )
        except UnexpectedResponse as error:
            # Another worker may have made it since we looked.
            if error.status_code != _CONFLICT:
                raise


class LocalStore(_ClientStore):
    """The client's local mode: in memory, gone with the process."""

    _params = None  # it is always exact, and says so at each search otherwise

    def __init__(self, *, collection: str, dim: int) -> None:
        self._where, self._collection = "the in-memory store", collection
        self._mutex = threading.Lock()
        self._client = QdrantClient(":memory:")
        self._client.create_collection(
            collection, vectors_config=models.VectorParams(size=dim, distance=models.Distance.DOT)
        )

    def _call(self, work: Callable[[], T]) -> T:
        with self._mutex:
            return super()._call(work)


def _indexes() -> dict[str, models.PayloadSchemaType | models.KeywordIndexParams]:
    keyword, number = models.PayloadSchemaType.KEYWORD, models.PayloadSchemaType.FLOAT
    tenant = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    return {
        "opening": tenant,
        "run_id": keyword,
        "scope": keyword,
        "kind": keyword,
        "t_start": number,
        "t_end": number,
        STORED_AT: number,
    }


def _equals(key: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def _candidate(found: Any, score: float) -> Candidate:
    vector = np.asarray(found.vector, dtype=np.float32)
    return Candidate(str(found.id), score, vector, note_of(found.payload or {}))


def _causal(where: Where) -> models.Filter:
    must: list[models.Condition] = [
        _equals("opening", where.opening),
        _equals("scope", where.scope),
        models.FieldCondition(key="t_end", range=models.Range(lte=where.t_max)),
    ]
    if where.t_min > 0:
        must.append(models.FieldCondition(key="t_start", range=models.Range(gte=where.t_min)))
    if where.kinds:
        must.append(models.FieldCondition(key="kind", match=models.MatchAny(any=list(where.kinds))))
    return models.Filter(must=must)


def _filter(run: str | None, opening: str | None, before: float | None = None) -> models.Filter | None:
    wanted = {"run_id": run, "opening": opening}
    must: list[models.Condition] = [_equals(key, value) for key, value in wanted.items() if value is not None]
    if before is not None:
        must.append(models.FieldCondition(key=STORED_AT, range=models.Range(lt=before)))
    return models.Filter(must=must) if must else None


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
