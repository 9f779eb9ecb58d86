"""The tiny models' tokenizer and the prompts that they learn on."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from bench.data.world import TASKS, caption, draw, questions
from bench.tiny.lessons import Teacher, prompt_text
from bench.tiny.memory_lessons import LEVELS, MemoryTeacher, promote
from bench.tiny.tokenizer import IMAGE, Encoder, build_tokenizer
from shared.messages import Option
from shared.video.synth import CELLS, script
from shared.vlm.base import PromptParts
from shared.vlm.prompt import DESCRIBE, messages

SCENE = script(1, duration_s=60, level=3)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer()


def test_a_caption_comes_back_as_it_was(tokenizer: PreTrainedTokenizerFast) -> None:
    for t in range(60):
        text = caption(SCENE.objects_at(t))
        assert tokenizer.decode(tokenizer.encode(text), skip_special_tokens=True) == text


def test_no_word_of_any_prompt_is_unknown(tokenizer: PreTrainedTokenizerFast) -> None:
    for part in TASKS:
        for asked in questions(SCENE, part, seed=0, n=20):
            options = [Option(key=o.key, text=o.text) for o in asked.options]
            text = prompt_text([3.0, 7199.0], [(5.0, caption(SCENE.objects_at(5)))], asked.text, options)
            assert tokenizer.unk_token_id not in tokenizer.encode(text)
    assert tokenizer.unk_token_id not in tokenizer.encode(DESCRIBE)


def test_digits_are_single_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode("7199.0s")) == ["7", "1", "9", "9", ".", "0", "s"]


def test_ids_of_training_are_those_of_the_tokenizer(tokenizer: PreTrainedTokenizerFast) -> None:
    encode = Encoder(tokenizer)
    options = tuple(Option(key=key, text=text) for key, text in zip("AB", ("Red", "zebra"), strict=True))
    for text in (
        prompt_text([0, 61, 7199], [(5.0, caption(SCENE.objects_at(5)))], "Where is the star now?", options),
        prompt_text([1], (), DESCRIBE, (), "Say yes or no."),
        "Notes: [00:05] it's (3) 12x: a, b. C!",
    ):
        assert encode(text) == tokenizer.encode(text, add_special_tokens=False)


def test_training_text_is_what_the_chat_template_renders(tokenizer: PreTrainedTokenizerFast) -> None:
    options = [Option(key="A", text="red"), Option(key="B", text="blue")]
    plain = prompt_text([], [], "What colour is the star now?", options)
    chat = messages(PromptParts(question="What colour is the star now?", options=options))
    assert tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) == plain
    assert prompt_text([1.0, 2.0], [], DESCRIBE, []).count(IMAGE) == 2


def test_a_saved_tokenizer_is_the_same(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    text = prompt_text([1.0], [(0.0, "red circle top-left")], "Where is the star now?", [])
    assert again.encode(text) == tokenizer.encode(text)
    assert again.chat_template == tokenizer.chat_template


def test_a_lesson_holds_the_prompt_and_its_gold_letter() -> None:
    teacher = MemoryTeacher([SCENE], seed=3)
    for lesson in (teacher.fast(6), teacher.slow(4)):
        assert lesson.prefix.count(teacher.image) == CELLS * len(lesson.seconds)
        for block in lesson.blocks:
            for at, word, kind in block.targets:
                if kind in ("answer", "caption") and at + 1 < len(block.ids):
                    assert block.ids[at + 1] == word


def test_a_lesson_hints_at_the_question_mark_and_flags_the_options() -> None:
    teacher = Teacher([SCENE], seed=4)
    words = teacher.tokenizer.convert_ids_to_tokens
    asked = draw(SCENE, TASKS["realtime"][2], 20.5, teacher.rng)
    for lesson in [teacher.fast(2), teacher.drill()]:
        for block in lesson.blocks:
            flags = [
                (words(block.ids[at]), words(word)) for at, word, kind in block.targets if kind == "flag"
            ]
            hints = [
                (words(block.ids[at]), words(word)) for at, word, kind in block.targets if kind == "hint"
            ]
            assert all(at == "?" for at, _ in hints)
            if flags:
                assert [text for text, flag in flags if flag == "yes"] == [hints[0][1]]
                assert len(flags) == 4
    assert asked is not None


def test_behind_notes_stand_questions_that_the_notes_answer() -> None:
    teacher = MemoryTeacher([SCENE], seed=5)
    words = teacher.tokenizer.convert_ids_to_tokens
    for level in range(len(LEVELS)):
        teacher.level = level
        lesson = teacher.recite()
        for block in lesson.blocks:
            if block.behind is None:
                assert block.name == "notes"
                continue
            if block.name in ("seen", "find-ready", "find-wait"):
                continue
            note = words(lesson.blocks[block.behind].ids)
            answers = {words(word) for _, word, kind in block.targets if kind in ("hint", "lookup")}
            assert len(answers) == 1
            assert answers <= set(note)


def test_levels_go_up_only_when_notes_are_read_well() -> None:
    teacher = MemoryTeacher([SCENE], seed=6)
    assert not promote(teacher, {"recite": 0.9, "recall/hint": 1.0})
    assert teacher.level == 0
    ended = [promote(teacher, {"recite": 0.99, "recall/hint": 0.99}) for _ in LEVELS]
    assert ended == [False] * (len(LEVELS) - 1) + [True]


def test_what_nothing_shown_tells_is_to_be_answered_with_even_chances() -> None:
    teacher = MemoryTeacher([script(seed, duration_s=90, level=2) for seed in range(6)], seed=7)
    unseen = [b for _ in range(60) for b in teacher.slow(2, notes=0.5).blocks if b.name == "past-unseen"]
    assert unseen
    for block in unseen:
        assert len(block.even) == 1
        assert {kind for _, _, kind in block.targets} == {"answer"}
        assert [word for _, word, _ in block.targets] == [teacher.eos]
