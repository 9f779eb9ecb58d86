"""How a local model writes on behind a prompt: greedily or by a seed, within a grammar, to an end, and with a thought.

It knows nothing of prompts and caches: `Run` puts tokens behind what was run and gives the logits behind them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["Pick", "Run", "Thinking", "Written", "greedy", "picker", "write"]

Run = Callable[[Sequence[int]], Tensor]
"""Token ids behind what was run so far -> logits `[vocabulary]` behind the last of them."""
Pick = Callable[[Tensor], int]
"""Logits `[vocabulary]` -> the next token."""

_OPEN, _CLOSE = "<think>\n", "</think>\n\n"
_ANSWER = "\nAnswer:"


class Written(NamedTuple):
    """What was written."""

    tokens: list[int]
    ended: bool
    """By an end token, which is not among `tokens`; if not, the last one of them was not run."""


def greedy(logits: Tensor) -> int:
    """The likeliest token."""
    return int(logits.argmax())


def picker(temperature: float | None, *, seed: int | None, key: str, ids: Sequence[int]) -> Pick:
    """Greedy at temperature 0 or null; else drawn by seed, question and prompt: a rerun draws the same."""
    if not temperature:
        return greedy
    told = f"{seed or 0}\0{key}\0{','.join(map(str, ids))}"
    start = int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big") >> 1
    dice = torch.Generator().manual_seed(start)

    def drawn(logits: Tensor) -> int:
        # On the CPU: a device draws otherwise.
        odds = torch.softmax(logits.float().cpu() / temperature, 0)
        return int(torch.multinomial(odds, 1, generator=dice))

    return drawn


def write(
    logits: Tensor,
    run: Run,
    *,
    room: int,
    pick: Pick,
    ends: frozenset[int],
    done: Callable[[list[int]], bool] = lambda _: False,
) -> Written:
    """Token by token behind `logits`, until an end token, `room` tokens, or `done` of the tokens so far."""
    out = list[int]()
    while len(out) < room:
        if (token := pick(logits)) in ends:
            return Written(out, True)
        out.append(token)
        if done(out) or len(out) == room:
            break
        logits = run([token])
    return Written(out, not out)


class Thinking:
    """A model's way to think: between markers where its chat template knows them, else by being asked to."""

    def __init__(self, tokenizer: Any, budget: int) -> None:
        self.budget = budget
        self.marked = "<think>" in str(tokenizer.chat_template)
        self._close = self._ids(tokenizer, "</think>")
        self._behind = self._ids(tokenizer, _CLOSE if self.marked else _ANSWER)

    def opened(self, prompt: str) -> str:
        """A rendered prompt that ends where the thought begins."""
        return prompt if not self.marked or prompt.rstrip().endswith("<think>") else prompt + _OPEN

    @property
    def around(self) -> int:
        """Tokens that are written beside the thought."""
        return len(self._behind)

    def think(
        self, logits: Tensor, run: Run, *, room: int, pick: Pick, ends: frozenset[int]
    ) -> tuple[list[int], Tensor]:
        """The tokens of the thought, and the logits behind it, where the answer begins."""
        closes = len(self._close)
        written = write(
            logits,
            run,
            room=min(self.budget, room),
            pick=pick,
            ends=ends,
            done=lambda out: self.marked and out[-closes:] == self._close,
        )
        thought = written.tokens
        unrun = [] if written.ended else thought[-1:]
        if self.marked and thought[-closes:] == self._close:
            # Written by itself, all but its last token run: what follows the marker is the same as when we close.
            whole, behind = self._close, self._behind
            rest = behind[len(whole) :] if behind[: len(whole)] == whole else []
            return thought[:-closes], run([*unrun, *rest])
        return thought, run([*unrun, *self._behind])

    @staticmethod
    def _ids(tokenizer: Any, text: str) -> list[int]:
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids
