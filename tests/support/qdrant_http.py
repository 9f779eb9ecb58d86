"""A small server that speaks the part of Qdrant's REST interface that the memory uses, over loopback HTTP.

Every body is validated with qdrant-client's own models, which refuse unknown fields; storage is the client's
local mode. It stands in for the server's container image, which tests can't pull.
"""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from loopback import loopback
from pydantic import BaseModel, TypeAdapter, ValidationError
from qdrant_client import QdrantClient
from qdrant_client.http import models


class RefusedError(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Backend:
    """What the server answers; one lock, since local mode is not safe under concurrent writes."""

    def __init__(self) -> None:
        self._client = QdrantClient(":memory:")
        self._lock = threading.Lock()
        self.configs: dict[str, models.CreateCollection] = {}
        self.indexes: dict[tuple[str, str], Any] = {}
        self.consistency: dict[str, list[str]] = {}
        """What was asked of replicas, by the last path asked."""

    def handle(self, method: str, path: str, wait: bool, body: Any) -> Any:
        parts = path.strip("/").split("/")
        if parts[0] != "collections" or len(parts) < 2:
            raise RefusedError(404, f"no such path: {path}")
        work = getattr(self, "_".join([method.lower(), *parts[2:]]), None)
        if work is None:
            raise RefusedError(404, f"no such path: {method} {path}")
        if parts[2:] in (["points"], ["points", "delete"], ["index"]) and not wait:
            raise RefusedError(400, "the memory must wait for its writes: wait=true")
        with self._lock, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            if parts[2:] not in ([], ["exists"]) and parts[1] not in self.configs:
                raise RefusedError(404, f"Not found: Collection `{parts[1]}` doesn't exist!")
            return work(parts[1], body)

    def wipe(self) -> None:
        """As after a start without the volume."""
        with self._lock:
            self._client = QdrantClient(":memory:")
            self.configs.clear()
            self.indexes.clear()

    def get_exists(self, name: str, body: Any) -> Any:
        return {"exists": name in self.configs}

    def put(self, name: str, body: Any) -> Any:
        config = models.CreateCollection.model_validate(body)
        if name in self.configs:
            raise RefusedError(409, f"Wrong input: Collection `{name}` already exists!")
        self._client.create_collection(name, vectors_config=config.vectors)
        self.configs[name] = config
        return True

    def get(self, name: str, body: Any) -> Any:
        if name not in self.configs:
            raise RefusedError(404, f"Not found: Collection `{name}` doesn't exist!")
        return self._client.get_collection(name)

    def put_index(self, name: str, body: Any) -> Any:
        request = models.CreateFieldIndex.model_validate(body)
        self.indexes[name, request.field_name] = request.field_schema
        return self._done()

    def put_points(self, name: str, body: Any) -> Any:
        request = models.PointsList.model_validate(body)
        self._client.upsert(name, points=request.points)
        return self._done()

    def post_points_query(self, name: str, body: Any) -> Any:
        request = models.QueryRequest.model_validate(body)
        if request.params is None or not request.params.exact:
            raise RefusedError(400, "the memory must search exactly: params.exact")
        return self._client.query_points(
            name,
            query=TypeAdapter(list[float]).validate_python(
                request.query.nearest if isinstance(request.query, models.NearestQuery) else request.query
            ),
            query_filter=request.filter,
            limit=request.limit or 10,
            with_payload=request.with_payload or False,
            with_vectors=request.with_vector or False,
        )

    def post_points_scroll(self, name: str, body: Any) -> Any:
        request = models.ScrollRequest.model_validate(body)
        key = request.order_by.key if isinstance(request.order_by, models.OrderBy) else request.order_by
        if key is not None and (name, key) not in self.indexes:
            raise RefusedError(400, f"No range index for `order_by` key: `{key}`")
        records, after = self._client.scroll(
            name,
            scroll_filter=request.filter,
            order_by=request.order_by,
            limit=request.limit or 10,
            with_payload=request.with_payload or False,
            with_vectors=request.with_vector or False,
        )
        return models.ScrollResult(points=records, next_page_offset=after)

    def post_facet(self, name: str, body: Any) -> Any:
        request = models.FacetRequest.model_validate(body)
        if (name, request.key) not in self.indexes:
            raise RefusedError(400, f"Bad request: no appropriate index for faceting: `{request.key}`")
        return self._client.facet(
            name,
            key=request.key,
            facet_filter=request.filter,
            limit=request.limit or 10,
            exact=bool(request.exact),
        )

    def post_points_delete(self, name: str, body: Any) -> Any:
        self._client.delete(name, points_selector=models.FilterSelector.model_validate(body))
        return self._done()

    def post_points_count(self, name: str, body: Any) -> Any:
        request = models.CountRequest.model_validate(body)
        return self._client.count(name, count_filter=request.filter, exact=bool(request.exact))

    def _done(self) -> models.UpdateResult:
        return models.UpdateResult(operation_id=0, status=models.UpdateStatus.COMPLETED)


def _handler(backend: Backend, api_key: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def answer(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            options = parse_qs(url.query)
            wait = options.get("wait") == ["true"]
            backend.consistency[url.path] = options.get("consistency", [])
            try:
                if self.headers.get("api-key", "") != api_key:
                    raise RefusedError(401, "Must provide an API key")
                result = backend.handle(self.command, url.path, wait, json.loads(body) if body else None)
                self.reply(200, {"result": result, "status": "ok", "time": 0.0})
            except RefusedError as error:
                self.reply(error.status, {"status": {"error": str(error)}, "time": 0.0})
            except (ValidationError, ValueError) as error:
                self.reply(400, {"status": {"error": f"Format error in JSON body: {error}"}, "time": 0.0})

        do_GET = do_PUT = do_POST = answer  # noqa: N815

        def reply(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body, default=_plain).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    raise TypeError(f"not JSON: {type(value)}")


@contextmanager
def qdrant_http(*, api_key: str = "") -> Iterator[tuple[str, Backend]]:
    """The URL of a running server, and what stands behind it."""
    backend = Backend()
    with loopback(_handler(backend, api_key)) as url:
        yield url, backend
