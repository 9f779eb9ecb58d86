from __future__ import annotations

import pytest
import tiny_llava

from shared.errors import ModelError
from shared.vlm.labels import label_tokens


def test_each_label_keeps_its_own_first_tokens_in_the_order_of_the_labels() -> None:
    tokenizer = tiny_llava.tokenizer()
    forward, backward = label_tokens(tokenizer, "ABC"), label_tokens(tokenizer, "CBA")
    assert forward == backward[::-1]
    assert len({token for tokens in forward for token in tokens}) == sum(len(tokens) for tokens in forward)
    for label, tokens in zip("ABC", forward, strict=True):
        assert any(tokenizer.decode([token]).strip() == label for token in tokens)


@pytest.mark.parametrize("labels", [["A", "A"], ["zz1", "zz2"]])
def test_labels_that_begin_alike_are_refused(labels: list[str]) -> None:
    with pytest.raises(ModelError, match="has no first token of its own: use labels such as A, B, C, D"):
        label_tokens(tiny_llava.tokenizer(), labels)


def test_a_choice_without_options_is_refused() -> None:
    with pytest.raises(ModelError, match="a choice without options"):
        label_tokens(tiny_llava.tokenizer(), [])
