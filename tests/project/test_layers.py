"""The rules of layers: who may import whom, read from the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bench", "dualstreambench", "services", "shared")
SERVICES = ("memory", "reader", "router", "s1", "s2")


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file names in an import, at whatever depth of the code."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield f"{node.module}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def breaches(package: str, *forbidden: str, allowed: str = "") -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources(package)
        for name in imports(path)
        if any(name == bad or name.startswith(f"{bad}.") for bad in forbidden)
        and not (allowed and str(path.relative_to(ROOT)).startswith(allowed))
    ]


def test_shared_imports_neither_services_nor_bench() -> None:
    assert breaches("shared", "services", "bench", "dualstreambench") == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_shared_and_itself_only(service: str) -> None:
    others = [f"services.{name}" for name in SERVICES if name != service]
    assert breaches(f"services/{service}", "bench", "dualstreambench", *others) == []


def test_bench_takes_no_logic_from_services() -> None:
    assert breaches("bench", "services") == []


@pytest.mark.parametrize("package", PACKAGES)
def test_only_the_bus_imports_the_broker_client(package: str) -> None:
    assert breaches(package, "nats", allowed="shared/bus/") == []


@pytest.mark.parametrize("package", [*PACKAGES, "tests", "deploy"])
def test_no_file_is_longer_than_400_lines(package: str) -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources(package)}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_the_services_have_one_anatomy() -> None:
    for service in SERVICES:
        for part in ("settings.py", "service.py"):
            assert (ROOT / "services" / service / part).is_file(), f"services/{service}/{part}"


@pytest.mark.parametrize("module", ["bench.cli", "services.reader.service", "services.router.service"])
def test_what_needs_no_model_starts_without_torch(module: str) -> None:
    heavy = "[name for name in ('torch', 'transformers') if name in sys.modules]"
    code = f"import sys, {module}; sys.exit(str({heavy} or ''))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.stderr.strip() == ""


@pytest.mark.parametrize(
    "module", ["bench.cli.app", "bench.cli.looking", "shared.service", "services.router.service"]
)
def test_a_services_image_needs_no_package_of_the_bench(module: str) -> None:
    forbidden = ("yaml", "av", "numpy", "psutil")
    code = f"import sys, {module}; sys.exit(str([m for m in {forbidden} if m in sys.modules] or ''))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.stderr.strip() == ""
