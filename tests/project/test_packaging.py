"""The wheel: built, installed, and run where somebody else's `shared` and `bench` lie about."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from what git would give a clone, so that leftovers of the work tree can't help it."""
    clone, dist = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("dist")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            (clone / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(dist), str(clone)], check=True
    )
    return next(dist.glob("dualstreambench-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel, which borrows its dependencies from this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    lib = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"),
         "install", "-q", "--no-deps", "--no-index", str(wheel)],
        check=True,
    )  # fmt: skip
    # A path entry alone: the borrowed folder's own .pth files, an editable install among them, stay asleep.
    (lib / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder with packages of our names that break whoever imports them."""
    for name in ("shared", "bench", "services", "dualstreambench"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise SystemExit('imported the foreign {name}')\n")
    return tmp_path


def run(bin_folder: Path, folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [str(bin_folder / "dsb"), *args], cwd=folder, env=env, capture_output=True, text=True, timeout=280
    )


def test_the_wheel_carries_weights_and_configurations_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "weights/tiny-s1/model.safetensors",
        "weights/tiny-s2/model.safetensors",
        "configs/demo.yaml",
    ):
        assert any(name.endswith(needed) for name in names), needed
    assert not [name for name in names if name.startswith(("tests", "docs", "deploy"))]


def test_help_runs_beside_foreign_packages_of_the_same_names(installed: Path, foreign: Path) -> None:
    ended = run(installed, foreign, "--help")
    assert ended.returncode == 0, ended.stderr
    assert "demo" in ended.stdout


def test_doctor_runs_beside_foreign_packages_of_the_same_names(installed: Path, foreign: Path) -> None:
    ended = run(installed, foreign, "doctor")
    assert "foreign" not in ended.stdout + ended.stderr
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_run_over_the_embedded_stack_works_beside_foreign_packages(installed: Path, foreign: Path) -> None:
    """Its child processes must not find the foreign packages either."""
    ended = run(installed, foreign, "demo", "--max-samples", "1", "--name", "one")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (foreign / "runs/one/scores.json").is_file()
