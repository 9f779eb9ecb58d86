from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from shared.errors import ConfigError
from shared.health import HealthServer, probe
from shared.telemetry import counter


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


def test_a_taken_port_is_one_clear_line(server: HealthServer) -> None:
    with pytest.raises(ConfigError, match=r"DSB_HEALTH_PORT") as caught:
        HealthServer("127.0.0.1", server.port, live=lambda: "", ready=lambda: "")
    assert "\n" not in str(caught.value)
