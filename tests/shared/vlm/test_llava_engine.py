from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tiny_llava
import torch
import transformers as hf

from shared.errors import ModelError
from shared.messages import Note, Option
from shared.vlm import ModelSpec, PromptParts, Turn, Unit, load_vlm
from shared.vlm.engine import LocalVlm

OPTIONS = tuple(
    Option(key=key, text=text) for key, text in zip("ABCD", ("red", "blue", "green", "grey"), strict=True)
)
QUESTIONS = ("What is it?", "How many circles are there now?", "A B C?")


def units(vlm: LocalVlm, n: int, *, seed: int = 0) -> list[Unit]:
    frames = tiny_llava.images(n, seed=seed)
    return [vlm.encode([frame], [float(i)], i) for i, frame in enumerate(frames)]


def plain_inputs(vlm: LocalVlm, folder: Path, parts: PromptParts, *, seed: int = 0) -> dict[str, Any]:
    """What transformers' own processor makes of the same frames and the same text."""
    processor = hf.LlavaProcessor(
        image_processor=hf.CLIPImageProcessorPil.from_pretrained(folder),
        tokenizer=hf.AutoTokenizer.from_pretrained(folder),
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    frames = tiny_llava.images(len(parts.units), seed=seed)
    return dict(processor(text=vlm.adapter.prompt(parts), images=frames, return_tensors="pt"))


@pytest.mark.parametrize("n", [1, 8])
def test_cached_units_give_the_logits_of_a_plain_forward_pass(
    vlm: LocalVlm, checkpoint: Path, n: int
) -> None:
    cached = units(vlm, n)
    for question in QUESTIONS:
        parts = PromptParts(cached, question=question, options=OPTIONS)
        plain = plain_inputs(vlm, checkpoint, parts)
        prompt = vlm.assemble(parts)
        assert torch.equal(plain["input_ids"], prompt.ids)
        with torch.inference_mode():
            expected = vlm.model(**plain).logits[0, -1]
            assert torch.allclose(vlm.forward(prompt), expected, rtol=0, atol=2e-5)


def test_another_frame_gives_other_logits(vlm: LocalVlm) -> None:
    one, other = units(vlm, 3), units(vlm, 3, seed=1)
    with torch.inference_mode():
        logits = [
            vlm.forward(vlm.assemble(PromptParts(u, question="What?"))) for u in (one, [*one[:2], other[2]])
        ]
    assert (logits[0] - logits[1]).abs().max() > 1e-2


def test_greedy_text_equals_that_of_generate(vlm: LocalVlm, checkpoint: Path) -> None:
    for question in QUESTIONS:
        parts = PromptParts(units(vlm, 4), question=question)
        plain = plain_inputs(vlm, checkpoint, parts)
        tokens = vlm.model.generate(**plain, max_new_tokens=16, do_sample=False)[
            0, plain["input_ids"].shape[1] :
        ]
        said = vlm.generate(parts, max_new_tokens=16)
        text = hf.AutoTokenizer.from_pretrained(checkpoint).decode(tokens, skip_special_tokens=True)
        assert said.text == text.strip()
        assert said.prompt_tokens == plain["input_ids"].shape[1]


def test_label_probabilities_are_the_softmax_of_the_labels_first_tokens(
    vlm: LocalVlm, checkpoint: Path
) -> None:
    parts = PromptParts(units(vlm, 2), question="What is it?", options=OPTIONS)
    tokenizer = hf.AutoTokenizer.from_pretrained(checkpoint)
    with torch.inference_mode():
        weights = vlm.model(**plain_inputs(vlm, checkpoint, parts)).logits[0, -1].exp()
    mass = {k: sum(float(weights[tokenizer(t)["input_ids"][0]]) for t in {k, f" {k}"}) for k in "ABCD"}
    total = sum(mass.values())
    choice = vlm.choose(parts)
    assert choice.probs == pytest.approx({key: value / total for key, value in mass.items()}, abs=1e-5)
    assert choice.label == max(mass, key=mass.__getitem__)


def test_temperature_softens_the_probabilities_and_keeps_the_choice(vlm: LocalVlm, checkpoint: Path) -> None:
    parts = PromptParts(units(vlm, 2), question="What is it?", options=OPTIONS)
    soft = load_vlm(ModelSpec(path=str(checkpoint), temperature=5.0)).choose(parts)
    sharp = vlm.choose(parts)
    assert soft.label == sharp.label
    assert soft.probs[soft.label] < sharp.probs[sharp.label]


def test_streams_that_interleave_do_not_disturb_each_other(vlm: LocalVlm) -> None:
    streams = [units(vlm, 3, seed=seed) for seed in range(4)]
    parts = [PromptParts(stream, question=question) for question in QUESTIONS for stream in streams]
    alone = [vlm.generate(part, max_new_tokens=8) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda part: vlm.generate(part, max_new_tokens=8), reversed(parts)))
    assert together[::-1] == alone


def test_a_prompt_runs_system_stamped_frames_notes_history_question_options(vlm: LocalVlm) -> None:
    note = Note(opening="o", run="r", seq=0, t_start=1, t_end=1, text="red circle")
    parts = PromptParts(units(vlm, 2), [note], [Turn("Earlier?", "yes")], "Which?", OPTIONS)
    text = vlm.adapter.prompt(parts)
    order = [
        "video",
        "0.0s",
        "<image>",
        "1.0s",
        "<image>",
        "1.0s red circle",
        "Earlier?",
        "yes",
        "Which?",
        "A. red",
    ]
    place = 0
    for piece in order:
        place = text.index(piece, place) + len(piece)


def test_a_question_that_spells_the_placeholder_is_answered(vlm: LocalVlm) -> None:
    parts = PromptParts(units(vlm, 1), question="Is <image> red?", options=OPTIONS)
    assert vlm.choose(parts).label in "ABCD"


def test_a_question_without_frames_is_answered(vlm: LocalVlm) -> None:
    assert vlm.choose(PromptParts(question="Is it red?", options=OPTIONS)).label in "ABCD"


def test_a_prompt_beyond_the_context_names_length_and_limit(tmp_path: Path) -> None:
    short = load_vlm(ModelSpec(path=str(tiny_llava.save(tmp_path / "short", context=128))))
    with pytest.raises(ModelError, match=r"prompt of \d+ tokens, model 'short' takes 128: lower") as caught:
        short.choose(PromptParts(question="What? " * 100, options=OPTIONS))
    assert "\n" not in str(caught.value)


def test_generation_ends_with_the_context(tmp_path: Path) -> None:
    short = load_vlm(ModelSpec(path=str(tiny_llava.save(tmp_path / "short", context=128))))
    said = short.generate(PromptParts(question="What?"), max_new_tokens=1000)
    assert said.prompt_tokens + said.output_tokens <= 128


def test_a_wrong_number_of_frames_for_a_unit_is_refused(vlm: LocalVlm) -> None:
    with pytest.raises(ModelError, match="2 frames for a unit of model 'toy': it takes 1"):
        vlm.encode(tiny_llava.images(2), [0.0, 1.0], 0)


def test_half_precision_answers_too(checkpoint: Path) -> None:
    half = load_vlm(ModelSpec(path=str(checkpoint), dtype="bfloat16"))
    unit = half.encode(tiny_llava.images(1), [0.0], 0)
    assert half.choose(PromptParts([unit], question="What?", options=OPTIONS)).label in "ABCD"


def test_running_out_of_memory_is_an_error_of_one_line(
    vlm: LocalVlm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vlm.adapter, "encode", lambda *_: torch.empty(1 << 60, dtype=torch.uint8))
    with pytest.raises(ModelError, match="model 'toy' failed at encoding a frame: out of memory") as caught:
        vlm.encode(tiny_llava.images(1), [0.0], 0)
    assert "\n" not in str(caught.value)
