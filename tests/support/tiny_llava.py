"""A LLaVA checkpoint folder with random weights, small enough to make in a test and loaded the real way."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
import transformers as hf
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

CORPUS = [
    "You watch a live video. Answer with the letter. Notes: Question: Options: A B C D 0123456789 red circle"
]
TEMPLATE = (
    "{% for m in messages %}<s>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}\n{% endfor %}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)


def tokenizer() -> hf.PreTrainedTokenizerFast:
    """Byte-level BPE with a chat template."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(CORPUS * 4, trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet))
    made = hf.PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    made.add_special_tokens({"additional_special_tokens": ["<image>"]})
    made.chat_template = TEMPLATE
    return made


def save(folder: Path, *, seed: int = 0, context: int = 2048) -> Path:
    """Write the checkpoint: 56-pixel frames, 16 visual tokens each."""
    tk = tokenizer()
    vision = hf.CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=56,
        patch_size=14,
        initializer_range=0.1,
    )
    text = hf.LlamaConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        vocab_size=len(tk),
        initializer_range=0.15,
        bos_token_id=tk.bos_token_id,
        eos_token_id=tk.eos_token_id,
        pad_token_id=tk.pad_token_id,
    )
    config = hf.LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=tk.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hf.LlavaForConditionalGeneration(config).save_pretrained(folder)
    tk.save_pretrained(folder)
    size = {"height": 56, "width": 56}
    hf.CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size=size).save_pretrained(folder)
    return folder


def images(n: int, *, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Noise frames, RGB `[56, 72, 3]`."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 255, (56, 72, 3), dtype=np.uint8) for _ in range(n)]
