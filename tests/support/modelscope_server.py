"""A server on loopback with ModelScope's endpoints: the listing of a model's files, and files with ranges.

A file can be cut off: half of what is asked for is sent, then the connection ends, `cuts` times.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from loopback import loopback

REVISIONS = ("master", "v1.0")


class Scope:
    """One model, `owner/name`."""

    def __init__(self, name: str, files: Mapping[str, bytes]) -> None:
        self.name, self.files = name, dict(files)
        self.damaged: set[str] = set()
        """Files that are sent with their last byte changed."""
        self.cut, self.cuts = "", 0
        """The file that breaks off, and how often."""
        self.ranges = True
        """Whether a range that is asked for is sent as one."""
        self.token = ""
        """What is wanted of a caller; empty: nothing."""
        self.sent: list[tuple[str, str]] = []
        """Path and range of every file asked for."""
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        api = f"/api/v1/models/{self.name}/repo"
        known = parts.path in (api, f"{api}/files") and query.get("Revision") in REVISIONS
        if not known or (self.token and handler.headers.get("Authorization") != f"Bearer {self.token}"):
            self._json(handler, 404, {"Code": 10010205001, "Message": "not found", "Success": False})
        elif parts.path == api:
            self._file(handler, query["FilePath"])
        else:
            self._json(handler, 200, {"Code": 200, "Success": True, "Data": {"Files": self._listed()}})

    def _listed(self) -> list[dict[str, object]]:
        folders = sorted({path.rsplit("/", 1)[0] for path in self.files if "/" in path})
        trees: list[dict[str, object]] = [
            {"Path": path, "Name": path, "Type": "tree", "Size": 0} for path in folders
        ]
        return trees + [
            {
                "Path": path,
                "Name": path.rsplit("/", 1)[-1],
                "Type": "blob",
                "Size": len(body),
                "Sha256": hashlib.sha256(body).hexdigest(),
            }
            for path, body in self.files.items()
        ]

    def _file(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        whole, asked = self.files[path], handler.headers.get("Range", "")
        self.sent.append((path, asked))
        body = whole[:-1] + bytes([whole[-1] ^ 1]) if path in self.damaged else whole
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked and self.ranges else 0
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        if path == self.cut and self.cuts:
            self.cuts -= 1
            handler.wfile.write(body[start : start + (len(body) - start) // 2])
            handler.close_connection = True
            return
        handler.wfile.write(body[start:])

    def _json(self, handler: BaseHTTPRequestHandler, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def serving(scope: Scope) -> Iterator[Scope]:
    """Run it on a free port; `scope.url` says where."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            scope.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with loopback(Handler) as scope.url:
        yield scope
