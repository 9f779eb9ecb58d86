"""What tests of the memory share: a quick encoder without a model, and notes."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from shared.memory import Vector
from shared.messages import Note


class HashEncoder:
    """A unit vector per text, drawn from a generator seeded with the text."""

    name = "hash"

    def __init__(self, dim: int = 24) -> None:
        self.dim = dim

    def encode(self, text: str) -> Vector:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        raw = np.random.default_rng(seed).standard_normal(self.dim)
        return np.asarray(raw / np.linalg.norm(raw), dtype=np.float32)

    def forget(self) -> None:
        """It remembers nothing."""


def note(seq: int, text: str = "a red circle", **fields: Any) -> Note:
    """A note of opening `one`, five seconds after the one before."""
    t = fields.pop("t_end", 5.0 * seq)
    return Note(
        **{"opening": "one", "run": "run-1", "seq": seq, "t_start": t, "t_end": t, "text": text, **fields}
    )
