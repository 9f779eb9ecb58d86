"""Questions about the synthetic world: exact gold, no leaks, seeds that stay apart."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest

from bench.data.world import (
    MIN_AGE_S,
    TASKS,
    Part,
    Split,
    WorldQuestion,
    caption,
    check_split,
    encode_video,
    questions,
    split_of,
    split_seeds,
)
from shared.errors import DataError
from shared.messages import WindowSpec
from shared.perception.window import window
from shared.video.synth import PLAIN_LEVELS, Scene, render, script

PARTS: tuple[Part, ...] = ("realtime", "reasoning")


def _scenes(n: int, duration_s: float = 60) -> list[Scene]:
    return [script(seed, duration_s=duration_s, level=PLAIN_LEVELS[seed % 3]) for seed in range(n)]


@pytest.fixture(scope="module")
def asked() -> list[tuple[Scene, WorldQuestion]]:
    return [(s, q) for s in _scenes(120) for part in PARTS for q in questions(s, part, seed=1, n=8)]


def test_questions_are_a_function_of_scene_part_and_seed() -> None:
    scene = script(9, duration_s=60, level=3)
    assert questions(scene, "reasoning", seed=2, n=5) == questions(scene, "reasoning", seed=2, n=5)
    assert questions(scene, "reasoning", seed=2, n=5) != questions(scene, "reasoning", seed=3, n=5)


def test_every_question_has_four_distinct_options_and_its_gold_is_the_answer(
    asked: list[tuple[Scene, WorldQuestion]],
) -> None:
    for _, question in asked:
        assert [o.key for o in question.options] == list("ABCD")
        assert len({o.text for o in question.options}) == 4
        assert {o.key: o.text for o in question.options}[question.gold] == question.answer


def test_gold_of_now_is_what_the_newest_frame_shows(asked: list[tuple[Scene, WorldQuestion]]) -> None:
    for scene, question in asked:
        if question.part != "realtime":
            continue
        shown = scene.objects_at(int(question.ask_s))
        if question.task == "count_now":
            assert ["one", "two", "three", "four"].index(question.answer) + 1 == len(shown)
            continue
        meant = [o for o in shown if f" {o.shape} " in question.text or f" {o.colour} " in question.text]
        assert len(meant) == 1
        assert question.answer in (meant[0].colour, meant[0].shape, meant[0].quadrant)


def test_gold_of_the_past_is_the_last_state_of_the_one_object_that_is_meant(
    asked: list[tuple[Scene, WorldQuestion]],
) -> None:
    for scene, question in asked:
        if question.part != "reasoning":
            continue
        seen = [
            (t, o)
            for t in range(int(question.ask_s) + 1)
            for o in scene.objects_at(t)
            if f" {o.shape} " in question.text or f" {o.colour} " in question.text
        ]
        t, last = seen[-1]
        assert question.answer in (last.colour, last.shape, last.quadrant)
        assert t + 1 == question.evidence[0][1]
        assert seen[0][0] == question.evidence[0][0]


def test_evidence_of_the_past_has_left_s1s_window_and_old_evidence_s2s(
    asked: list[tuple[Scene, WorldQuestion]],
) -> None:
    difficulties = Counter()
    for _, question in asked:
        if question.part != "reasoning":
            continue
        span, newest = range(*(int(t) for t in question.evidence[0])), int(question.ask_s)
        difficulties[question.difficulty] += 1
        assert question.age_s >= MIN_AGE_S
        assert not set(window(newest, WindowSpec())) & set(span)
        inside = bool(set(window(newest, WindowSpec(stride=5, newest=True))) & set(span))
        assert inside is (question.difficulty == "window") or question.difficulty == "edge"
    assert difficulties["window"] > 100
    assert difficulties["memory"] > 100


def test_gold_spans_follow_the_scene_second_by_second(asked: list[tuple[Scene, WorldQuestion]]) -> None:
    for scene, question in asked[::7]:
        first = question.gold_spans[0]
        assert first.from_s == question.ask_s
        assert first.key == question.gold
        assert all(
            a.to_s <= b.from_s for a, b in zip(question.gold_spans, question.gold_spans[1:], strict=False)
        )
        assert question.gold_spans[-1].to_s <= scene.duration_s


@pytest.mark.parametrize("part", PARTS)
def test_no_letter_is_likelier_than_another(asked: list[tuple[Scene, WorldQuestion]], part: Part) -> None:
    letters = Counter(q.gold for _, q in asked if q.part == part)
    n = sum(letters.values())
    assert n > 800
    assert max(letters.values()) / n < 0.28


@pytest.mark.parametrize("part", PARTS)
def test_the_best_guess_from_text_alone_stays_near_chance(
    asked: list[tuple[Scene, WorldQuestion]], part: Part
) -> None:
    # Half of the questions teach how often each answer is right for each wording; the other half is guessed.
    mine = [q for _, q in asked if q.part == part]
    random.Random(0).shuffle(mine)
    half = len(mine) // 2
    known = Counter((q.text, q.answer) for q in mine[:half])
    by_task = Counter((q.task, q.answer) for q in mine[:half])

    def guess(q: WorldQuestion) -> str:
        return max(q.options, key=lambda o: (known[q.text, o.text], by_task[q.task, o.text])).key

    right = sum(guess(q) == q.gold for q in mine[half:])
    assert right / (len(mine) - half) < 0.33


def test_what_is_visible_at_the_ask_does_not_tell_the_past(asked: list[tuple[Scene, WorldQuestion]]) -> None:
    # Guess what most objects of the last six seconds have in common with an option; the past must not show through.
    chances, n = 0.0, 0
    for scene, q in asked:
        if q.part != "reasoning":
            continue
        now = int(q.ask_s)
        shown = Counter(
            str(word)
            for t in range(now - 5, now + 1)
            for o in scene.objects_at(t)
            for word in (*o[:2], o.quadrant)
        )
        best = max(shown[o.text] for o in q.options)
        top = [o.key for o in q.options if shown[o.text] == best]
        chances += (q.gold in top) / len(top)
        n += 1
    assert abs(chances / n - 0.25) < 0.045


def test_seeds_of_the_splits_never_meet() -> None:
    sets = [set(split_seeds(split, 200)) for split in Split]
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert not sets[1] & sets[2]
    assert all(split_of(seed) is split for split, seeds in zip(Split, sets, strict=True) for seed in seeds)


def test_a_seed_of_another_split_is_refused() -> None:
    assert check_split(19, Split.TEST) == 19
    with pytest.raises(DataError, match="belongs to the test split"):
        check_split(19, Split.TRAIN)


def test_a_caption_names_objects_in_raster_order() -> None:
    for scene in _scenes(5):
        for t in range(0, 60, 7):
            words = [part.split(" ") for part in caption(scene.objects_at(t)).split(", ")]
            assert [tuple(w) for w in words] == [(o.colour, o.shape, o.quadrant) for o in scene.objects_at(t)]
    assert caption(()) == "nothing"


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(DataError, match="clue"):
        questions(script(1, duration_s=20), "clue", seed=0, n=1)  # type: ignore[arg-type]


def test_every_task_comes_up(asked: list[tuple[Scene, WorldQuestion]]) -> None:
    assert {q.task for _, q in asked} == {task for tasks in TASKS.values() for task in tasks}


def test_a_video_is_ordinary_h264_with_the_frames_of_the_scene(tmp_path: Path) -> None:
    scene = script(2, duration_s=6, level=2)
    encode_video(scene, tmp_path / "scene.mp4")
    with av.open(str(tmp_path / "scene.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        pictures = list(container.decode(stream))
    assert len(pictures) == 48
    assert [float(p.time) for p in pictures[::8]] == [0, 1, 2, 3, 4, 5]
    for second, picture in enumerate(pictures[::8]):
        error = np.abs(picture.to_ndarray(format="rgb24").astype(int) - render(scene, second)).mean()
        assert error < 6
