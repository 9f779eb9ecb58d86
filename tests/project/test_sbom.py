"""Bills of materials: valid CycloneDX, of the versions that images install, each package reached from the image."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ("reader", "router", "s1", "s2", "memory", "bench")
IMAGES = (*PYTHON, "nats")


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("sbom")
    subprocess.run([sys.executable, str(ROOT / "deploy/sbom.py"), "--out", str(out)], check=True)
    return {image: (out / f"{image}.cdx.json").read_text() for image in IMAGES}


def names(bill: str) -> set[str]:
    return {component["name"] for component in json.loads(bill)["components"]}


@pytest.mark.parametrize("image", IMAGES)
def test_a_bill_is_valid_cyclonedx(bills: dict[str, str], image: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bills[image]) is None


@pytest.mark.parametrize("image", PYTHON)
def test_every_version_is_the_locked_one(bills: dict[str, str], image: str) -> None:
    pins = {
        name.lower().replace("_", "-").replace(".", "-"): version
        for name, version in (
            line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
        )
    }
    open_ones = {c["name"] for c in json.loads(bills[image])["components"] if c["name"] not in pins}
    assert open_ones <= {"setuptools"}
    for component in json.loads(bills[image])["components"]:
        if component["name"] not in open_ones:
            assert component["version"] == pins[component["name"]]


@pytest.mark.parametrize("image", IMAGES)
def test_every_package_is_reached_from_the_image(bills: dict[str, str], image: str) -> None:
    bill: dict[str, Any] = json.loads(bills[image])
    links = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    seen: set[str] = set()
    todo = [bill["metadata"]["component"]["bom-ref"]]
    while todo:
        ref = todo.pop()
        if ref not in seen:
            seen.add(ref)
            todo += links[ref]
    assert seen == set(links) == {image} | {component["purl"] for component in bill["components"]}


def test_images_name_what_they_carry_and_no_more(bills: dict[str, str]) -> None:
    found = {image: names(bills[image]) for image in PYTHON}
    assert all("nats-py" in packages and "nkeys" in packages for packages in found.values())
    assert {image for image in PYTHON if "torch" in found[image]} == {"s1", "s2", "memory", "bench"}
    assert {image for image in PYTHON if "av" in found[image]} >= {"reader", "bench"}
    assert "pytest" not in set.union(*found.values())


def test_the_bill_of_the_broker_names_the_version_that_its_image_is_built_from(bills: dict[str, str]) -> None:
    [server] = json.loads(bills["nats"])["components"]
    assert server["name"] == "nats-server"
    for file in ("deploy/nats/Dockerfile", "docker-compose.yml"):
        assert f"nats:{server['version']}-alpine" in (ROOT / file).read_text()


def test_the_same_inputs_give_the_same_bytes(bills: dict[str, str], tmp_path: Path) -> None:
    again = [sys.executable, str(ROOT / "deploy/sbom.py"), "--out", str(tmp_path), "--image", "router"]
    subprocess.run(again, check=True)
    assert (tmp_path / "router.cdx.json").read_text() == bills["router"]
