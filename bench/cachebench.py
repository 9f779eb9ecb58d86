"""What the streaming cache saves: `python -m bench.cachebench`, or `make bench-cache`.

One question about a window of frames, answered three ways that take turns in one process, on one CPU thread:
every frame encoded again and the whole prompt run; cached frame embeddings, the whole prompt run; and the
stream's computed prefix reused, so that only the question runs. What a frame costs when it arrives is stated
beside it. Weights are random: time depends on shapes alone. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from shared.messages import Option
from shared.vlm import ModelSpec, PromptParts, Reuse, Unit, load_vlm
from shared.vlm.engine import LocalVlm
from shared.vlm.prompt import SYSTEM

__all__ = ["main", "measure"]

_hf: Any = transformers  # its stubs are partial
_SIDE, _STRIDE = 256, 4
_FRAMES = (8, 32, 128)
_ROUNDS = 5
_QUESTION = "What is the person doing now, number "
_OPTIONS = tuple(Option(key=key, text=key) for key in "ABCD")
_CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}\n{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Row(NamedTuple):
    """Medians at one window length, wall-clock seconds."""

    frames: int
    tokens: int
    encode_again_s: float
    embeddings_s: float
    prefix_s: float
    ingest_s: float
    """What one arriving frame costs: its encoding, and its share of extending the prefix."""
    embeddings_mb: float
    prefix_mb: float
    difference: float
    """Largest difference of logits between prefix reuse and the plain pass."""


def _tokenizer() -> Any:
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    # Words become tokens, as they are to any tokenizer of a trained model.
    text = [f"system\n{SYSTEM}\n user\n 0.0s 1.0s\n Question: {_QUESTION}\nOptions:\nA. A\nB. B\nC. C\nD. D"]
    text += ["Answer with the letter.\n assistant\n 0 1 2 3 4 5 6 7 8 9"]
    raw.train_from_iterator(text * 4, trainers.BpeTrainer(vocab_size=512, initial_alphabet=alphabet))
    special = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    made = _hf.PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|pad|>",
        extra_special_tokens=special,
    )  # fmt: skip
    made.chat_template = _CHAT
    return made


def _checkpoint(folder: Path) -> None:
    """A SmolVLM of 11 M vision and 13 M language parameters, 64 tokens a frame."""
    tk = _tokenizer()
    text = {
        "model_type": "llama", "hidden_size": 384, "intermediate_size": 896, "num_hidden_layers": 8,
        "num_attention_heads": 6, "num_key_value_heads": 6, "max_position_embeddings": 16384,
        "vocab_size": len(tk), "bos_token_id": tk.bos_token_id, "eos_token_id": tk.eos_token_id,
        "pad_token_id": tk.pad_token_id,
    }  # fmt: skip
    vision = {
        "hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 6, "num_attention_heads": 6,
        "image_size": _SIDE, "patch_size": 16,
    }  # fmt: skip
    config = _hf.SmolVLMConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tk.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    _hf.SmolVLMForConditionalGeneration(config).save_pretrained(folder)
    tk.save_pretrained(folder)
    edge = {"longest_edge": _SIDE}
    _hf.SmolVLMImageProcessorPil(size=edge, max_image_size=edge, do_image_splitting=False).save_pretrained(
        folder
    )


def _load() -> LocalVlm:
    with tempfile.TemporaryDirectory() as folder:
        _checkpoint(Path(folder))
        vlm = load_vlm(ModelSpec(backend="smolvlm", path=folder, threads=1, prefix_budget_mb=4096))
    assert isinstance(vlm, LocalVlm)
    return vlm


def _timed(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def measure(vlm: LocalVlm, frames: int, rounds: int = _ROUNDS) -> Row:
    """The three ways at one window length, in turn, `rounds` times; medians."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (_SIDE, _SIDE, 3), dtype=np.uint8) for _ in range(frames)]

    def encoded() -> list[Unit]:
        return [vlm.encode([picture], [float(i)], i) for i, picture in enumerate(pictures)]

    def asked(seen: list[Unit], n: int) -> PromptParts:
        return PromptParts(seen, question=f"{_QUESTION}{n}?", options=_OPTIONS)

    stream = Reuse("bench", _STRIDE)
    units: list[Unit] = []
    started = time.perf_counter()
    for i, picture in enumerate(pictures):
        units.append(vlm.encode([picture], [float(i)], i))
        vlm.prefill(replace(asked(units, 0), reuse=stream))
    ingest = (time.perf_counter() - started) / frames
    times: dict[str, list[float]] = {"again": [], "embeddings": [], "prefix": []}
    for n in range(rounds):
        parts = asked(units, n)
        times["prefix"].append(_timed(partial(vlm.choose, replace(parts, reuse=stream))))
        times["embeddings"].append(_timed(partial(vlm.choose, parts)))
        started = time.perf_counter()
        vlm.choose(asked(encoded(), n))
        times["again"].append(time.perf_counter() - started)
    with torch.inference_mode():
        plain = vlm.forward(vlm.assemble(asked(units, 0)))
        reused = vlm.logits(replace(asked(units, 0), reuse=stream))
    tokens = vlm.assemble(asked(units, 0)).length
    held = vlm.prefixes.stats().size
    vlm.prefixes.forget("bench")
    return Row(
        frames,
        tokens,
        statistics.median(times["again"]),
        statistics.median(times["embeddings"]),
        statistics.median(times["prefix"]),
        ingest,
        sum(unit.feats.nbytes for unit in units) / 2**20,
        held / 2**20,
        float((plain - reused).abs().max()),
    )


def _count(module: Any) -> float:
    return float(sum(weight.numel() for weight in module.parameters())) / 1e6


def main() -> None:
    """Measure, print a table, and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=list(_FRAMES))
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    given = parser.parse_args()
    vlm = _load()
    vision = _count(vlm.model.model.vision_model) + _count(vlm.model.model.connector)
    language = _count(vlm.model) - vision
    print(f"SmolVLM of {vision:.1f} M vision and {language:.1f} M language parameters, one CPU thread,")
    print(f"64 tokens a frame, prefix extended every {_STRIDE} frames; medians of {given.rounds} rounds\n")
    print(
        "frames tokens  re-encode  embeddings    prefix   re-encode/prefix  ingest a frame   MB emb./prefix"
    )
    measure(vlm, 4, 1)  # every kernel once
    rows = []
    for frames in given.frames:
        row = measure(vlm, frames, given.rounds)
        rows.append(row)
        print(
            f"{row.frames:6} {row.tokens:6} {row.encode_again_s:9.3f}s {row.embeddings_s:9.3f}s "
            f"{1000 * row.prefix_s:7.1f}ms {row.encode_again_s / row.prefix_s:14.1f}x "
            f"{1000 * row.ingest_s:12.1f}ms {row.embeddings_mb:9.1f} / {row.prefix_mb:.1f}"
        )
    first, last = rows[0], rows[-1]
    growth = {
        "prefix": last.prefix_s / first.prefix_s,
        "re_encode": last.encode_again_s / first.encode_again_s,
    }
    print(
        f"\nfrom {first.frames} to {last.frames} frames: re-encoding grows {growth['re_encode']:.1f}x, "
        f"prefix reuse {growth['prefix']:.1f}x; largest difference of logits {max(r.difference for r in rows):.1e}"
    )
    print(
        json.dumps(
            {
                "vision_m": round(vision, 2),
                "language_m": round(language, 2),
                "stride": _STRIDE,
                "rows": [{key: round(value, 6) for key, value in row._asdict().items()} for row in rows],
                "speedup": {row.frames: round(row.encode_again_s / row.prefix_s, 1) for row in rows},
                "growth": {key: round(value, 2) for key, value in growth.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
