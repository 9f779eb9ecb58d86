from __future__ import annotations

import contextlib
import socket
import urllib.error
import urllib.request

import pytest

from shared import health
from shared.errors import ConfigError
from shared.health import HealthServer, probe
from shared.telemetry import counter, exemplar, histogram


@pytest.fixture
def trouble() -> dict[str, str]:
    return {"live": "", "ready": "loading"}


@pytest.fixture
def server(trouble: dict[str, str]):
    server = HealthServer("127.0.0.1", 0, live=lambda: trouble["live"], ready=lambda: trouble["ready"])
    yield server
    server.close()


def url(server: HealthServer, path: str) -> str:
    return f"http://127.0.0.1:{server.port}{path}"


def test_readiness_says_why_not_and_turns_to_ok(server: HealthServer, trouble: dict[str, str]) -> None:
    assert probe(url(server, "/readyz")) == "loading"
    trouble["ready"] = ""
    assert probe(url(server, "/readyz")) == ""


def test_liveness_is_apart_from_readiness(server: HealthServer) -> None:
    assert probe(url(server, "/livez")) == ""


def test_metrics_are_served_with_the_project_prefix(server: HealthServer) -> None:
    counter("health_test_total", "For this test").inc()
    with urllib.request.urlopen(url(server, "/metrics"), timeout=3) as reply:
        assert b"dsb_health_test_total 1.0" in reply.read()


def test_other_pages_do_not_exist(server: HealthServer) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(url(server, "/admin"), timeout=3)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/admin"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(server: HealthServer, path: str, method: str) -> None:
    request = urllib.request.Request(url(server, path), method=method, data=b"x" * 1000)
    with pytest.raises((urllib.error.HTTPError, ConnectionError)) as caught:
        urllib.request.urlopen(request, timeout=3)
    if isinstance(caught.value, urllib.error.HTTPError):
        assert caught.value.code == 405


def test_exemplars_are_given_to_who_accepts_openmetrics(server: HealthServer) -> None:
    trace = f"00-{'ab' * 16}-{'cd' * 8}-01"
    histogram("health_test_seconds", "For this test").observe(0.2, exemplar(trace))
    wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
    for headers, there in (({}, False), (wanted, True)):
        request = urllib.request.Request(url(server, "/metrics"), headers=headers)
        with urllib.request.urlopen(request, timeout=3) as reply:
            assert (f'trace_id="{"ab" * 16}"'.encode() in reply.read()) is there


def test_who_keeps_it_waiting_is_let_go_and_holds_up_nobody(
    server: HealthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_LONGEST_S", 0.2)
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
    idle[0].sendall(b"GET /livez HTTP/1.1\r\nX-Long: ")
    assert probe(url(server, "/livez")) == ""
    for one in idle:
        one.settimeout(20)
        assert one.recv(1) == b""
        one.close()


def test_no_more_connections_are_held_than_there_is_room_for(
    server: HealthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_AT_ONCE", 1)
    with socket.create_connection(("127.0.0.1", server.port)) as held:
        held.sendall(b"GET ")
        with socket.create_connection(("127.0.0.1", server.port)) as more:
            more.settimeout(20)
            assert more.recv(1) == b""


@pytest.mark.parametrize("flood", [b"X: 1\r\n" * 1000, b"X: " + b"x" * 100_000 + b"\r\n"])
def test_a_flood_of_headers_is_refused(server: HealthServer, flood: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.settimeout(20)
        line.sendall(b"GET /livez HTTP/1.1\r\n" + flood + b"\r\n")
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while more := line.recv(4096):
                said += more
    assert b" 200 " not in said
    assert probe(url(server, "/livez")) == ""


def test_a_taken_port_is_one_clear_line(server: HealthServer) -> None:
    with pytest.raises(ConfigError, match=r"DSB_HEALTH_PORT") as caught:
        HealthServer("127.0.0.1", server.port, live=lambda: "", ready=lambda: "")
    assert "\n" not in str(caught.value)
