"""The `learned` policy: a calibrated classifier that says how likely only S1, or only S2, is right.

Three classes (only S1 right, no difference, only S2 right), a linear model on standardised features, and a temperature
that calibrates it (Guo et al. 2017). It is trained by `dsb route train`; its file holds nothing but numbers, so that
deciding needs no scikit-learn, and reading it runs no code.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.messages import Path, Question
from shared.routing.features import STREAM_FEATURES, features
from shared.routing.files import read_policy, shared_encoder
from shared.routing.policy import Decision, StreamState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

__all__ = ["CLASSES", "Learned", "LearnedFile", "load_learned", "probabilities"]

CLASSES = ("s1 only", "no difference", "s2 only")


class LearnedFile(BaseModel):
    """What `learned:FILE` reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_: Annotated[Literal["dsb.router/1"], Field(alias="schema")] = "dsb.router/1"
    kind: Literal["learned"] = "learned"
    encoder: str = "minilm"
    dim: Annotated[int, Field(ge=1)]
    """Of the embedding."""
    stream: tuple[str, ...]
    """Names of the other features; must be those that this version computes."""
    mean: tuple[float, ...]
    scale: tuple[Annotated[float, Field(gt=0)], ...]
    weights: tuple[tuple[float, ...], ...]
    """A row a class of `CLASSES`, a column a standardised feature."""
    bias: tuple[float, ...]
    temperature: Annotated[float, Field(gt=0)] = 1.0
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    """From this score on S2 is asked."""
    trained: dict[str, Any] = {}
    """On what, and what came of it; for people."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        width = self.dim + len(self.stream)
        if self.stream != STREAM_FEATURES:
            raise ValueError("its stream features are those of another version: train it again")
        rows = [self.mean, self.scale, *self.weights]
        if len(self.weights) != len(CLASSES) or len(self.bias) != len(CLASSES):
            raise ValueError(f"{len(self.weights)} rows of weights, must be {len(CLASSES)}")
        if any(len(row) != width for row in rows):
            raise ValueError(f"a row is not {width} numbers long")
        return self


class Learned:
    """Score = 1/2 + (P[only S2 right] − P[only S1 right])/2: the expected gain of asking S2, from 0 to 1."""

    def __init__(self, file: LearnedFile, threshold: float | None = None) -> None:
        self._file = file
        self._threshold = file.threshold if threshold is None else threshold

    def load(self) -> None:
        """Load the encoder; raises `ModelError`."""
        shared_encoder(self._file.encoder)

    def decide(self, question: Question, state: StreamState) -> Decision:
        """S2 from the threshold on; raises `ModelError` when the encoder can't be loaded."""
        row = features(shared_encoder(self._file.encoder), question, state)
        mean, scale, weights, bias = self._numbers
        logits = ((row - mean) / scale) @ weights.T + bias
        only_s1, _, only_s2 = probabilities(logits, self._file.temperature).tolist()
        score = round(0.5 + (only_s2 - only_s1) / 2, 6)
        path = Path.S2 if score >= self._threshold else Path.S1
        return Decision((path,), score, f"only S1 right {only_s1:.3f}, only S2 right {only_s2:.3f}")

    @cached_property
    def _numbers(self) -> tuple[Matrix, ...]:
        import numpy as np

        file = self._file
        return tuple(np.array(part, np.float64) for part in (file.mean, file.scale, file.weights, file.bias))


def probabilities(logits: Matrix, temperature: float) -> Matrix:
    """Softmax over the last axis at a temperature."""
    import numpy as np

    scaled = logits / temperature
    raised = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float64)


def load_learned(path: str, threshold: float | None = None) -> Learned:
    """Read a trained policy; raises `ConfigError`."""
    return Learned(read_policy(path, LearnedFile), threshold)
