"""The list of metrics, the dashboard and the provisioning say what the code does."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import services
import shared
from shared.telemetry import Declared, declared

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy/helm/dashboards/dualstreambench.json"
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}


@pytest.fixture(scope="module")
def code() -> dict[str, Declared]:
    """Every metric that a service can have; tests' own ones are left out."""
    for package in (services, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    return {name: metric for name, metric in declared().items() if "_test_" not in name}


def documented() -> dict[str, tuple[str, ...]]:
    """Kind and labels of each metric of the page, by name."""
    rows = re.findall(r"^\| `(dsb_\w+)` \| (\w+) \| ([^|]*)\|", (ROOT / "docs/metrics.md").read_text(), re.M)
    assert len({name for name, _, _ in rows}) == len(rows)
    return {name: (kind, *re.findall(r"`(\w+)`", labels)) for name, kind, labels in rows}


def panels() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return loaded


def expressions() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel.get("targets", []))


def test_the_page_lists_every_metric_of_the_code_with_its_labels(code: dict[str, Declared]) -> None:
    assert documented() == {name: (metric.kind, *metric.labels) for name, metric in code.items()}


def test_a_name_holds_its_unit(code: dict[str, Declared]) -> None:
    assert [name for name, one in code.items() if one.kind == "counter" and not name.endswith("_total")] == []
    assert [
        name for name, one in code.items() if one.kind == "histogram" and not name.endswith("_seconds")
    ] == []
    assert [name for name, one in code.items() if one.kind == "gauge" and name.endswith("_total")] == []


def test_the_dashboard_asks_for_metrics_there_are_and_by_their_own_labels(code: dict[str, Declared]) -> None:
    there = {f"{name}{end}": metric for name, metric in code.items() for end in SUFFIXES[metric.kind]}
    for expression in expressions():
        found = re.findall(r"\bdsb_\w+", expression)
        assert found, expression
        assert set(found) <= set(there), expression
        labels = {label for name in found for label in there[name].labels}
        labels |= {"le", "job", "instance", "namespace"}
        named = {label.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for label in by.split(",")}
        named |= set(re.findall(r"(\w+)\s*(?:=~|!~|=|!=)\s*\"", expression))
        assert named <= labels, expression
        assert expression.count("(") == expression.count(")")
        # Two releases that one Prometheus gathers are not added up unless somebody wants that.
        assert expression.count('{namespace=~"$namespace"') == len(found), expression


def test_every_metric_is_on_the_dashboard(code: dict[str, Declared]) -> None:
    text = "\n".join(expressions())
    assert [name for name in code if name not in text] == []


def test_the_dashboard_has_a_row_for_each_subject_and_no_two_panels_in_one_place() -> None:
    rows = [panel["title"].lower() for panel in panels() if panel["type"] == "row"]
    for subject in ("questions", "latency", "queue", "frames", "caches", "leases", "dead letters"):
        assert any(subject in row for row in rows), subject
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in panels()}) == len(places)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels())


def test_prometheus_looks_for_every_service_where_its_container_listens() -> None:
    config = yaml.safe_load((ROOT / "deploy/obs/prometheus.yml").read_text())
    [port] = re.findall(r"^EXPOSE (\d+)", (ROOT / "Dockerfile").read_text(), re.M)
    found = {
        (job["job_name"], job["dns_sd_configs"][0]["names"][0], job["dns_sd_configs"][0]["port"])
        for job in config["scrape_configs"]
    }
    names = {file.parent.name for file in (ROOT / "services").glob("*/service.py")}
    assert found == {(name, name, int(port)) for name in names}


def test_the_profile_obs_mounts_what_is_there_and_opens_no_port_to_others() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    watchers = {name: one for name, one in compose["services"].items() if one.get("profiles") == ["obs"]}
    assert set(watchers) == {"prometheus", "grafana"}
    for one in watchers.values():
        assert re.fullmatch(r"\$\{[A-Z_]+:-[\w/.-]+:v?\d+\.\d+\.\d+\}", one["image"])
        assert one["read_only"]
        assert one["cap_drop"] == ["ALL"]
        assert all(port.startswith("127.0.0.1:") for port in one["ports"])
        for mount in one["volumes"]:
            if mount.startswith("./"):
                assert (ROOT / mount.split(":")[0]).exists(), mount
                assert mount.endswith(":ro")
    [source] = yaml.safe_load((ROOT / "deploy/obs/grafana/datasources/prometheus.yaml").read_text())[
        "datasources"
    ]
    assert source["url"] == "http://prometheus:9090"
    [provider] = yaml.safe_load((ROOT / "deploy/obs/grafana/dashboards/dualstreambench.yaml").read_text())[
        "providers"
    ]
    mounts = dict(mount.split(":")[:2] for mount in watchers["grafana"]["volumes"])
    assert mounts["./deploy/helm/dashboards"] == provider["options"]["path"]


def _has_compose() -> bool:
    return shutil.which("docker") is not None and (
        subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not _has_compose(), reason="no docker with compose")
def test_compose_reads_the_profile_obs() -> None:
    said = subprocess.run(
        ["docker", "compose", "-f", "docker-compose.yml", "--profile", "obs", "config", "--services"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **{f"NATS_PW_{user}": "x" for user in _users()}},
    )
    assert said.returncode == 0, said.stderr
    assert {"prometheus", "grafana"} <= set(said.stdout.split())


def _users() -> list[str]:
    text = (ROOT / "docker-compose.yml").read_text()
    return sorted(set(re.findall(r"\$\{NATS_PW_(\w+):", text)))
