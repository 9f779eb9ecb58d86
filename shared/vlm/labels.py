"""Which tokens begin each option label, so that a choice can be read off one forward pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from shared.errors import ModelError

__all__ = ["label_tokens"]


def label_tokens(tokenizer: Any, labels: Sequence[str]) -> list[list[int]]:
    """First tokens by which a model may emit each label, with and without a leading space.

    A token that begins two labels tells nothing and is dropped; `ModelError` when that leaves a label none.
    """
    firsts = [_firsts(tokenizer, label) for label in labels]
    shared = Counter(token for tokens in firsts for token in tokens)
    own = [sorted(token for token in tokens if shared[token] == 1) for tokens in firsts]
    for label, tokens in zip(labels, own, strict=True):
        if not tokens:
            raise ModelError(
                f"option label {label!r} has no first token of its own: use labels such as A, B, C, D"
            )
    if not labels:
        raise ModelError("a choice without options: give the question options, or ask it in form 'text'")
    return own


def _firsts(tokenizer: Any, label: str) -> set[int]:
    spelled = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in (label, f" {label}")]
    return {ids[0] for ids in spelled if ids} - {tokenizer.unk_token_id}
