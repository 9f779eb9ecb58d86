"""Training of the tiny models: it runs from nothing to loadable checkpoints, and goes on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlavaForConditionalGeneration

from bench.tiny.frames import scene_frames, training_scene
from bench.tiny.learn import Course, learn
from bench.tiny.lessons import Lesson, Teacher
from bench.tiny.model import Size, build_model
from bench.tiny.train import Plan, train
from bench.tiny.vision import pixels, tower_rows
from shared.errors import ConfigError
from shared.messages import Option
from shared.vlm import ModelSpec, PromptParts, load_vlm

SMALL = Size(width=32, layers=2, heads=2, mlp=32, vision_width=32, vision_layers=1)
SCENE = training_scene(1, 30)


class _Stopped(Exception):
    """Stands for a process that ends in the middle of training."""


def _trained(folder: Path, *, stop_after: int | None = None, threads: int = 1) -> dict[str, torch.Tensor]:
    torch.set_num_threads(1)
    model, teacher = build_model(SMALL, seed=0), Teacher([SCENE], seed=0)
    rows = torch.rand(1, 30, 16, 32, generator=torch.Generator().manual_seed(0))
    taken = 0

    def lesson(teacher: Teacher, moment: float) -> Lesson:
        nonlocal taken
        taken += 1
        if stop_after is not None and taken > stop_after:
            raise _Stopped
        return teacher.fast(2)

    course = Course("test", 4, 1e-3, lesson, batch=2)
    learn(
        model, rows, teacher, course,
        checkpoint=folder / "c.pt", progress=lambda _: None, save_every_s=-1, threads=threads,
    )  # fmt: skip
    return model.state_dict()


def test_training_that_was_stopped_ends_with_the_weights_of_one_that_was_not(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "halves").mkdir()
    whole = _trained(tmp_path / "whole")
    with pytest.raises(_Stopped):
        _trained(tmp_path / "halves", stop_after=4)
    halves = _trained(tmp_path / "halves")
    assert all(torch.equal(whole[name], halves[name]) for name in whole)


def test_two_threads_learn_what_one_does(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = _trained(tmp_path / "one"), _trained(tmp_path / "two", threads=2)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_course_that_is_mastered_ends_early_and_stays_ended(tmp_path: Path) -> None:
    model, teacher, steps = build_model(SMALL, seed=0), Teacher([SCENE], seed=0), []
    rows = torch.rand(1, 30, 16, 32)

    def lesson(teacher: Teacher, moment: float) -> Lesson:
        steps.append(moment)
        return teacher.drill(1)

    course = Course("test", 1000, 1e-3, lesson, batch=1, promote=lambda teacher, shares: True)
    for _ in range(2):
        learn(model, rows, teacher, course, checkpoint=tmp_path / "c.pt", progress=lambda _: None)
    assert len(steps) == 25


def test_training_rows_are_the_image_features_of_the_library() -> None:
    model = build_model(SMALL, seed=0).eval()
    values = pixels(scene_frames(SCENE, plain=True)[:2])
    with torch.no_grad():
        ours = model.model.multi_modal_projector(tower_rows(model, values))
        theirs = model.get_image_features(pixel_values=values).pooler_output
    assert torch.allclose(ours.flatten(), torch.cat([row.flatten() for row in theirs]), atol=1e-5)


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tiny-s3"):
        train(tmp_path, seed=0, models=("tiny-s3",), progress=lambda _: None)


@pytest.mark.slow
def test_training_from_nothing_makes_checkpoints_that_the_ordinary_backend_loads(tmp_path: Path) -> None:
    plan = Plan(
        scenes=2,
        validation_scenes=1,
        duration_s=20,
        vision_steps=2,
        fast_steps=2,
        standing_steps=2,
        reading_steps=2,
        slow_steps=2,
        fast_batch=2,
        slow_batch=2,
    )
    said: list[str] = []
    train(tmp_path, seed=0, plan=plan, progress=said.append, threads=1)
    for name in ("tiny-s1", "tiny-s2"):
        folder = tmp_path / name
        meta = json.loads((folder / "dsb.json").read_text())
        assert meta["temperature"] > 0
        assert (folder / "model.safetensors").stat().st_size < 10_000_000
        assert not list(folder.glob("*.bin")) + list(folder.glob("*.pkl"))
        vlm = load_vlm(ModelSpec(path=str(folder)))
        unit = vlm.encode([np.zeros((96, 96, 3), np.uint8)], [0.0], 0)
        options = tuple(Option(key=key, text=key) for key in "ABCD")
        choice = vlm.choose(PromptParts((unit,), question="Where is the star now?", options=options))
        assert sum(choice.probs.values()) == pytest.approx(1, abs=1e-3)
        state = LlavaForConditionalGeneration.from_pretrained(folder).state_dict()
        assert all(bool(torch.isfinite(value).all()) for value in state.values())
    train(tmp_path, seed=0, plan=plan, progress=said.append, threads=1)
    assert said.count("vision: taken from an earlier call") == 1
