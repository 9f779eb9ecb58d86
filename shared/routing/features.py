"""What the `learned` policy looks at: the question's embedding, and a few numbers about question and stream.

All of them are known before anybody answers, and are functions of stream time, never of load.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from shared.messages import Form, Question
from shared.routing.policy import StreamState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from shared.memory import Encoder

__all__ = ["STREAM_FEATURES", "features", "stream_features"]

_FORMS = tuple(Form)
STREAM_FEATURES: tuple[str, ...] = (
    "log_t",
    "log_frames",
    "log_notes",
    "log_asked",
    "log_since",
    "first_question",
    "log_words",
    "options",
    *(f"form={form}" for form in _FORMS),
)
"""Names of what stands behind the embedding, in order."""


def stream_features(question: Question, state: StreamState) -> list[float]:
    """The numbers that `STREAM_FEATURES` names."""
    return [
        math.log1p(state.t),
        math.log1p(state.frames),
        math.log1p(state.notes),
        math.log1p(state.asked),
        math.log1p(state.since_s or 0.0),
        float(state.since_s is None),
        math.log1p(len(question.text.split())),
        float(len(question.options)),
        *(float(question.form is form) for form in _FORMS),
    ]


def features(encoder: Encoder, question: Question, state: StreamState) -> NDArray[np.float64]:
    """The whole row, `[dim + len(STREAM_FEATURES)]`."""
    import numpy as np

    return np.concatenate([encoder.encode(question.text), stream_features(question, state)], dtype=np.float64)
