"""Prints what pip must install for some extras of the project, a line each, the project itself left out.

An image installs these in a layer of its own, which stays cached while only code changes:
`python deploy/requirements.py reader`; without a name, what every process needs.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

SELF = re.compile(r"dualstreambench\[([^\]]+)\]")


def requirements(project: dict[str, object], extras: list[str]) -> list[str]:
    """Requirements of the project with `extras`, extras that name other extras resolved; no line twice."""
    optional = project["optional-dependencies"]
    base = project["dependencies"]
    assert isinstance(optional, dict)
    assert isinstance(base, list)
    found = list(base)
    for extra in extras:
        if extra not in optional:
            raise SystemExit(f"requirements: no extra {extra!r}: choose from {', '.join(sorted(optional))}")
        for line in optional[extra]:
            inner = SELF.fullmatch(line)
            found += requirements(project, inner[1].split(",")) if inner else [line]
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    pyproject = Path(__file__).resolve().parent.parent / "pyproject.toml"
    print("\n".join(requirements(tomllib.loads(pyproject.read_text())["project"], sys.argv[1:])))
