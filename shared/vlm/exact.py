"""Exact mode: before a model is used, a probe clip shows whether its caches change an answer.

A plain forward pass over a few made-up frames is compared with the same prompt answered from cached units and
from a reused prefix, prefilled while the frames arrived.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from shared.errors import ModelError
from shared.vlm.base import PromptParts, Reuse, Unit
from shared.vlm.engine import LocalVlm
from shared.vlm.prompt import DESCRIBE

__all__ = ["TOLERANCE", "difference", "require_exact"]

TOLERANCE = 5e-5
"""Largest difference of logits in exact mode: what reordered float32 sums come to."""
_FRAMES, _STRIDE, _SIDE = 6, 2, 96
_STREAM = "probe clip"


def difference(vlm: LocalVlm) -> float:
    """The largest difference of logits that the caches make on the probe clip; blocks, raises `ModelError`."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (_SIDE, _SIDE, 3), dtype=np.uint8) for _ in range(_FRAMES)]
    units: list[Unit] = []
    for index, picture in enumerate(pictures):
        units.append(_encoded(vlm, picture, index))
        vlm.prefill(_parts(units, reuse=True))
    with torch.inference_mode():
        reused = vlm.logits(_parts(units, reuse=True)).float()
        vlm.prefixes.forget(_STREAM)
        # Frames encoded anew, in another order: a unit must not depend on what the tower saw before.
        anew = [_encoded(vlm, picture, index) for index, picture in reversed(list(enumerate(pictures)))]
        plain = vlm.logits(_parts(anew[::-1], reuse=False)).float()
    return float((reused - plain).abs().max())


def require_exact(vlm: LocalVlm) -> float:
    """As `difference`; raises `ModelError` where it is more than exact mode allows."""
    found = difference(vlm)
    if found > TOLERANCE:
        raise ModelError(
            f"model {vlm.name!r} is not exact: its caches move logits by {found:.1e}, exact mode allows "
            f"{TOLERANCE:.0e}; use dtype float32, or exact: false and look at the reported difference"
        )
    return found


def _encoded(vlm: LocalVlm, picture: np.ndarray, index: int) -> Unit:
    return vlm.encode([picture] * vlm.unit_frames, [float(index)] * vlm.unit_frames, index)


def _parts(units: list[Unit], *, reuse: bool) -> PromptParts:
    parts = PromptParts(tuple(units), question=DESCRIBE)
    return replace(parts, reuse=Reuse(_STREAM, _STRIDE)) if reuse else parts
