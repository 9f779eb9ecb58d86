"""Holding a local model to the grammar of structured answers, by xgrammar: a mask over the logits at each step.

The package comes with the extra `structured`. Special tokens are never allowed within JSON: a placeholder that
a model wrote would ask for rows that no frame has.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from torch import Tensor

from shared.errors import ModelError
from shared.vlm.structured import grammar

__all__ = ["Guide", "JsonMode"]

_SPELLING = '{"answer": "yes", "confidence": 0.97, "evidence_times": [12.5, 304.0], "rationale": "It is."}'


class Guide:
    """One reply under way."""

    def __init__(self, xgrammar: Any, compiled: Any, *, vocabulary: int, banned: Tensor, name: str) -> None:
        self._xgrammar, self._banned, self._name = xgrammar, banned, name
        self._matcher = xgrammar.GrammarMatcher(compiled, terminate_without_stop_token=True)
        self._bits = xgrammar.allocate_token_bitmask(1, vocabulary)

    def masked(self, logits: Tensor) -> Tensor:
        """A copy of logits `[vocabulary]`, float32 on the CPU, at minus infinity where JSON could not go on."""
        self._matcher.fill_next_token_bitmask(self._bits)
        allowed = logits.float().cpu().clone()
        self._xgrammar.apply_token_bitmask_inplace(allowed, self._bits)
        allowed[self._banned] = -float("inf")
        return allowed

    def take(self, token: int) -> bool:
        """Go on by a token; whether the reply is complete. Raises `ModelError` for one that is not allowed."""
        if not self._matcher.accept_token(token):
            raise ModelError(f"model {self._name!r} has no token to go on with JSON: leave `structured` out")
        return bool(self._matcher.is_terminated())


class JsonMode:
    """What a tokenizer can do of JSON; raises `ModelError` where it can't spell it, or xgrammar is missing."""

    def __init__(self, tokenizer: Any, *, vocabulary: int, ends: Sequence[int], name: str) -> None:
        try:
            import xgrammar
        except ImportError as error:
            raise ModelError(
                f"structured answers of local models need xgrammar ({error}): "
                "pip install 'dualstreambench[structured]'"
            ) from error
        ids = tokenizer(_SPELLING, add_special_tokens=False)["input_ids"]
        if tokenizer.decode(ids).strip() != _SPELLING:
            raise ModelError(
                f"the tokenizer of model {name!r} can't spell JSON: leave `structured` out, or take another model"
            )
        self._xgrammar, self._vocabulary, self._name = xgrammar, vocabulary, name
        try:
            info = xgrammar.TokenizerInfo.from_huggingface(
                tokenizer, vocab_size=vocabulary, stop_token_ids=list(ends)
            )
        except (RuntimeError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(
                f"xgrammar can't take the tokenizer of model {name!r} ({reason}): leave `structured` out"
            ) from error
        compiler = xgrammar.GrammarCompiler(info, max_threads=1)
        self._compiled = lru_cache(maxsize=64)(lambda labels: compiler.compile_grammar(grammar(labels)))
        self._banned = _special(tokenizer, vocabulary)

    def guide(self, labels: Sequence[str]) -> Guide:
        """For one reply whose answer is one of `labels`, or any text."""
        return Guide(
            self._xgrammar,
            self._compiled(tuple(labels)),
            vocabulary=self._vocabulary,
            banned=self._banned,
            name=self._name,
        )


def _special(tokenizer: Any, vocabulary: int) -> Tensor:
    import torch

    added = getattr(tokenizer, "added_tokens_decoder", {})
    marked = {int(i) for i, token in added.items() if token.special} | set(tokenizer.all_special_ids)
    return torch.tensor(sorted(i for i in marked if i < vocabulary), dtype=torch.long)
