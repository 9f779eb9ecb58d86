from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_CHILD = """
from shared.heap import give_back

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

# What is freed lies between what lives on, so that the heap can't shrink by itself.
held = [bytes(4000) for _ in range(50_000)]
kept = held[::50]
del held
before = resident_mb()
give_back()
print(before - resident_mb())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc_trim is a call of glibc alone")
def test_what_lies_free_between_what_lives_on_is_handed_back() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _CHILD], capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout) > 50
