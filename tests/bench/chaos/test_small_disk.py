"""A disk that fills: only the process that mounts it, and its children, see it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.chaos.disk import can_mount

_FILL = """
import errno, sys
from pathlib import Path
from bench.chaos.disk import SmallDisk
folder = Path(sys.argv[1])
disk = SmallDisk(folder, size_mb=2)
(folder / "held").write_bytes(b"x" * 1000)
disk.fill()
try:
    (folder / "more").write_bytes(b"x" * 8192)
except OSError as error:
    print(errno.errorcode[error.errno])
disk.free()
(folder / "more").write_bytes(b"x" * 8192)
print((folder / "held").stat().st_size, (folder / "more").stat().st_size)
"""


@pytest.mark.skipif(not can_mount(), reason="mounting a disk needs Linux and root")
def test_a_small_disk_fills_and_is_freed_and_nobody_else_sees_it(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(tmp_path)], capture_output=True, text=True, timeout=60, env=env
    )
    if "can be mounted" in done.stderr:
        pytest.skip("this machine lets nobody mount a disk")
    assert done.stdout.split() == ["ENOSPC", "1000", "8192"], done.stderr
    assert list(tmp_path.iterdir()) == []
