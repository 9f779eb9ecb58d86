"""How a local model answers behind a prompt that was run: label logits, text, JSON, each behind a thought if asked.

The engine runs prompts and knows nothing of answers; this reads and writes them and knows nothing of caches.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from shared.errors import ModelError
from shared.vlm import prompt as wording
from shared.vlm.base import Choice, Generated, PromptParts
from shared.vlm.checkpoint import Checkpoint
from shared.vlm.constrained import JsonMode
from shared.vlm.labels import label_tokens
from shared.vlm.loading import Parts
from shared.vlm.spec import ModelSpec
from shared.vlm.writing import Pick, Run, Thinking, Written, picker, write

__all__ = ["Answerer", "Begun"]


_LABEL_SETS = 1000


class Begun(NamedTuple):
    """A prompt that was run."""

    ids: list[int]
    logits: Tensor
    """`[vocabulary]` behind its last token."""
    run: Run
    """Only where the prompt was run to go on from."""
    reused: int
    """Of its tokens, those that had been computed before."""
    reused_s: float
    """Wall-clock seconds that computing those had taken."""


class _Thought(NamedTuple):
    """What stands between the prompt and the answer."""

    tokens: list[int]
    logits: Tensor
    """Where the answer begins."""
    used: int
    """Tokens of prompt and thought."""


class Answerer:
    """Of one loaded model; thread-safe. Raises `ModelError` where the settings ask for what it can't do."""

    def __init__(self, checkpoint: Checkpoint, spec: ModelSpec, parts: Parts, *, limit: int) -> None:
        self._spec, self._tokenizer, self._limit = spec, parts.tokenizer, limit
        self._heat, self._word_heat = checkpoint.temperature, checkpoint.word_temperature
        self._ends = _end_tokens(parts)
        self._label_ids: dict[tuple[str, ...], list[list[int]]] = {}
        self.lock = threading.Lock()
        """Held while the tokenizer is used: fast ones refuse concurrent use of one object."""
        budget = spec.thinking_tokens
        self._thinking = None if budget is None else Thinking(parts.tokenizer, budget)
        self._json: JsonMode | None = None
        if spec.structured:
            size = int(parts.model.config.get_text_config().vocab_size)
            self._json = JsonMode(
                parts.tokenizer, vocabulary=size, ends=sorted(self._ends), name=checkpoint.name
            )

    def settled(self, parts: PromptParts) -> PromptParts:
        """With the settings' word on thinking; a model without a way of its own is asked to think."""
        if self._thinking is None:
            return replace(parts, think=None)
        parts = replace(parts, think=bool(parts.think and self._thinking.budget))
        if not parts.think or self._thinking.marked:
            return parts
        return replace(parts, closing=f"{wording.THINK_FIRST} {wording.last_line(parts)}".strip())

    def opened(self, rendered: str, parts: PromptParts) -> str:
        """A rendered prompt, up to where the model begins to write."""
        return self._thinking.opened(rendered) if self._thinking is not None and parts.think else rendered

    def choose(self, parts: PromptParts, begun: Begun) -> Choice:
        """The likeliest of `parts.choices`, behind the thought."""
        thought = self._thought(parts, begun, self._pick(parts, begun), room=1)
        probs = self._label_probs(thought.logits, parts.choices)
        return Choice(
            max(probs, key=probs.__getitem__),
            probs,
            len(begun.ids),
            begun.reused,
            begun.reused_s,
            output_tokens=len(thought.tokens) + 1,
            thought=self._text(thought.tokens),
        )

    def written(self, parts: PromptParts, begun: Begun, *, max_new_tokens: int) -> Generated:
        """Text to an end token, a stop text, the end of JSON, the token limit, or the end of the context."""
        room, pick = self._spec.max_tokens or max_new_tokens, self._pick(parts, begun)
        thought = self._thought(parts, begun, pick, room=room)
        written = self._write(parts, thought, begun.run, pick, min(room, self._limit - thought.used))
        return Generated(
            self._cut(self._text(written.tokens)).strip(),
            len(begun.ids),
            len(thought.tokens) + len(written.tokens),
            begun.reused,
            self._begun_with(parts, thought.logits, written.tokens),
            reused_s=begun.reused_s,
            thought=self._text(thought.tokens),
        )

    def _thought(self, parts: PromptParts, begun: Begun, pick: Pick, *, room: int) -> _Thought:
        """A thought that leaves `room` tokens to the answer, or nothing."""
        if self._thinking is None or not parts.think:
            return _Thought([], begun.logits, len(begun.ids))
        around = self._thinking.around
        free = max(0, self._limit - len(begun.ids) - around - room)
        tokens, logits = self._thinking.think(begun.logits, begun.run, room=free, pick=pick, ends=self._ends)
        return _Thought(tokens, logits, len(begun.ids) + len(tokens) + around)

    def _write(self, parts: PromptParts, behind: _Thought, run: Run, pick: Pick, room: int) -> Written:
        if parts.structured and self._json is not None:
            guide = self._json.guide(parts.choices)
            return write(
                behind.logits,
                run,
                room=room,
                pick=lambda logits: pick(guide.masked(logits)),
                ends=frozenset(),
                done=lambda out: guide.take(out[-1]),
            )
        return write(behind.logits, run, room=room, pick=pick, ends=self._ends, done=self._stops)

    def _pick(self, parts: PromptParts, begun: Begun) -> Pick:
        heat = self._spec.sampling_temperature
        return picker(heat, seed=self._spec.seed, key=parts.key, ids=begun.ids)

    def _stops(self, tokens: list[int]) -> bool:
        return bool(self._spec.stop) and self._cut(text := self._text(tokens)) != text

    def _cut(self, text: str) -> str:
        """The text before the first stop text."""
        return text[: min((at for stop in self._spec.stop if (at := text.find(stop)) >= 0), default=None)]

    def _text(self, tokens: Sequence[int]) -> str:
        with self.lock:
            return str(self._tokenizer.decode(tokens, skip_special_tokens=True)).strip()

    def _labels(self, labels: Sequence[str]) -> list[list[int]]:
        # Looked up once for each set of labels: that would take a sixth of a small model's answer.
        asked = tuple(labels)
        known = self._label_ids.get(asked)
        if known is None:
            with self.lock:
                known = label_tokens(self._tokenizer, labels)
            if len(self._label_ids) < _LABEL_SETS:
                self._label_ids[asked] = known
        return known

    def _label_probs(self, logits: Tensor, labels: Sequence[str]) -> dict[str, float]:
        """Calibrated, by label, of logits `[vocabulary]` where the answer begins."""
        logits = logits.float()
        scores = torch.stack([logits[ids].logsumexp(0) for ids in self._labels(labels)])
        heat = self._word_heat if wording.has_words(labels) else self._heat
        return dict(zip(labels, torch.softmax(scores / heat, 0).tolist(), strict=True))

    def _begun_with(self, parts: PromptParts, logits: Tensor, answer: Sequence[int]) -> dict[str, float]:
        """By label, where what was written begins with one: they cost nothing more."""
        if not answer or not parts.choices or parts.structured:
            return {}
        try:
            begins = any(answer[0] in ids for ids in self._labels(parts.choices))
        except ModelError:
            return {}  # labels that begin alike can be written all the same
        return self._label_probs(logits, parts.choices) if begins else {}


def _end_tokens(parts: Parts) -> frozenset[int]:
    listed: Any = getattr(parts.model.generation_config, "eos_token_id", None)
    ends = listed if isinstance(listed, list) else [listed]
    return frozenset(int(token) for token in [*ends, parts.tokenizer.eos_token_id] if token is not None)
