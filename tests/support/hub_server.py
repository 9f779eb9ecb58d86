"""A server on loopback with the model hub's endpoints: information, tree, and files with ranges.

A file can be cut off: half of it is sent, then the connection ends; if `refuses`, there is no more of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from loopback import loopback

COMMIT = "c0ffee" + "0" * 34


class Hub:
    """One model, `owner/name`."""

    def __init__(self, name: str, files: Mapping[str, bytes]) -> None:
        self.name, self.files = name, dict(files)
        self.announced: dict[str, int] = {}
        """Sizes by path that are told instead of the true ones."""
        self.damaged: set[str] = set()
        """Files that are sent with their last byte changed."""
        self.cut = ""
        """The file that breaks off, once."""
        self.refuses = False
        self.sent: list[tuple[str, str]] = []
        """Path and range of every file asked for."""
        self.url = ""
        self._halved = False

    def info(self) -> dict[str, Any]:
        siblings = [
            {"rfilename": path, "size": self._size(path), "blobId": _oid(body), **self._lfs(path, "sha256")}
            for path, body in self.files.items()
        ]
        return {"id": self.name, "modelId": self.name, "sha": COMMIT, "siblings": siblings, "tags": []}

    def tree(self) -> list[dict[str, Any]]:
        return [
            {
                "type": "file",
                "path": path,
                "size": self._size(path),
                "oid": _oid(body),
                **self._lfs(path, "oid"),
            }
            for path, body in self.files.items()
        ]

    def _size(self, path: str) -> int:
        return self.announced.get(path, len(self.files[path]))

    def _lfs(self, path: str, key: str) -> dict[str, Any]:
        if not path.endswith(".safetensors"):
            return {}
        digest = hashlib.sha256(self.files[path]).hexdigest()
        return {"lfs": {key: digest, "size": self._size(path), "pointerSize": 134}}

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        api = f"/api/models/{self.name}"
        if path in (api, f"{api}/revision/main", f"{api}/revision/{COMMIT}"):
            self._json(handler, 200, self.info())
        elif path.startswith(f"{api}/revision/"):
            self._json(handler, 404, {"error": "no such revision"}, {"X-Error-Code": "RevisionNotFound"})
        elif path == f"{api}/tree/{COMMIT}":
            self._json(handler, 200, self.tree())
        elif (start := f"/{self.name}/resolve/{COMMIT}/") and path.startswith(start):
            self._file(handler, path.removeprefix(start))
        else:
            self._json(handler, 404, {"error": "no such model"}, {"X-Error-Code": "RepoNotFound"})

    def _file(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        whole = self.files[path]
        body = whole[:-1] + bytes([whole[-1] ^ 1]) if path in self.damaged else whole
        asked = handler.headers.get("Range", "")
        if handler.command == "GET":
            self.sent.append((path, asked))
            if path == self.cut and self._halved and self.refuses:
                self._json(handler, 403, {"error": "not now"})
                return
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        handler.send_response(206 if asked else 200)
        handler.send_header("ETag", f'"{self._etag(path)}"')
        handler.send_header("X-Repo-Commit", COMMIT)
        handler.send_header("Accept-Ranges", "bytes")
        handler.send_header("Content-Length", str(len(body) - start))
        if asked:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        handler.end_headers()
        if handler.command != "GET":
            return
        if path == self.cut and not self._halved:
            self._halved = True
            handler.wfile.write(body[: len(body) // 2])
            handler.close_connection = True
            return
        handler.wfile.write(body[start:])

    def _etag(self, path: str) -> str:
        lfs = self._lfs(path, "oid")
        return str(lfs["lfs"]["oid"]) if lfs else _oid(self.files[path])

    def _json(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        value: object,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        body = json.dumps(value).encode()
        handler.send_response(status)
        for key, text in {"Content-Type": "application/json", **(headers or {})}.items():
            handler.send_header(key, text)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(body)


def _oid(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Run it on a free port; `hub.url` says where."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hub.answer(self)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with loopback(Handler) as hub.url:
        yield hub
