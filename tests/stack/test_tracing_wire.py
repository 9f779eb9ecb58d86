"""Spans of all processes as they arrive at a collector: OTLP over HTTP, protobuf."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]


class Collector(ThreadingHTTPServer):
    """Keeps who sent spans of which trace."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.services: dict[str, set[str]] = defaultdict(set)


class Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert self.path == "/v1/traces"
        for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
            [service] = [a.value.string_value for a in sent.resource.attributes if a.key == "service.name"]
            for scope in sent.scope_spans:
                for span in scope.spans:
                    self.server.services[span.trace_id.hex()].add(service)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_all_processes_send_their_spans_of_a_question_to_the_collector(
    collector: Collector, tmp_path: Path
) -> None:
    env = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}"}
    config = tmp_path / "run.yaml"
    config.write_text("dataset: {path: demo, max_samples: 1}")
    words = ["-m", "bench.cli", "run", str(config), "--out", str(tmp_path / "runs")]
    ended = subprocess.run([sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-2000:]
    everybody = {f"dsb-{name}" for name in ("bench", "router", "s1", "s2", "memory")}
    assert any(everybody <= services for services in collector.services.values()), dict(collector.services)
