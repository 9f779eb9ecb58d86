"""Every family keeps to one contract, on random weights of each model type, loaded the real way.

The reference is the library's own processor and a plain forward pass over the same pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tiny_families
import torch
from numpy.typing import NDArray
from torch import Tensor

from shared.messages import Note, Option
from shared.vlm import ModelSpec, PromptParts, Reuse, Turn, Unit, load_vlm
from shared.vlm.engine import LocalVlm
from shared.vlm.prompt import messages

Image = NDArray[np.uint8]
OPTIONS = tuple(Option(key=key, text=f"number {key}") for key in "ABC")
NOTE = Note(opening="x", run="x", seq=0, t_start=1, t_end=1, text="red circle")
PICTURE_SETTINGS: dict[str, dict[str, Any]] = {
    "internvl": {"crop_to_patches": False},
    "smolvlm": {"do_image_splitting": False},
    "minicpmv4_6": {"slice_mode": False, "use_image_id": False},
    "minicpmv4_7": {"slice_mode": False, "use_image_id": False},
}
AS_VIDEO = ("llava_onevision", "llava_next_video")


class Family(NamedTuple):
    """A loaded checkpoint, and the library's processor of the same."""

    kind: str
    vlm: LocalVlm
    processor: Any


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    @cache
    def make(kind: str) -> Family:
        folder: Path = tiny_families.save(kind, tmp_path_factory.mktemp(kind))
        vlm = load_vlm(ModelSpec(backend=tiny_families.BACKENDS[kind], path=str(folder)))
        assert isinstance(vlm, LocalVlm)
        return Family(kind, vlm, tiny_families.processor(kind, folder))

    return make


@pytest.fixture(params=list(tiny_families.MODEL_TYPES))
def family(request: pytest.FixtureRequest, folders: Any) -> Family:
    made: Family = folders(request.param)
    return made


def pictures(n: int, *, seed: int = 0) -> list[Image]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 255, (72, 96, 3), dtype=np.uint8) for _ in range(n)]


def units(vlm: LocalVlm, frames: Sequence[Image]) -> list[Unit]:
    return [vlm.encode([frame], [float(i)], i) for i, frame in enumerate(frames)]


def parts(seen: Sequence[Unit], question: str = "What is it?") -> PromptParts:
    return PromptParts(seen, [NOTE], [Turn("Earlier?", "yes")], question, OPTIONS)


def native(family: Family, asked: PromptParts, frames: Sequence[Image]) -> Mapping[str, Tensor]:
    """What the library's processor makes of the same chat and the same pictures."""
    chat = messages(asked)
    if family.kind in AS_VIDEO:
        return _native_videos(family, chat, frames)
    text = family.processor.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    images = [list(frames)] if family.kind == "smolvlm" else list(frames)
    settings = PICTURE_SETTINGS.get(family.kind, {})
    made: Mapping[str, Tensor] = family.processor(
        text=[text], images=images, return_tensors="pt", add_special_tokens=False, **settings
    )
    return made


def _native_videos(family: Family, chat: Any, frames: Sequence[Image]) -> Mapping[str, Tensor]:
    """One video a frame; its length in tokens is the processor's own, its pixels the video processor's settings."""
    for item in (item for message in chat for item in message["content"] if item["type"] == "image"):
        item["type"] = "video"
    adapter: Any = family.vlm.adapter
    pixels = torch.cat([adapter.pixels([frame])["pixel_values_videos"] for frame in frames])
    text = family.processor.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    for i in range(len(frames)):
        inputs = {"pixel_values_videos": pixels[i : i + 1]}
        text = text.replace(
            "<video>", family.processor.replace_video_token(inputs, 0).replace("<video>", "\0"), 1
        )
    ids = family.processor.tokenizer(
        text.replace("\0", "<video>"), add_special_tokens=False, return_tensors="pt"
    )
    return {**ids, "pixel_values_videos": pixels}


def last_logits(vlm: LocalVlm, asked: PromptParts) -> Tensor:
    with torch.inference_mode():
        return vlm.forward(vlm.assemble(asked))


def test_the_prompt_is_the_processors_own(family: Family) -> None:
    frames = pictures(3)
    asked = parts(units(family.vlm, frames))
    assert family.vlm.assemble(asked).ids.tolist() == native(family, asked, frames)["input_ids"].tolist()


def test_frames_encoded_one_by_one_give_the_logits_of_a_plain_forward_pass(family: Family) -> None:
    frames = pictures(4)
    asked = parts(units(family.vlm, frames))
    with torch.inference_mode():
        plain = family.vlm.model(**native(family, asked, frames)).logits[0, -1]
    assert torch.allclose(last_logits(family.vlm, asked), plain, atol=2e-5, rtol=0)


def test_another_frame_moves_the_logits(family: Family) -> None:
    seen = units(family.vlm, pictures(3))
    [other] = units(family.vlm, pictures(1, seed=9))
    moved = last_logits(family.vlm, parts([*seen[:2], other])) - last_logits(family.vlm, parts(seen))
    assert float(moved.abs().max()) > 0.01


def test_greedy_text_is_that_of_generate(family: Family) -> None:
    frames = pictures(2)
    asked = PromptParts(units(family.vlm, frames), question="Describe the last frame.")
    inputs = native(family, asked, frames)
    with torch.inference_mode():
        out = family.vlm.model.generate(**inputs, max_new_tokens=8, do_sample=False)
    text = family.processor.tokenizer.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert family.vlm.generate(asked, max_new_tokens=8).text == text.strip()


def test_two_streams_on_one_model_do_not_disturb_each_other(family: Family) -> None:
    vlm = family.vlm
    one, two = pictures(3), pictures(5, seed=3)
    alone = [last_logits(vlm, parts(units(vlm, frames))) for frames in (one, two)]
    mixed: tuple[list[Unit], list[Unit]] = ([], [])
    for i in range(5):
        for stream, frames in zip(mixed, (one, two), strict=True):
            if i < len(frames):
                stream.append(vlm.encode([frames[i]], [float(i)], i))
                vlm.generate(parts(stream), max_new_tokens=2)
    for stream, logits in zip(mixed, alone, strict=True):
        assert torch.equal(last_logits(vlm, parts(stream)), logits)


def test_positions_left_behind_by_another_request_are_not_used(family: Family) -> None:
    asked = parts(units(family.vlm, pictures(2)))
    before = last_logits(family.vlm, asked)
    family.vlm.model.model.rope_deltas = torch.tensor([[1000]])
    assert torch.equal(last_logits(family.vlm, asked), before)


def test_labels_are_chosen_without_a_picture_too(family: Family) -> None:
    asked = PromptParts(question="Is it red?", closing="Answer yes or no.", labels=("yes", "no"))
    choice = family.vlm.choose(asked)
    assert choice.label in ("yes", "no")
    assert sum(choice.probs.values()) == pytest.approx(1)


def reusing(seen: Sequence[Unit], stride: int = 2, question: str = "What is it?") -> PromptParts:
    return replace(parts(seen, question), reuse=Reuse("stream", stride))


def both(vlm: LocalVlm, asked: PromptParts) -> tuple[Tensor, Tensor]:
    """Logits by way of the stream's prefix, and of a plain forward pass."""
    with torch.inference_mode():
        return vlm.logits(asked), last_logits(vlm, replace(asked, reuse=None))


def test_a_reused_prefix_gives_the_logits_and_the_text_of_a_plain_forward_pass(family: Family) -> None:
    vlm, seen = family.vlm, units(family.vlm, pictures(12))
    vlm.prefixes.forget("stream")
    for end in range(2, 9, 2):  # prefilled while frames arrive
        vlm.prefill(reusing(seen[:end]))
    for asked in (
        reusing(seen[:8]),
        reusing(seen[:9], question="And now?"),
        reusing(seen[:12]),  # more frames
        reusing(seen[4:12]),  # the window slid
        reusing(seen[4:11], question="Earlier?"),  # asked about a moment before the newest
    ):
        reused, plain = both(vlm, asked)
        assert torch.allclose(reused, plain, atol=5e-5, rtol=0)
        said = vlm.generate(asked, max_new_tokens=6)
        assert said.text == vlm.generate(replace(asked, reuse=None), max_new_tokens=6).text
        # One about an earlier moment takes nothing's place, so its prefix was run for it alone.
        assert (said.reused_tokens > 0, said.reused_s > 0) == (asked.question != "Earlier?",) * 2


def test_who_builds_the_prefix_and_when_changes_no_bit(family: Family) -> None:
    vlm, seen = family.vlm, units(family.vlm, pictures(7))
    vlm.prefixes.forget("stream")
    for end in range(1, 8):
        vlm.prefill(reusing(seen[:end]))
    grown, _ = both(vlm, reusing(seen))
    vlm.prefixes.forget("stream")
    at_once, _ = both(vlm, reusing(seen))
    assert torch.equal(grown, at_once)


def test_a_question_leaves_the_prefix_as_it_was(family: Family) -> None:
    vlm, seen = family.vlm, units(family.vlm, pictures(4))
    vlm.prefixes.forget("stream")
    first, _ = both(vlm, reusing(seen))
    vlm.generate(reusing(seen, question="Something else, at length?"), max_new_tokens=5)
    again, _ = both(vlm, reusing(seen))
    assert torch.equal(first, again)


def test_equal_looking_placeholders_of_other_frames_are_not_taken_for_each_other(family: Family) -> None:
    vlm, seen = family.vlm, units(family.vlm, pictures(8))
    vlm.prefixes.forget("stream")
    vlm.prefill(reusing(seen[:4]))
    reused, plain = both(vlm, reusing(seen[4:]))
    assert torch.allclose(reused, plain, atol=5e-5, rtol=0)
