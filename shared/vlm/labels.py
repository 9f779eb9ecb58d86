"""Which tokens begin each option label, so that a choice can be read off one forward pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from shared.errors import ModelError

__all__ = ["label_tokens"]


def label_tokens(tokenizer: Any, labels: Sequence[str]) -> list[list[int]]:
    """First tokens by which a model may emit each label: as it stands or capitalised, with or without a leading space.

    A token that begins two labels tells nothing and is dropped; `ModelError` when that leaves a label none.
    """
    if not labels:
        raise ModelError("a choice without options: give the question options, or ask it in form 'text'")
    plain = [_firsts(tokenizer, label) for label in labels]
    # As it stands a token may be another label's: then it is not this one's capitalised.
    taken = set[int]().union(*plain)
    capital = [_firsts(tokenizer, label[:1].upper() + label[1:]) - taken for label in labels]
    own = _unshared(plain)
    for label, tokens in zip(labels, own, strict=True):
        if not tokens:
            raise ModelError(
                f"option label {label!r} has no first token of its own: use labels such as A, B, C, D"
            )
    return [sorted(a | b) for a, b in zip(own, _unshared(capital), strict=True)]


def _unshared(firsts: Sequence[set[int]]) -> list[set[int]]:
    shared = Counter(token for tokens in firsts for token in tokens)
    return [{token for token in tokens if shared[token] == 1} for tokens in firsts]


def _firsts(tokenizer: Any, label: str) -> set[int]:
    spelled = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in (label, f" {label}")]
    return {ids[0] for ids in spelled if ids} - {tokenizer.unk_token_id}
