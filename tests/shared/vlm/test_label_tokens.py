from __future__ import annotations

import pytest
import tiny_llava
from transformers import AutoTokenizer

from shared.errors import ModelError
from shared.vlm.checkpoint import open_checkpoint
from shared.vlm.labels import label_tokens
from shared.vlm.spec import ModelSpec


def test_each_label_keeps_its_own_first_tokens_in_the_order_of_the_labels() -> None:
    tokenizer = tiny_llava.tokenizer()
    forward, backward = label_tokens(tokenizer, "ABC"), label_tokens(tokenizer, "CBA")
    assert forward == backward[::-1]
    assert len({token for tokens in forward for token in tokens}) == sum(len(tokens) for tokens in forward)
    for label, tokens in zip("ABC", forward, strict=True):
        assert any(tokenizer.decode([token]).strip() == label for token in tokens)


def test_a_capitalised_label_counts_with_and_without_a_space() -> None:
    tokenizer = tiny_llava.tokenizer()
    for label, tokens in zip(("yes", "no"), label_tokens(tokenizer, ("yes", "no")), strict=True):
        spelled = (label, f" {label}", label.title(), f" {label.title()}")
        firsts = {tokenizer(text, add_special_tokens=False)["input_ids"][0] for text in spelled}
        alone = {i for i in firsts if tokenizer.decode([i]).strip()}  # a space of its own begins any label
        assert set(tokens) == alone
        assert len(alone) > 1


def test_a_capital_that_is_another_label_is_that_labels_own() -> None:
    tokenizer = tiny_llava.tokenizer()
    small, large = label_tokens(tokenizer, ("a", "A"))
    assert not set(small) & set(large)
    assert large == label_tokens(tokenizer, ("A", "B"))[0]


@pytest.mark.parametrize("name", ["tiny-s1", "tiny-s2"])
def test_the_shipped_models_know_each_label_by_one_word(name: str) -> None:
    folder = open_checkpoint(ModelSpec(path=name), model_types=("llava",)).folder
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    for labels in (("yes", "no"), ("A", "B", "C", "D", "wait")):
        assert [len(tokens) for tokens in label_tokens(tokenizer, labels)] == [1] * len(labels)


@pytest.mark.parametrize("labels", [["A", "A"], ["zz1", "zz2"]])
def test_labels_that_begin_alike_are_refused(labels: list[str]) -> None:
    with pytest.raises(ModelError, match="has no first token of its own: use labels such as A, B, C, D"):
        label_tokens(tiny_llava.tokenizer(), labels)


def test_a_choice_without_options_is_refused() -> None:
    with pytest.raises(ModelError, match="a choice without options"):
        label_tokens(tiny_llava.tokenizer(), [])
