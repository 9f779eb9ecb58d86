"""A server on loopback that speaks the three providers' batch protocols, and keeps account of what is paid for.

`fate` says what becomes of each request: `ok`, `length`, `refusal`, `429`, `500`, `400`, `expired`, `missing`.
A batch is answered as soon as it is looked at, unless `hold` is set.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from loopback import loopback
from provider_server import HEADERS, KEY, Malformed, ProviderServer, Says, only, read, say

Fate = Callable[[int, int], str]
"""Of a request, by the number of its batch and its place in it."""
_WHEN = "2026-01-01T00:00:00Z"
_LATER = "2099-01-01T00:00:00Z"


class Batch:
    """One batch that was taken."""

    def __init__(self, number: int, marker: str, bodies: dict[str, dict[str, Any]]) -> None:
        self.number, self.marker, self.bodies = number, marker, bodies
        self.id = f"batch_{number}"
        self.cancelled = False
        self.answered: list[tuple[str, str]] | None = None
        """Request ids and their fates, once they were worked on."""


class BatchServer:
    def __init__(self, provider: str, says: Says) -> None:
        self.voice = ProviderServer(provider, says)
        self.provider, self.base_url = provider, ""
        self.batches: list[Batch] = []
        self.files: dict[str, bytes] = {}
        self.paid = Counter[str]()
        """How often each request was answered."""
        self.fate: Fate = lambda batch, place: "ok"
        self.hold = False
        self.fails = False
        """Batches fail as a whole."""
        self.torn = 0
        """So many results arrive cut off."""
        self.lost = 0
        """So many batches are taken, and the caller never hears of it."""
        self.refusals: list[int] = []
        """Statuses with which the next batches are refused."""
        self.malformed: list[str] = []
        self.lock = threading.Lock()

    def take(self, marker: str, bodies: dict[str, dict[str, Any]]) -> Batch | None:
        """Null when the caller is not to hear of it."""
        self.batches.append(Batch(len(self.batches), marker, bodies))
        self.lost -= 1
        return None if self.lost >= 0 else self.batches[-1]

    def named(self, id_: str) -> Batch:
        return next(batch for batch in self.batches if batch.id == id_)

    def worked(self, batch: Batch) -> list[tuple[str, str]] | None:
        """What became of its requests; null while it is held."""
        if batch.answered is None and (batch.cancelled or not (self.hold or self.fails)):
            fates = [self.fate(batch.number, place) for place in range(len(batch.bodies))]
            if batch.cancelled:
                fates = ["cancelled"] * len(fates)
            batch.answered = list(zip(batch.bodies, fates, strict=True))
            for id_, fate in batch.answered:
                self.paid[id_] += fate in ("ok", "length", "refusal")
        return batch.answered

    def said(self, batch: Batch, id_: str, fate: str) -> dict[str, Any]:
        """The provider's own form of an answer."""
        seen = read(self.provider, batch.bodies[id_])
        self.voice.stop = fate if fate in ("length", "refusal") else ""
        return say(self.voice, [part for part in seen.content if isinstance(part, str)])

    def lines(self, lines: list[dict[str, Any]]) -> bytes:
        body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        self.torn -= 1
        return body[: len(body) // 2] if self.torn >= 0 else body


class Reply(Exception):
    """Ends a request with a status."""

    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body


def _openai(server: BatchServer, method: str, path: str, raw: bytes) -> Any:
    if (method, path) == ("POST", "/v1/files"):
        return _openai_file(server, raw)
    if (method, path) == ("POST", "/v1/batches"):
        body = json.loads(raw)
        only(body, {"completion_window", "endpoint", "input_file_id", "metadata"})
        if (body["completion_window"], body["endpoint"]) != ("24h", "/v1/chat/completions"):
            raise Malformed("window or endpoint")
        bodies = {}
        for line in map(json.loads, server.files[body["input_file_id"]].splitlines()):
            only(line, {"custom_id", "method", "url", "body"})
            if (line["method"], line["url"]) != ("POST", body["endpoint"]) or line["custom_id"] in bodies:
                raise Malformed("line")
            read("openai", line["body"])
            bodies[line["custom_id"]] = line["body"]
        return _openai_batch(server, server.take(body["metadata"]["dsb"], bodies))
    if path == "/v1/batches":
        data = [_openai_batch(server, batch) for batch in reversed(server.batches)]
        return {"object": "list", "data": data, "has_more": False}
    if found := re.fullmatch(r"/v1/batches/(batch_\d+)(/cancel)?", path):
        batch = server.named(found[1])
        batch.cancelled |= bool(found[2])
        return _openai_batch(server, batch)
    if found := re.fullmatch(r"/v1/files/(good|bad)-(batch_\d+)/content", path):
        return _openai_lines(server, server.named(found[2]), good=found[1] == "good")
    raise Malformed(path)


def _openai_file(server: BatchServer, raw: bytes) -> dict[str, Any]:
    parts = raw.split(raw.split(b"\r\n", 1)[0])
    held = {
        re.search(rb'name="(\w+)"', head)[1].decode(): body.removesuffix(b"\r\n")  # type: ignore[index]
        for part in parts
        if b"\r\n\r\n" in part
        for head, _, body in [part.partition(b"\r\n\r\n")]
    }
    only(held, {"purpose", "file"})
    if held["purpose"] != b"batch":
        raise Malformed("purpose")
    id_ = f"file-{len(server.files)}"
    server.files[id_] = held["file"]
    return {
        "id": id_,
        "object": "file",
        "bytes": len(held["file"]),
        "created_at": 1,
        "filename": "f.jsonl",
    } | {
        "purpose": "batch",
        "status": "processed",
    }


def _openai_batch(server: BatchServer, batch: Batch | None) -> dict[str, Any]:
    if batch is None:
        raise Reply(0, None)
    done = server.worked(batch)
    status = "cancelled" if batch.cancelled else "completed" if done is not None else "in_progress"
    errors = None
    if server.fails:
        status, errors = "failed", {"data": [{"code": "token_limit_exceeded", "message": "Enqueued tokens"}]}
    good = sum(fate in ("ok", "length", "refusal") for _, fate in done or ())
    counts = {"total": len(batch.bodies), "completed": good, "failed": len(done or ()) - good}
    if any(fate == "expired" for _, fate in done or ()):
        status = "expired"
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "input_file_id": "f",
        "created_at": 1,
        "status": status,
        "errors": errors,
        "metadata": {"dsb": batch.marker},
        "request_counts": counts,
        "output_file_id": f"good-{batch.id}" if good else None,
        "error_file_id": f"bad-{batch.id}" if done and good < len(done) else None,
    }


def _openai_lines(server: BatchServer, batch: Batch, *, good: bool) -> bytes:
    lines = []
    for id_, fate in reversed(server.worked(batch) or ()):
        line: dict[str, Any] = {"id": f"r-{id_}", "custom_id": id_, "response": None, "error": None}
        if fate in ("ok", "length", "refusal"):
            line["response"] = {
                "status_code": 200,
                "request_id": "q",
                "body": server.said(batch, id_, fate),
            }
        elif fate.isdigit():
            told = {"error": {"message": f"not now, {KEY}", "type": "x", "code": "x"}}
            line["response"] = {"status_code": int(fate), "request_id": "q", "body": told}
        else:
            line["error"] = {"code": f"batch_{fate}", "message": f"This request was {fate}."}
        if fate != "missing" and good == (fate in ("ok", "length", "refusal")):
            lines.append(line)
    return server.lines(lines)


def _anthropic(server: BatchServer, method: str, path: str, raw: bytes) -> Any:
    at = "/v1/messages/batches"
    if (method, path) == ("POST", at):
        body = json.loads(raw)
        only(body, {"requests"})
        bodies = {}
        for item in body["requests"]:
            only(item, {"custom_id", "params"})
            if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", item["custom_id"]) or item["custom_id"] in bodies:
                raise Malformed("custom_id")
            read("anthropic", item["params"])
            bodies[item["custom_id"]] = item["params"]
        return _anthropic_batch(server, server.take("", bodies))
    if path == at:
        data = [_anthropic_batch(server, batch) for batch in reversed(server.batches)]
        return {"data": data, "has_more": False, "first_id": None, "last_id": None}
    if found := re.fullmatch(rf"{at}/(batch_\d+)(/cancel|/results)?", path):
        batch = server.named(found[1])
        batch.cancelled |= found[2] == "/cancel"
        return _anthropic_lines(server, batch) if found[2] == "/results" else _anthropic_batch(server, batch)
    raise Malformed(path)


def _anthropic_batch(server: BatchServer, batch: Batch | None) -> dict[str, Any]:
    if batch is None:
        raise Reply(0, None)
    done = server.worked(batch)
    names = {
        "400": "errored",
        "429": "errored",
        "500": "errored",
        "cancelled": "canceled",
        "expired": "expired",
    }
    told = Counter(names.get(fate, "succeeded") for _, fate in done or ())
    kinds = ("succeeded", "errored", "canceled", "expired")
    waiting = 0 if done is not None else len(batch.bodies)
    return {
        "id": batch.id,
        "type": "message_batch",
        "created_at": _LATER,
        "expires_at": _LATER,
        "archived_at": None,
        "cancel_initiated_at": None,
        "ended_at": _LATER if done is not None else None,
        "processing_status": "in_progress" if done is None else "ended",
        "request_counts": {"processing": waiting, **{kind: told[kind] for kind in kinds}},
        "results_url": f"{server.base_url}/v1/messages/batches/{batch.id}/results"
        if done is not None
        else None,
    }


def _anthropic_lines(server: BatchServer, batch: Batch) -> bytes:
    lines = []
    types = {"400": "invalid_request_error", "429": "rate_limit_error", "500": "api_error"}
    for id_, fate in reversed(server.worked(batch) or ()):
        result: dict[str, Any] = {"type": {"cancelled": "canceled"}.get(fate, fate)}
        if fate in ("ok", "length", "refusal"):
            result = {"type": "succeeded", "message": server.said(batch, id_, fate)}
        elif fate in types:
            error = {"type": types[fate], "message": f"not now, {KEY}"}
            result = {"type": "errored", "error": {"type": "error", "request_id": None, "error": error}}
        lines.append({"custom_id": id_, "result": result})
    return server.lines(lines)


def _google(server: BatchServer, method: str, path: str, raw: bytes) -> Any:
    if method == "POST" and path.endswith(":batchGenerateContent"):
        body = json.loads(raw)
        only(body, {"batch"})
        only(body["batch"], {"displayName", "inputConfig"})
        bodies = {}
        for item in body["batch"]["inputConfig"]["requests"]["requests"]:
            only(item, {"request", "metadata"})
            only(item["metadata"], {"key"})
            request = {key: value for key, value in item["request"].items() if key != "model"}
            read("google", request)
            bodies[item["metadata"]["key"]] = request
        return _google_batch(server, server.take(body["batch"]["displayName"], bodies))
    if re.fullmatch(r"/v1(beta)?/batches", path):
        return {"operations": [_google_batch(server, batch) for batch in server.batches]}
    if found := re.fullmatch(r"/v1(?:beta)?/batches/(batch_\d+)(:cancel)?", path):
        batch = server.named(found[1])
        batch.cancelled |= bool(found[2])
        return _google_batch(server, batch)
    raise Malformed(path)


def _google_batch(server: BatchServer, batch: Batch | None) -> dict[str, Any]:
    if batch is None:
        raise Reply(0, None)
    done = server.worked(batch)
    state = "CANCELLED" if batch.cancelled else "SUCCEEDED" if done is not None else "RUNNING"
    told: dict[str, Any] = {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
        "displayName": batch.marker,
        "state": f"BATCH_STATE_{'FAILED' if server.fails else state}",
        "createTime": _WHEN,
        "model": "models/m",
    }
    if done is not None and not batch.cancelled:
        answers = [
            answer for id_, fate in done if (answer := _google_answer(server, batch, id_, fate)) is not None
        ]
        told["output"] = {"inlinedResponses": {"inlinedResponses": answers}}
    return {"name": f"batches/{batch.id}", "metadata": told, "done": done is not None}


def _google_answer(server: BatchServer, batch: Batch, id_: str, fate: str) -> dict[str, Any] | None:
    codes = {"400": 3, "429": 8, "500": 13, "expired": 4}
    head = {"metadata": {"key": id_}}
    if fate in codes:
        return {**head, "error": {"code": codes[fate], "message": f"not now, {KEY}"}}
    return None if fate == "missing" else {**head, "response": server.said(batch, id_, fate)}


_SPEAK = {"openai": _openai, "anthropic": _anthropic, "google": _google}


def _answer(server: BatchServer, method: str, path: str, headers: Any, raw: bytes) -> tuple[int, Any]:
    name, value = HEADERS[server.provider]
    if headers.get(name) != value:
        return 401, server.voice.error(401, "wrong key")
    creates = method == "POST" and not path.endswith(("/cancel", ":cancel", "/files"))
    if creates and server.refusals:
        status = server.refusals.pop(0)
        return status, server.voice.error(status, f"not now, {KEY}")
    try:
        return 200, _SPEAK[server.provider](server, method, path, raw)
    except Reply as ended:
        return ended.status, ended.body
    except (Malformed, KeyError, TypeError, ValueError, StopIteration) as error:
        server.malformed.append(f"{method} {path}: {error!r}")
        return 400, server.voice.error(400, f"malformed: {error!r}")


def _handler(server: BatchServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            self._do("POST", self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def do_GET(self) -> None:
            self._do("GET", b"")

        def _do(self, method: str, raw: bytes) -> None:
            with server.lock:
                status, said = _answer(server, method, self.path.partition("?")[0], self.headers, raw)
            if status == 0:
                self.close_connection = True
                return
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            kind = "application/binary" if isinstance(said, bytes) else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


@contextmanager
def batch_server(provider: str, says: Says) -> Iterator[BatchServer]:
    """A running server; `base_url` is what a model's settings name."""
    kept = BatchServer(provider, says)
    with loopback(_handler(kept)) as url:
        kept.base_url = url + ("/v1" if provider == "openai" else "")
        yield kept
