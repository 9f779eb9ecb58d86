"""What a run would ask of providers, and about what it would cost, before anything is sent.

Frames are counted as the windows take them, if the video gives as many a second as are sampled. Replies count as
long as they may be, with `thinking_tokens` of thought; notes that S2 finds count as if memory held them all. Retries,
thinking without such a limit and discounts are not in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bench.data import AskedQuestion
from bench.data.ask import steps
from bench.run.config import RunConfig
from bench.run.plan import Play, expected, questions
from shared.messages import Path
from shared.perception import window
from shared.perception.answering import MAX_ANSWER_TOKENS
from shared.perception.notes import MAX_NOTE_TOKENS
from shared.vlm import ModelSpec, PromptParts
from shared.vlm.prompt import DESCRIBE, closing, messages, plain
from shared.vlm.providers import PROVIDERS
from shared.vlm.providers.prices import image_tokens, price_of, text_tokens
from shared.vlm.structured import STRUCTURED_TOKENS

__all__ = ["Spending", "spending"]

_STAMP_TOKENS = 4
_NOTE_TOKENS = 24
"""Of one note as a prompt shows it: a sentence and its time."""


class Spending(NamedTuple):
    """What one system asks of its model."""

    system: str
    model: ModelSpec
    requests: int
    frames: int
    """Sent, each as often as it is sent."""
    prompt_tokens: int
    """About."""
    output_tokens: int
    """At most."""

    @property
    def paid(self) -> bool:
        """Whether a provider's model answers."""
        return self.model.backend in PROVIDERS

    @property
    def cost_usd(self) -> float | None:
        """US dollars, about; 0 for a local model, null where no price is known."""
        if not self.paid:
            return 0.0
        price = price_of(self.model)
        return price.of(self.prompt_tokens, self.output_tokens) if price else None


class _Ask(NamedTuple):
    """One request."""

    frames: int
    text_tokens: int
    reply_tokens: int
    thought_tokens: int = 0


def spending(config: RunConfig, plays: Sequence[Play]) -> list[Spending]:
    """By system, S1 first; its notes are among S1's requests."""
    asks: dict[Path, list[_Ask]] = {Path.S1: [], Path.S2: []}
    for play in plays:
        items = questions(play, "plan")
        asks[Path.S1] += _notes(config, items)
        for item in items:
            for path in expected(item, config.system.route):
                asks[path] += _looks(config, item, path)
    return [
        _sum(config, "s1", config.model.s1, asks[Path.S1]),
        _sum(config, "s2", config.model.s2, asks[Path.S2]),
    ]


def _looks(config: RunConfig, item: AskedQuestion, path: Path) -> Iterable[_Ask]:
    question = item.question
    model = config.model.s1 if path is Path.S1 else config.model.s2
    words = PromptParts(
        question=question.text,
        options=question.options,
        closing=closing(question.form, question.options, speak=bool(item.polls or question.standing)),
        structured=model.structured,
    )
    said = text_tokens(plain(messages(words)))
    said += sum(text_tokens(turn.question + turn.answer) for turn in question.history)
    recall = config.memory.recall()
    pointed = 0
    if path is Path.S2 and recall.reads:
        said += _NOTE_TOKENS * recall.most
        pointed = recall.frames
    reply = STRUCTURED_TOKENS if model.structured else MAX_ANSWER_TOKENS
    spec = config.system.s1 if path is Path.S1 else config.system.s2
    for t in steps(item):
        newest = math.floor(t * config.video.fps + 1e-6)
        seen = [i for i in window(newest, spec) if i / config.video.fps >= question.view_from]
        yield _Ask(len(seen) + pointed, said, reply, model.thinking_tokens or 0)


def _notes(config: RunConfig, items: Sequence[AskedQuestion]) -> Iterable[_Ask]:
    if not config.memory.notes().enabled:
        return []
    last = max((t for item in items for t in steps(item)), default=0.0)
    said = text_tokens(plain(messages(PromptParts(question=DESCRIBE))))
    return [_Ask(1, said, MAX_NOTE_TOKENS)] * (math.floor(last / config.memory.every_s) + 1)


def _sum(config: RunConfig, system: str, model: ModelSpec, asks: Sequence[_Ask]) -> Spending:
    frames = sum(ask.frames for ask in asks)
    each = _STAMP_TOKENS
    if model.backend in PROVIDERS:
        each += image_tokens(model.backend, config.video.width, config.video.height, model=model.path)
    return Spending(
        system,
        model,
        len(asks),
        frames,
        sum(ask.text_tokens for ask in asks) + frames * each,
        sum((model.max_tokens or ask.reply_tokens) + ask.thought_tokens for ask in asks),
    )
