"""Many questions of many lessons at once: what is said is what the library's model says of each one alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from transformers import LlavaForConditionalGeneration

from bench.tiny.layout import Read
from bench.tiny.lessons import Lesson
from bench.tiny.memory_lessons import MemoryTeacher
from bench.tiny.model import Size, build_model
from bench.tiny.muon import orthogonal
from bench.tiny.packed import pack, scores
from shared.video.synth import script

SIZE = Size(width=32, layers=3, heads=2, mlp=32, vision_width=32, vision_layers=1)
ROWS = torch.rand(1, 40, 16, 32, generator=torch.Generator().manual_seed(0)).half()


def _model() -> LlavaForConditionalGeneration:
    model = build_model(SIZE, seed=0)
    for weight in model.parameters():
        if weight.ndim == 1:
            torch.nn.init.uniform_(weight, 0.5, 1.5)
    return model


def _alone(model: LlavaForConditionalGeneration, lesson: Lesson, block: int, layers: int) -> Tensor:
    """What the library's model says at every token of one block, read after so many layers."""
    one = lesson.blocks[block]
    before = lesson.blocks[one.behind].ids if one.behind is not None else []
    ids = torch.tensor([[*lesson.prefix, *before, *one.ids]])
    embeds = model.get_input_embeddings()(ids)
    if lesson.seconds:
        shown = ROWS[lesson.scene, lesson.seconds].flatten(0, 1).float()
        image = ids == model.config.image_token_index
        embeds = embeds.masked_scatter(image.unsqueeze(-1), model.model.multi_modal_projector(shown))
    out = model.model.language_model(inputs_embeds=embeds, output_hidden_states=True, use_cache=False)
    state = out.last_hidden_state
    if layers < SIZE.layers:
        state = model.model.language_model.norm(out.hidden_states[layers])
    said: Tensor = model.lm_head(state[0, -len(one.ids) :])
    return said


@pytest.mark.parametrize(
    "draw",
    [
        lambda t: t.fast(3),
        lambda t: t.stand(6),
        lambda t: t.slow(2),
        lambda t: t.recite(),
        lambda t: t.drill(),
    ],
)
def test_what_is_said_in_a_pack_is_what_the_library_says_of_each_question_alone(
    draw: Callable[[MemoryTeacher], Lesson],
) -> None:
    model, teacher = _model(), MemoryTeacher([script(1, duration_s=40)], seed=3)
    lessons = [draw(teacher), draw(teacher)]
    reads, alone, end = [], [], 0
    for lesson in lessons:
        end += len(lesson.prefix)
        for i, block in enumerate(lesson.blocks):
            layers = 1 + i % SIZE.layers
            at = len(block.ids) - 1 - i % 2
            reads.append(Read(end + at, layers))
            with torch.no_grad():
                alone.append(_alone(model, lesson, i, layers)[at])
            end += len(block.ids)
    found = scores(model, pack(lessons, ROWS, reads, SIZE.layers), teacher.image)
    torch.testing.assert_close(found, torch.stack(alone), atol=1e-4, rtol=1e-4)


def test_gradients_of_a_pack_are_those_of_the_library() -> None:
    model, teacher = _model(), MemoryTeacher([script(1, duration_s=40)], seed=3)
    lesson = teacher.slow(1)
    ends = torch.tensor([len(b.ids) for b in lesson.blocks]).cumsum(0) + len(lesson.prefix) - 1
    reads = [Read(int(end), SIZE.layers) for end in ends]
    weights = [p for n, p in model.named_parameters() if "vision_tower" not in n]
    packed = scores(model, pack([lesson], ROWS, reads, SIZE.layers), teacher.image).square().mean()
    ours = torch.autograd.grad(packed, weights)
    each = [_alone(model, lesson, i, SIZE.layers)[-1] for i in range(len(lesson.blocks))]
    theirs = torch.autograd.grad(torch.stack(each).square().mean(), weights)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5 + 1e-3 * float(b.abs().max()), rtol=1e-3)


@pytest.mark.parametrize("shape", [(3, 20, 40), (2, 40, 20)])
def test_steps_of_the_optimizer_are_nearly_orthogonal(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
    assert values.min() > 0.5
    assert values.max() < 1.4
