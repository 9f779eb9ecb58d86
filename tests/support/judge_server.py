"""A small server on loopback that speaks the OpenAI chat protocol, as a judge model's endpoint does.

Statuses can be planned: each request takes the next one; when none is left, 200. It counts and keeps requests.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from loopback import loopback

Says = Callable[[str], str]


class JudgeServer:
    """What the server was asked, and what it is going to say."""

    def __init__(self, says: Says, key: str) -> None:
        self.says, self.key = says, key
        self.url = ""
        self.prompts: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.plan: list[int] = []
        self.retry_after = ""
        self._lock = threading.Lock()

    def answer(self, path: str, authorization: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self._lock:
            self.bodies.append(body)
            status = self.plan.pop(0) if self.plan else 200
        if path != "/v1/chat/completions":
            return 404, {"error": {"message": f"no such path {path}"}}
        if self.key and authorization != f"Bearer {self.key}":
            return 401, {"error": {"message": f"wrong key in {authorization!r}"}}
        if status != 200:
            return status, {"error": {"message": "not now"}}
        prompt = body["messages"][-1]["content"]
        with self._lock:
            self.prompts.append(prompt)
        message = {"role": "assistant", "content": self.says(prompt)}
        usage = {"prompt_tokens": 100, "completion_tokens": 1}
        return 200, {
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message}],
            "usage": usage,
        }


def _handler(judge: JudgeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, said = judge.answer(self.path, self.headers.get("Authorization", ""), body)
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if judge.retry_after and status == 429:
                self.send_header("Retry-After", judge.retry_after)
            self.end_headers()
            self.wfile.write(data)

    return Handler


@contextmanager
def judge_server(says: Says, *, key: str = "") -> Iterator[JudgeServer]:
    """A running server; `url` is its base URL."""
    judge = JudgeServer(says, key)
    with loopback(_handler(judge)) as url:
        judge.url = f"{url}/v1"
        yield judge
