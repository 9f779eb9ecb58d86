"""The `semantic` policy: does the question sound more like the ones for S2, or like the ones for S1?

A sentence encoder compares it with two lists of example questions (prototypes). Prototypes and threshold stand in a
JSON file; `prototypes.json` ships, `dsb route train --kind semantic` fits the threshold on other data.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.messages import Path, Question
from shared.routing.files import read_policy, shared_encoder
from shared.routing.policy import Decision, StreamState

if TYPE_CHECKING:
    from shared.memory import Vector

__all__ = ["Semantic", "SemanticFile", "load_semantic"]

_NEAREST = 3


class SemanticFile(BaseModel):
    """What `semantic:FILE` reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_: Annotated[Literal["dsb.router/1"], Field(alias="schema")]
    kind: Literal["semantic"]
    encoder: str = "minilm"
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    """From this score on S2 is asked."""
    s1: Annotated[tuple[str, ...], Field(min_length=1)]
    """Questions that S1 ought to answer."""
    s2: Annotated[tuple[str, ...], Field(min_length=1)]
    trained: dict[str, Any] = {}
    """On what, and what came of it; for people."""


class Semantic:
    """Score = 1/2 + (sim₂ − sim₁)/2, where simₛ is the mean cosine with the three nearest prototypes of s."""

    def __init__(self, file: SemanticFile, threshold: float | None = None) -> None:
        self._file = file
        self._threshold = file.threshold if threshold is None else threshold

    def load(self) -> None:
        """Load the encoder, and encode the prototypes; raises `ModelError`."""
        self._nearnesses("What is there?")

    def decide(self, question: Question, state: StreamState) -> Decision:
        """S2 from the threshold on; raises `ModelError` when the encoder can't be loaded."""
        first, second = self._nearnesses(question.text)
        score = round(min(1.0, max(0.0, 0.5 + (second - first) / 2)), 6)
        path = Path.S2 if score >= self._threshold else Path.S1
        return Decision((path,), score, f"like S1's {first:.2f}, like S2's {second:.2f}")

    def _nearnesses(self, text: str) -> list[float]:
        vector = shared_encoder(self._file.encoder).encode(text)
        return [_nearness(vector, prototypes) for prototypes in self._prototypes]

    @cached_property
    def _prototypes(self) -> list[list[Vector]]:
        encode = shared_encoder(self._file.encoder).encode
        return [[encode(text) for text in texts] for texts in (self._file.s1, self._file.s2)]


def load_semantic(path: str, threshold: float | None = None) -> Semantic:
    """Read a policy file; the shipped one where `path` is empty. Raises `ConfigError`."""
    return Semantic(read_policy(path, SemanticFile, shipped="prototypes.json"), threshold)


def _nearness(vector: Vector, prototypes: list[Vector]) -> float:
    found = sorted(float(vector @ prototype) for prototype in prototypes)[-_NEAREST:]
    return sum(found) / len(found)
