"""The `llm` policy: a language model is asked whether the fast or the slow system should answer.

Any model of the model layer will do, local or behind an API. One that gives label logits decides in one forward pass,
and its probability is the score; another one writes, and its first `fast` or `slow` counts.
"""

from __future__ import annotations

import re
import threading
from typing import cast

from shared.errors import ModelError
from shared.messages import Option, Path, Question
from shared.routing.policy import Decision, StreamState
from shared.vlm import Generated, ModelSpec, PromptParts, Vlm, load_vlm

__all__ = ["Llm", "spec_of"]

_ASK = (
    "Two systems can answer a question about a live video. FAST sees only the last few seconds, and answers at once. "
    "SLOW looks further back, reads notes about the past, and takes longer. Which of them should answer this: {text}"
)
_OPTIONS = (Option(key="A", text="FAST"), Option(key="B", text="SLOW"))
_SAID = re.compile(r"\b(fast|slow)\b|^\W*([ab])\b", re.IGNORECASE)
_TOKENS = 16


class Llm:
    """Asks a model; loads it at the first question. A local model is asked one question at a time."""

    def __init__(self, spec: ModelSpec, threshold: float | None = None) -> None:
        self._spec, self._threshold = spec, 0.5 if threshold is None else threshold
        self._vlm: Vlm | None = None
        self._lock = threading.Lock()

    def load(self) -> None:
        """Load the model; raises `ModelError`."""
        with self._lock:
            self._vlm = self._vlm or load_vlm(self._spec)

    def decide(self, question: Question, state: StreamState) -> Decision:
        """Where the model says; raises `ModelError` when it fails, or says neither."""
        parts = PromptParts(question=_ASK.format(text=question.text), options=_OPTIONS)
        self.load()
        vlm = cast(Vlm, self._vlm)
        if getattr(vlm, "label_logits", True):
            with self._lock:
                score = round(vlm.choose(parts).probs["B"], 6)
            return self._decision(score, f"{vlm.name}: slow {score:.3f}")
        return self._read(vlm.name, vlm.generate(parts, max_new_tokens=_TOKENS))

    def _read(self, name: str, written: Generated) -> Decision:
        found = _SAID.search(written.text)
        if found is None:
            said = " ".join(written.text.split())[:60]
            raise ModelError(f"{name} said {said!r}: neither FAST nor SLOW")
        slow = (found[1] or found[2]).lower() in ("slow", "b")
        decision = self._decision(float(slow), f"{name}: {'slow' if slow else 'fast'}")
        return decision._replace(cost=written.spent.cost_usd)

    def _decision(self, score: float, reason: str) -> Decision:
        return Decision((Path.S2 if score >= self._threshold else Path.S1,), score, reason)


def spec_of(name: str) -> ModelSpec:
    """`provider/model`, or the name or folder of a local model."""
    from shared.vlm.providers import PROVIDERS

    backend, _, model = name.partition("/")
    if backend in PROVIDERS and model:
        return ModelSpec(backend=backend, path=model)
    return ModelSpec(path=name)
