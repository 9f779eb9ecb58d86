"""A device that a kernel broke: it is told from what fails for one question alone, and ends a service's process."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from shared.errors import DeviceLost, ModelError, OutOfMemory
from shared.vlm import PromptParts
from shared.vlm.engine import LocalVlm
from shared.vlm.threads import ModelThreads

PARTS = PromptParts(question="What?", labels=("A", "B"))
BROKEN = torch.AcceleratorError(
    "CUDA error: device-side assert triggered\nCUDA kernel errors might be reported late"
)

_CHILD = """
import sys
from shared.errors import DeviceLost
from shared.vlm.threads import ModelThreads

def broken():
    raise DeviceLost("its device is lost")

with ModelThreads(1, "model") as threads:
    threads.submit(broken).exception()
print("went on")
"""


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (BROKEN, DeviceLost, "failed at choosing an option: CUDA error: device-side assert triggered"),
        (torch.AcceleratorError("CUDA error: out of memory"), OutOfMemory, "use a smaller window"),
        (RuntimeError("shapes differ"), ModelError, "shapes differ"),
    ],
)
def test_a_lost_device_is_told_apart_from_what_one_question_fails_of(
    error: Exception, kind: type[Exception], says: str, vlm: LocalVlm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(*_: object, **__: object) -> torch.Tensor:
        raise error

    monkeypatch.setattr(vlm, "forward", forward)
    with pytest.raises(kind, match=says) as raised:
        vlm.choose(PARTS)
    assert type(raised.value) is kind


def test_a_process_ends_with_the_device_of_its_model() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _CHILD],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert ended.returncode == 70, ended.stderr[-2000:]
    assert "device_lost" in ended.stdout + ended.stderr
    assert "went on" not in ended.stdout


def test_every_other_failure_goes_to_who_asked() -> None:
    def fails() -> None:
        raise OutOfMemory("too much")

    with ModelThreads(1, "model") as threads:
        assert threads.submit(int, "12", base=8).result() == 10
        with pytest.raises(OutOfMemory):
            threads.submit(fails).result()
