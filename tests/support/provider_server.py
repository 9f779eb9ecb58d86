"""A server on loopback that speaks the three providers' chat protocols and takes only well-formed requests.

Failures can be planned: each request takes the next one (a status, `drop` or `hang`); when none is left, it answers.
What was asked is kept in one form for all: the system line, then texts and JPEG bytes in order.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from loopback import loopback

Says = Callable[[list[str]], str]
KEY = "sk-test-5ecretKEY0123456789"
HEADERS = {
    "openai": ("Authorization", f"Bearer {KEY}"),
    "anthropic": ("Authorization", f"Bearer {KEY}"),  # as its SDK sends it since 2.x
    "google": ("x-goog-api-key", KEY),
}


class Malformed(Exception):
    pass


class Seen(NamedTuple):
    """One request."""

    system: str
    content: list[str | bytes]
    body: dict[str, Any]


class ProviderServer:
    def __init__(self, provider: str, says: Says) -> None:
        self.provider, self.says = provider, says
        self.base_url = ""
        self.seen: list[Seen] = []
        self.malformed: list[str] = []
        self.plan: list[int | str] = []
        self.retry_after = ""
        self.stop = ""
        """What the reply says of its end: `length` or `refusal`; empty: the model's own."""
        self.tells_probs = False
        self.thought = ""
        """What the reply says that the model thought; as a server of one's own tells it, with `openai`."""
        self.tries = 0
        self.hung = threading.Event()
        self._lock = threading.Lock()

    def next(self) -> int | str:
        with self._lock:
            self.tries += 1
            return self.plan.pop(0) if self.plan else 200

    def answer(self, path: str, headers: Any, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        name, value = HEADERS[self.provider]
        if headers.get(name) != value:
            return 401, self.error(401, f"wrong key {headers.get(name)}")
        try:
            seen = _READ[self.provider](path, body)
        except (Malformed, KeyError, TypeError, ValueError) as error:
            self.malformed.append(repr(error))
            return 400, self.error(400, f"malformed: {error!r}")
        with self._lock:
            self.seen.append(seen)
        return 200, _SAY[self.provider](self, self.says([c for c in seen.content if isinstance(c, str)]))

    def error(self, status: int, text: str) -> dict[str, Any]:
        if self.provider == "google":
            details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.2s"}]
            return {
                "error": {"code": status, "message": text, "status": "X"}
                | ({"details": details} if status == 429 else {})
            }
        kind = "insufficient_quota" if "quota" in text else "some_error"
        return {"type": "error", "error": {"type": kind, "code": kind, "message": text}}


def only(found: dict[str, Any], needed: set[str], allowed: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    if not needed <= set(found) <= needed | allowed:
        raise Malformed(f"keys {sorted(found)}, not {sorted(needed)} and maybe {sorted(allowed)}")


def _jpeg(data: str) -> bytes:
    jpeg = base64.b64decode(data, validate=True)
    if not jpeg.startswith(b"\xff\xd8"):
        raise Malformed("no JPEG")
    return jpeg


def _openai(path: str, body: dict[str, Any]) -> Seen:
    if path != "/v1/chat/completions":
        raise Malformed(path)
    settings = {"max_tokens", "temperature", "seed", "logprobs", "top_logprobs"}
    only(body, {"model", "messages"}, settings | {"stop", "reasoning_effort", "response_format"})
    if body.get("reasoning_effort", "low") not in ("none", "minimal", "low", "medium", "high"):
        raise Malformed("reasoning_effort")
    if held := body.get("response_format"):
        only(held, {"type", "json_schema"})
        only(held["json_schema"], {"name", "strict", "schema"})
        _strict_schema(held["type"], held["json_schema"]["schema"])
    if not isinstance(body["max_tokens"], int) or body.get("top_logprobs", 0) > 20:
        raise Malformed("max_tokens or top_logprobs")
    system, user = body["messages"]
    only(system, {"role", "content"})
    if (system["role"], user["role"]) != ("system", "user"):
        raise Malformed("roles")
    content: list[str | bytes] = []
    for item in user["content"]:
        if item["type"] == "text":
            only(item, {"type", "text"})
            content.append(item["text"])
        else:
            only(item, {"type", "image_url"})
            head, _, data = item["image_url"]["url"].partition(",")
            if head != "data:image/jpeg;base64" or item["type"] != "image_url":
                raise Malformed(head)
            content.append(_jpeg(data))
    return Seen(system["content"], content, body)


def _strict_schema(kind: str, schema: dict[str, Any]) -> None:
    """As strict modes want it: every property required, and no others."""
    only(schema, {"type", "properties", "required", "additionalProperties"})
    closed = schema["additionalProperties"] is False and schema["required"] == list(schema["properties"])
    if kind not in ("json_schema", "application/json") or not closed:
        raise Malformed("schema")


def _anthropic_thinking(body: dict[str, Any]) -> None:
    asked = body.get("thinking", {"type": "disabled"})
    only(asked, {"type"}, {"budget_tokens"})
    if asked["type"] == "enabled" and not 1024 <= asked["budget_tokens"] < body["max_tokens"]:
        raise Malformed("budget_tokens")
    if asked["type"] == "enabled" and "temperature" in body:
        raise Malformed("temperature while thinking")


def _anthropic(path: str, body: dict[str, Any]) -> Seen:
    if path != "/v1/messages":
        raise Malformed(path)
    settings = {"temperature", "thinking", "output_config", "stop_sequences"}
    only(body, {"model", "messages", "max_tokens", "system"}, settings)
    _anthropic_thinking(body)
    if held := body.get("output_config"):
        only(held, {"format"})
        only(held["format"], {"type", "schema"})
        _strict_schema(held["format"]["type"], held["format"]["schema"])
    [user] = body["messages"]
    only(user, {"role", "content"})
    content: list[str | bytes] = []
    for item in user["content"]:
        if item["type"] == "text":
            only(item, {"type", "text"})
            content.append(item["text"])
        else:
            only(item, {"type", "source"})
            only(item["source"], {"type", "media_type", "data"})
            if (item["type"], item["source"]["type"], item["source"]["media_type"]) != (
                "image",
                "base64",
                "image/jpeg",
            ):
                raise Malformed("image")
            content.append(_jpeg(item["source"]["data"]))
    if user["role"] != "user" or not isinstance(body["max_tokens"], int):
        raise Malformed("role or max_tokens")
    return Seen(body["system"], content, body)


def _google(path: str, body: dict[str, Any]) -> Seen:
    if not re.fullmatch(r"/v1(beta)?/models/[\w.-]+:generateContent", path):
        raise Malformed(path)
    only(body, {"contents", "systemInstruction", "generationConfig"})
    settings = {"temperature", "seed", "responseLogprobs", "logprobs", "stopSequences", "thinkingConfig"}
    held = body["generationConfig"]
    only(held, {"maxOutputTokens"}, settings | {"responseMimeType", "responseJsonSchema"})
    # As its SDK sends it; protobuf's JSON takes either spelling.
    only(held.get("thinkingConfig", {}), set(), {"thinking_budget", "include_thoughts"})
    if "responseJsonSchema" in held:
        _strict_schema(held["responseMimeType"], held["responseJsonSchema"])
    [user] = body["contents"]
    only(user, {"role", "parts"})
    content: list[str | bytes] = []
    for part in user["parts"]:
        if "text" in part:
            only(part, {"text"})
            content.append(part["text"])
        else:
            only(part, {"inlineData"})
            blob = {key.replace("mime_type", "mimeType"): value for key, value in part["inlineData"].items()}
            only(blob, {"mimeType", "data"})
            if blob["mimeType"] != "image/jpeg" or user["role"] != "user":
                raise Malformed("image")
            # protobuf's JSON takes either alphabet
            content.append(_jpeg(blob["data"].replace("-", "+").replace("_", "/")))
    [line] = body["systemInstruction"]["parts"]
    return Seen(line["text"], content, body)


def _openai_says(server: ProviderServer, text: str) -> dict[str, Any]:
    refusal = server.stop == "refusal"
    message = {
        "role": "assistant",
        "content": None if refusal else text,
        "refusal": "No." if refusal else None,
    } | ({"reasoning_content": server.thought} if server.thought else {})
    told = {
        "content": [
            {
                "token": text,
                "logprob": -0.1,
                "bytes": None,
                "top_logprobs": [
                    {"token": "B", "logprob": -0.2876820724517809, "bytes": None},
                    {"token": " A", "logprob": -1.3862943611198906, "bytes": None},
                    {"token": "The", "logprob": -3.0, "bytes": None},
                ],
            }
        ],
        "refusal": None,
    }
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": "length" if server.stop == "length" else "stop",
        "logprobs": told if server.tells_probs else None,
    }
    usage = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }


def _anthropic_says(server: ProviderServer, text: str) -> dict[str, Any]:
    ends = {"": "end_turn", "length": "max_tokens", "refusal": "refusal"}
    thought = {"type": "thinking", "thinking": server.thought, "signature": "s"}
    said = [*([thought] if server.thought else []), {"type": "text", "text": text}]
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [] if server.stop == "refusal" else said,
        "stop_reason": ends[server.stop],
        "stop_sequence": None,
        "usage": {"input_tokens": 900, "cache_read_input_tokens": 100, "output_tokens": 10},
    }


def _google_says(server: ProviderServer, text: str) -> dict[str, Any]:
    usage = {
        "promptTokenCount": 1000,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 3,
        "totalTokenCount": 1010,
    }
    if server.stop == "refusal":
        return {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": usage}
    told = {
        "topCandidates": [
            {
                "candidates": [
                    {"token": "B", "logProbability": -0.2876820724517809},
                    {"token": "A", "logProbability": -1.3862943611198906},
                ]
            }
        ]
    }
    candidate = {
        "content": {
            "role": "model",
            "parts": [{"text": server.thought or "hm", "thought": True}, {"text": text}],
        },
        "finishReason": "MAX_TOKENS" if server.stop == "length" else "STOP",
        "index": 0,
    } | ({"logprobsResult": told} if server.tells_probs else {})
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m"}


_READ = {"openai": _openai, "anthropic": _anthropic, "google": _google}
_SAY = {"openai": _openai_says, "anthropic": _anthropic_says, "google": _google_says}
_PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "google": "/v1beta/models/m:generateContent",
}


def read(provider: str, body: dict[str, Any]) -> Seen:
    """A chat request, wherever it stands; raises `Malformed` and its like."""
    return _READ[provider](_PATHS[provider], body)


def say(server: ProviderServer, texts: list[str]) -> dict[str, Any]:
    """The answer in the provider's form."""
    return _SAY[server.provider](server, server.says(texts))


def _handler(server: ProviderServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            planned = server.next()
            if planned == "hang":
                server.hung.wait(20)
            if isinstance(planned, str):
                self.close_connection = True
                return
            if planned == 200:
                status, said = server.answer(self.path.partition("?")[0], self.headers, body)
            else:
                status, said = planned, server.error(planned, f"not now, {KEY}")
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if server.retry_after and status == 429:
                self.send_header("Retry-After", server.retry_after)
            self.end_headers()
            self.wfile.write(data)

    return Handler


@contextmanager
def provider_server(provider: str, says: Says) -> Iterator[ProviderServer]:
    """A running server; `base_url` is what a model's settings name."""
    kept = ProviderServer(provider, says)
    with loopback(_handler(kept)) as url:
        kept.base_url = url + ("/v1" if provider == "openai" else "")
        try:
            yield kept
        finally:
            kept.hung.set()
