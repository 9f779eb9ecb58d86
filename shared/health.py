"""`/livez`, `/readyz` and `/metrics` over HTTP, and the probe that containers run: `python -m shared.health`.

The server runs in threads of its own, so that it can tell when the event loop is blocked. It changes no state: it
answers GET and HEAD alone, reads no body, and lets go of who keeps it waiting. Who accepts OpenMetrics gets exemplars.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from shared.errors import ConfigError

__all__ = ["HealthServer", "probe"]

Check = Callable[[], str]
"""Empty when all is well, else what is not."""


_METHODS = ("GET", "HEAD")
_AT_ONCE = 64
"""Connections at a time; more are closed at once."""
_LONGEST_S = 5.0
"""Wall-clock seconds that a connection may last, however busy it is kept."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._began: dict[socket.socket, float] = {}

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self._began) >= _AT_ONCE:
            self.shutdown_request(request)
            return
        self._began[request] = time.monotonic()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._began.pop(request, None)

    def service_actions(self) -> None:
        """Twice a second: end what lasts too long; its thread meets the end of the connection."""
        oldest = time.monotonic() - _LONGEST_S
        for request, began in list(self._began.items()):
            if began < oldest:
                with contextlib.suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who goes away in the middle of a request is no news."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Probes come every second: they are no news."""


class HealthServer:
    """Serves until `close`; `port` is the one really bound."""

    port: int

    def __init__(self, host: str, port: int, *, live: Check, ready: Check) -> None:
        self._checks = {"/livez": live, "/readyz": ready}
        self._metrics = make_wsgi_app()
        try:
            self._server = make_server(host, port, self._app, server_class=_Server, handler_class=_Quiet)
        except OSError as error:
            raise ConfigError(
                f"health port {host}:{port} can't be bound ({error.strerror}): set DSB_HEALTH_PORT to a free one, or 0"
            ) from error
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def _app(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("REQUEST_METHOD") not in _METHODS:
            start("405 Method Not Allowed", [("Allow", ", ".join(_METHODS)), ("Content-Length", "0")])
            return []
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            metrics: Iterable[bytes] = self._metrics(environ, start)
            return metrics
        check = self._checks.get(path)
        trouble = check() if check else "no such page"
        status = "404 Not Found" if check is None else "503 Service Unavailable" if trouble else "200 OK"
        start(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [(trouble or "ok").encode() + b"\n"]

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()


def probe(url: str, *, timeout: float = 3.0) -> str:
    """Empty when `url` answers 200, else what it said."""
    try:
        with urllib.request.urlopen(url, timeout=timeout):
            return ""
    except urllib.error.HTTPError as error:
        # The status alone says that it is not well: what it says more may be slow to come.
        said = b""
        with contextlib.suppress(OSError):
            said = error.read()
        return said.decode(errors="replace").strip() or str(error)
    except OSError as error:
        return str(error)


if __name__ == "__main__":
    trouble = probe(f"http://127.0.0.1:{os.environ.get('DSB_HEALTH_PORT', '8080')}/readyz")
    if trouble:
        print(trouble, file=sys.stderr)
    sys.exit(1 if trouble else 0)
