"""A load generator in a model's place: it waits a stated time and says the same thing, whatever it is shown.

It shows what queues, workers and the broker cost when the model is not what limits them. It is no model and is never
scored: no distribution registers it. `plugged` makes it known, as a third party's backend, to the processes of one
stack alone, by an entry point in that stack's own folder.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from shared.errors import ModelError
from shared.vlm import GROUP, Choice, Generated, Image, ModelSpec, PromptParts, Unit

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BACKEND", "Sleeper", "load", "plugged"]

BACKEND = "load-sleep"
_DIST = "dsb_load_sleep-1.dist-info"


class Sleeper:
    """Looks like a `Vlm`; thread-safe, each call sleeps for itself."""

    unit_frames = 1
    label_logits = True

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.name = f"{BACKEND} {seconds:g} s (a load generator, no model)"
        self.fingerprint = f"{BACKEND}-{seconds:g}"

    def keep(self, jpeg: bytes, t: float, index: int) -> Unit:
        """A frame as it travels: nobody looks at it."""
        return Unit(cast("Tensor", np.zeros((0, 0), np.float32)), (), (), (t,), index)

    def encode(self, frames: Sequence[Image], times: Sequence[float], index: int) -> Unit:
        """The same, of a decoded frame."""
        return self.keep(b"", times[0], index)

    def choose(self, parts: PromptParts) -> Choice:
        """The first choice, after the stated time."""
        time.sleep(self._seconds)
        share = 1 / len(parts.choices)
        return Choice(parts.choices[0], dict.fromkeys(parts.choices, share), 0)

    def generate(self, parts: PromptParts, *, max_new_tokens: int) -> Generated:
        """One word, after the stated time."""
        time.sleep(self._seconds)
        return Generated("slept", 0, 1)


def load(spec: ModelSpec) -> Sleeper:
    """The backend: `path` is how many seconds it sleeps; raises `ModelError` where that is no number."""
    try:
        seconds = float(spec.path)
    except ValueError as error:
        raise ModelError(f"path {spec.path!r} of {BACKEND}: give the seconds to sleep, like 0.5") from error
    if not 0 <= seconds <= 600:
        raise ModelError(f"{seconds:g} s of {BACKEND} are out of range: give 0 to 600")
    return Sleeper(seconds)


def plugged(folder: Path, seconds: float) -> dict[str, str]:
    """The settings of a worker that sleeps; writes the entry point below `folder`."""
    info = folder / "plug" / _DIST
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dsb-load-sleep\nVersion: 1\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{BACKEND} = {__name__}:load\n", "utf-8")
    model = {"DSB_MODEL__BACKEND": BACKEND, "DSB_MODEL__PATH": f"{seconds:g}", "DSB_MODEL__PROBE": "false"}
    return {"PYTHONPATH": str(info.parent.resolve()), **model}
