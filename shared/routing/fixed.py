"""Policies that look at nothing but the question's key: one way for all, at random, or as a file says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path as FilePath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import ConfigError
from shared.messages import Path, Question
from shared.routing.files import why_unread
from shared.routing.policy import Decision, StreamState

__all__ = ["Fixed", "Pin", "PinFile", "Pinned", "Random", "load_pins"]


_S1, _S2 = (Path.S1,), (Path.S2,)


class Fixed:
    """Every question takes the same way."""

    def __init__(self, *paths: Path) -> None:
        self._decision = Decision(paths, None, "fixed")

    def decide(self, question: Question, state: StreamState) -> Decision:
        """The same paths, always."""
        return self._decision


class Random:
    """A share `rho` of questions goes to S2, chosen by a hash of seed and key: the same ones on every machine."""

    def __init__(self, rho: float, seed: int) -> None:
        self._rho, self._prefix = rho, f"{seed}\0".encode()
        self._reason = f"drawn with share {rho:g}, seed {seed}"

    def decide(self, question: Question, state: StreamState) -> Decision:
        """S2 where the hash, as a number from 0 to 1, is below `rho`."""
        digest = hashlib.sha256(self._prefix + question.key.encode()).digest()
        drawn = int.from_bytes(digest[:8], "big") / 2**64
        return Decision(_S2 if drawn < self._rho else _S1, round(1.0 - drawn, 9), self._reason)


class Pin(BaseModel):
    """The decision on one question."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    paths: tuple[Path, ...]
    """Paths to ask now; none where all that is needed is known already."""
    score: float | None = None
    reason: str = ""


class PinFile(BaseModel):
    """What `pinned:FILE` reads: decisions that were made elsewhere, by question key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: str
    """Whose decisions they are."""
    decisions: Annotated[dict[str, Pin], Field(min_length=1)]


class Pinned:
    """Decides as a file says; a question that isn't in it goes to S1."""

    def __init__(self, file: PinFile) -> None:
        self._file = file

    def decide(self, question: Question, state: StreamState) -> Decision:
        """The decision that stands in the file."""
        pin = self._file.decisions.get(question.key)
        if pin is None:
            return Decision((Path.S1,), None, f"{self._file.policy}: not in the file")
        return Decision(pin.paths, pin.score, f"{self._file.policy}: {pin.reason}")


def load_pins(path: str | FilePath) -> Pinned:
    """Read decisions from a file; raises `ConfigError`."""
    try:
        return Pinned(PinFile.model_validate(json.loads(FilePath(path).read_text("utf-8"))))
    except (OSError, ValueError, ValidationError) as error:
        raise ConfigError(
            f"decisions file {path}: {why_unread(error)}; `dsb route rerun` writes such files"
        ) from error
