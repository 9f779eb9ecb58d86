"""Lessons on questions that stand: what they teach is what is shown, no more and no less."""

from __future__ import annotations

import pytest

from bench.data.world_words import Watch, WatchTask, count_at, count_wording, kinds, seen_wording
from bench.tiny.lessons import Block, Lesson, prompt_text
from bench.tiny.memory_lessons import MemoryTeacher
from bench.tiny.standing_lessons import Sight
from bench.tiny.tokenizer import token_id
from shared.messages import Form
from shared.video.synth import Scene, script
from shared.vlm.prompt import answer_labels, closing

SCENES = [script(seed, duration_s=90, level=3) for seed in range(4)]


@pytest.fixture(scope="module")
def teacher() -> MemoryTeacher:
    return MemoryTeacher(SCENES, seed=1)


def _lessons(teacher: MemoryTeacher, n: int) -> list[tuple[Lesson, Scene]]:
    return [(lesson, SCENES[lesson.scene]) for lesson in (teacher.stand(6) for _ in range(n))]


def _said(teacher: MemoryTeacher, block: Block) -> str:
    """What it is asked, and the word that answers it."""
    return str(teacher.tokenizer.convert_ids_to_tokens(block.ids[-1]))


def _is(teacher: MemoryTeacher, block: Block, text: str) -> bool:
    asked = teacher.ids(f"Question: {text}")
    return block.ids[: len(asked)] == asked


def test_a_count_is_the_number_of_its_kind_in_the_newest_frame(teacher: MemoryTeacher) -> None:
    found = 0
    for lesson, scene in _lessons(teacher, 20):
        for block in [b for b in lesson.blocks if b.name == "count"]:
            [kind] = [k for k in kinds() if _is(teacher, block, count_wording(k))]
            assert _said(teacher, block) == str(count_at(scene, lesson.seconds[-1], kind))
            found += 1
    assert found >= 15


def test_yes_is_said_of_what_a_shown_frame_holds_and_no_of_all_else(teacher: MemoryTeacher) -> None:
    said = set()
    for lesson, scene in _lessons(teacher, 30):
        for block in [b for b in lesson.blocks if b.name == "seen"]:
            [kind] = [k for k in kinds() if _is(teacher, block, seen_wording(k))]
            shown = any(count_at(scene, t, kind) for t in lesson.seconds)
            assert _said(teacher, block) == ("yes" if shown else "no")
            doubted = [word for _, word, target in block.targets if target == "doubt"]
            assert doubted == ([] if shown or lesson.seconds[0] == 0 else [teacher.yes])
            said.add(shown)
    assert said == {True, False}


def test_it_is_time_when_it_is_true_of_the_newest_frame(teacher: MemoryTeacher) -> None:
    watches = [Watch(task, kind) for task in (WatchTask.APPEAR, WatchTask.GONE) for kind in kinds()]
    watches += [Watch(WatchTask.NUMBER, n) for n in (1, 2, 3, 4)]
    said = set()
    for lesson, scene in _lessons(teacher, 30):
        for block in [b for b in lesson.blocks if b.name in set(WatchTask)]:
            [watch] = [w for w in watches if _is(teacher, block, w.text)]
            holds = watch.holds(scene.objects_at(lesson.seconds[-1]))
            assert _said(teacher, block) == ("yes" if holds else "no")
            said.add(holds)
    assert said == {True, False}


def test_who_is_shown_nothing_of_a_rare_object_is_taught_to_wait(teacher: MemoryTeacher) -> None:
    said = set()
    for lesson, scene in _lessons(teacher, 60):
        for block in [b for b in lesson.blocks if b.name.startswith("find")]:
            shown = {str(word) for t in lesson.seconds for o in scene.objects_at(t) for word in o[:2]}
            rare = {str(track.rare) for track in scene.tracks if track.rare is not None}
            about = rare & set(teacher.tokenizer.convert_ids_to_tokens(block.ids[:8]))
            assert len(about) == 1
            assert (_said(teacher, block) == "wait") is not (about <= shown)
            said.add(block.name)
    assert said == {"find-ready", "find-wait"}


def test_notes_tell_as_frames_do(teacher: MemoryTeacher) -> None:
    red = next(kind for kind in kinds() if kind == "red")
    for told, word in (([(3.0, "red star top-left")], "yes"), ([(3.0, "blue star top-left")], "no")):
        assert teacher.seen_fact(Sight(0, 9, (), told, True), red).word == word


def test_each_answer_is_a_label_that_the_prompt_offers(teacher: MemoryTeacher) -> None:
    offered = {
        "seen": set(answer_labels(Form.YES_NO)),
        "appear": set(answer_labels(Form.ALERT, speak=True)),
        "find-wait": {"wait"},
        "find-ready": set("abcd"),
    }
    for lesson, _ in _lessons(teacher, 20):
        for block in lesson.blocks:
            assert _said(teacher, block) in offered.get(block.name, {_said(teacher, block)})


@pytest.mark.parametrize(
    "text", [watch.text for watch in (Watch(WatchTask.NUMBER, 2), Watch(WatchTask.GONE, kinds()[0]))]
)
def test_no_word_of_a_standing_prompt_is_unknown(teacher: MemoryTeacher, text: str) -> None:
    for last in (
        closing(Form.ALERT, speak=True),
        closing(Form.YES_NO),
        closing(Form.COUNT),
        closing(Form.SUFFICIENCY, teacher.keyed_texts(list("abcd"))),
    ):
        prompt = prompt_text([1.0], [], text, teacher.keyed_texts(["red", "blue", "green", "white"]), last)
        assert token_id(teacher.tokenizer, "[UNK]") not in teacher.ids(prompt)
