"""What is in an image, Python packages or the broker: a CycloneDX bill of materials, a JSON file for each image.

`python deploy/sbom.py --out sbom [--image s1]`. Versions are those of constraints.txt, which images install with; who
needs whom, and under which licence, is read from this environment's metadata. The same inputs give the same bytes.
What the base image brings (Python, Debian, Alpine) is not in it. The broker's version is that of its image's tag, which
leaves the last digit open.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

sys.path.insert(0, str(Path(__file__).resolve().parent))
from requirements import requirements

ROOT = Path(__file__).resolve().parent.parent
BROKER = "nats"
IMAGES = ("reader", "router", "s1", "s2", "memory", "bench", BROKER)
_LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
_BROKER = re.compile(r"^ARG NATS_IMAGE=nats:([\d.]+)", re.MULTILINE)
_INSTALLED = re.compile(r"requirements\.py([\w ]*) \| pip|constraints\.txt (torch)$", re.MULTILINE)


def stages(dockerfile: str) -> dict[str, tuple[str, str]]:
    """Stages by name: what each is made from, and its text."""
    found = re.findall(r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", dockerfile, re.MULTILINE | re.DOTALL)
    return {name: (base, text) for base, name, text in found}


def wanted(image: str, dockerfile: str, project: dict[str, Any]) -> list[Requirement]:
    """What the stages of an image tell pip to install."""
    made, found, stage = stages(dockerfile), [], image
    while stage in made:
        stage, text = made[stage]
        for extras, torch in _INSTALLED.findall(text):
            lines = [torch] if torch else requirements(project, extras.split())
            found += [Requirement(line) for line in lines]
    return found


def locked(constraints: str) -> dict[str, str]:
    """Versions by canonical name."""
    pairs = re.findall(r"^([\w.-]+)==([\w.!+-]+)$", constraints, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pairs}


def closure(roots: list[Requirement]) -> dict[str, set[str]]:
    """Every package that comes with the roots, by canonical name, with those that it needs itself."""
    found: dict[str, set[str]] = {}
    asked: set[tuple[str, frozenset[str]]] = set()
    todo = list(roots)
    while todo:
        one = todo.pop()
        name, extras = canonicalize_name(one.name), frozenset(one.extras)
        if (name, extras) in asked:
            continue
        asked.add((name, extras))
        needs = list(_needs(name, extras))
        found.setdefault(name, set()).update(canonicalize_name(need.name) for need in needs)
        todo += needs
    return found


def _needs(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        raise SystemExit(
            f"sbom: {name} is not installed here: build the environment with `make venv`"
        ) from None
    for need in map(Requirement, lines):
        if need.marker is None or any(
            need.marker.evaluate({**_LINUX, "extra": extra}) for extra in ("", *extras)
        ):
            yield need


def component(name: str, version: str, *, locked: bool) -> dict[str, Any]:
    """One package; one that the constraints leave open (setuptools) says so, and has the version that is here."""
    about = metadata.metadata(name)
    made: dict[str, Any] = {
        "type": "library",
        "bom-ref": _purl(name, version),
        "name": name,
        "version": version,
    }
    if about.get("Summary"):
        made["description"] = about["Summary"]
    if expression := about.get("License-Expression"):
        made["licenses"] = [{"expression": expression}]
    elif named := _named(about):
        made["licenses"] = [{"license": {"name": named}}]
    if not locked:
        made["properties"] = [{"name": "dualstreambench:locked", "value": "false"}]
    return {**made, "purl": _purl(name, version)}


def _named(about: Any) -> str:
    for label in about.get_all("Classifier") or []:
        if label.startswith("License ::"):
            return str(label.rpartition(" :: ")[2])
    return str(about.get("License") or "").strip().split("\n")[0][:100]


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"


def bill(
    image: str, needs: Mapping[str, set[str]], versions: Mapping[str, str], version: str
) -> dict[str, Any]:
    """The document of an image with Python packages."""
    chosen = {name: versions.get(name) or metadata.version(name) for name in needs}
    refs = {name: _purl(name, chosen[name]) for name in needs}
    links = {refs[name]: [refs[need] for need in needs[name]] for name in needs}
    parts = [component(name, chosen[name], locked=name in versions) for name in sorted(needs)]
    return document(image, version, parts, links)


def broker(dockerfile: str, version: str) -> dict[str, Any]:
    """The document of the broker's image: one program, on a base image."""
    found = _BROKER.search(dockerfile)
    if found is None:
        raise SystemExit("sbom: deploy/nats/Dockerfile names no NATS_IMAGE=nats:VERSION")
    purl = f"pkg:golang/github.com/nats-io/nats-server/v2@v{found[1]}"
    program = {
        "type": "application",
        "bom-ref": purl,
        "name": "nats-server",
        "version": found[1],
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "purl": purl,
    }
    return document(BROKER, version, [program], {purl: []})


def document(
    image: str, version: str, parts: list[dict[str, Any]], links: Mapping[str, list[str]]
) -> dict[str, Any]:
    """A bill of these components, each with what it depends on."""
    top = {"type": "container", "bom-ref": image, "name": f"dualstreambench/{image}", "version": version}
    body = {
        "metadata": {"component": {**top, "licenses": [{"license": {"id": "MIT"}}]}},
        "components": parts,
        "dependencies": [
            {"ref": image, "dependsOn": sorted(links)},
            *({"ref": ref, "dependsOn": sorted(links[ref])} for ref in sorted(links)),
        ],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    head = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
    }
    return {"$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", **head, **body}


def bill_of(image: str) -> dict[str, Any]:
    """The document of an image of this project."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    if image == BROKER:
        return broker((ROOT / "deploy/nats/Dockerfile").read_text(), str(project["version"]))
    roots = wanted(image, (ROOT / "Dockerfile").read_text(), project)
    versions = locked((ROOT / "constraints.txt").read_text())
    return bill(image, closure(roots), versions, str(project["version"]))


def main() -> None:
    """Write the files, and say how many components each names."""
    parser = argparse.ArgumentParser(description="CycloneDX bills of materials of the images")
    parser.add_argument("--out", type=Path, default=Path("sbom"), help="folder to write to")
    parser.add_argument("--image", choices=IMAGES, action="append", help="this image alone; may be repeated")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for image in options.image or IMAGES:
        made = bill_of(image)
        path = options.out / f"{image}.cdx.json"
        path.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
        print(f"{path}: {len(made['components'])} components")


if __name__ == "__main__":
    main()
