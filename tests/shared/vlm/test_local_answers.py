"""How a local model answers as it is set: written, as JSON, behind a thought, to a stop text, drawn by a seed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tiny_families
import tiny_llava
from transformers import AutoTokenizer

from shared.errors import ModelError
from shared.messages import Form, Option, Question
from shared.perception import respond
from shared.vlm import ModelSpec, PromptParts, Reuse, Unit, load_vlm
from shared.vlm.engine import LocalVlm

OPTIONS = tuple(Option(key=key, text=text) for key, text in zip("ABC", ("red", "blue", "grey"), strict=True))
Make = Callable[..., LocalVlm]
MARKED = (
    "{% for m in messages %}<s>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}\n{% endfor %}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)


@pytest.fixture(scope="module")
def make(checkpoint: Path) -> Make:
    @cache
    def made(folder: Path = checkpoint, **settings: Any) -> LocalVlm:
        vlm = load_vlm(ModelSpec(path=str(folder), **settings))
        assert isinstance(vlm, LocalVlm)
        return vlm

    return made


def units(vlm: LocalVlm, n: int = 2) -> list[Unit]:
    return [vlm.encode([frame], [float(i)], i) for i, frame in enumerate(tiny_llava.images(n))]


def question(form: Form = Form.MCQ, **more: Any) -> Question:
    options = OPTIONS if form is Form.MCQ else ()
    asked = {"opening": "o", "key": "k", "sample": "s", "t_ask": 1.0, "text": "What is it?"}
    return Question(**asked, form=form, options=options, **more)


def parts(vlm: LocalVlm, **more: Any) -> PromptParts:
    return PromptParts(units(vlm), question="What is it?", options=OPTIONS, key="k", **more)


def prompted(vlm: LocalVlm, asked: PromptParts) -> str:
    """The rendered prompt of a question that may be thought about."""
    answers = vlm._answers
    settled = answers.settled(asked)
    return answers.opened(vlm.adapter.prompt(settled), settled)


# --- written instead of chosen


def test_a_local_model_can_be_told_to_write_its_choices(make: Make) -> None:
    vlm = make(answering="generate", max_tokens=5)
    draft = respond(vlm, units(vlm), question())
    assert draft.raw == vlm.generate(parts(vlm, closing="Answer with the letter."), max_new_tokens=64).text
    assert draft.choice is None
    assert draft.usage.output_tokens == 5


def test_a_written_label_has_the_confidence_of_its_logits_and_other_text_has_none() -> None:
    vlm = load_vlm(ModelSpec(path="tiny-s2", answering="generate"))
    asked = PromptParts(question="Is there a star?", closing="Answer yes or no.", labels=("wait", "no"))
    written = vlm.generate(asked, max_new_tokens=4)
    assert written.text.startswith(("wait", "no"))
    assert written.probs == pytest.approx(vlm.choose(asked).probs)
    four = question().model_copy(update={"options": (*OPTIONS, Option(key="D", text="green"))})
    draft = respond(vlm, [], four)
    assert draft.confidence == draft.probs[draft.raw.upper()]
    other = tuple({"wait", "no", "yes", "A"} - {written.text.split()[0]})
    assert vlm.generate(replace(asked, labels=other), max_new_tokens=4).probs == {}


def test_each_way_to_answer_has_a_fingerprint_of_its_own(make: Make) -> None:
    ways: list[dict[str, Any]] = [
        {"answering": "generate"},
        {"thinking_tokens": 8},
        {"max_tokens": 5},
        {"stop": ("x",)},
        {"sampling_temperature": 1.0},
        {"seed": 3},
    ]
    made = {make(**way).fingerprint for way in ways}
    assert len(made | {make().fingerprint}) == len(ways) + 1


# --- stops and draws


def test_a_reply_ends_before_a_stop_text(make: Make) -> None:
    vlm = make()
    asked = PromptParts(units(vlm), question="What?")
    whole = vlm.generate(asked, max_new_tokens=20).text
    stop = whole[len(whole) // 2 : len(whole) // 2 + 2]
    cut = make(stop=(stop,)).generate(asked, max_new_tokens=20)
    assert cut.text == whole[: whole.index(stop)].strip()
    assert cut.output_tokens < 20


def test_a_stop_text_and_json_are_not_had_together() -> None:
    with pytest.raises(ValueError, match="JSON has an end of its own"):
        ModelSpec(structured=True, stop=("x",))


def test_what_is_drawn_is_drawn_again_by_the_same_seed_and_question(make: Make) -> None:
    def said(seed: int, key: str) -> str:
        vlm = make(sampling_temperature=1.0, seed=seed)
        return vlm.generate(replace(asked, key=key), max_new_tokens=12).text

    asked = PromptParts(units(make()), question="What?")
    assert said(1, "k") == said(1, "k")
    assert (
        len({said(1, "k"), said(2, "k"), said(1, "other"), make().generate(asked, max_new_tokens=12).text})
        == 4
    )


def test_labels_are_never_drawn(make: Make) -> None:
    plain, hot = make(), make(sampling_temperature=2.0, seed=9)
    assert hot.choose(parts(plain)) == plain.choose(parts(plain))


# --- thoughts


def test_a_thought_stands_before_a_choice_and_is_never_the_answer(make: Make) -> None:
    vlm = make(thinking_tokens=7)
    draft = respond(vlm, units(vlm), question())
    assert draft.choice in ("A", "B", "C")
    assert draft.raw == draft.choice
    assert draft.written
    assert draft.usage.output_tokens == 8
    assert sum(draft.probs.values()) == pytest.approx(1, abs=1e-3)


def test_a_model_without_a_way_to_think_is_asked_to(make: Make) -> None:
    asked = parts(make(), closing="Answer with the letter.", think=True)
    assert "Think first, in a few sentences. Answer with the letter.</s>" in prompted(
        make(thinking_tokens=7), asked
    )
    assert "Think first" not in prompted(make(), asked)
    assert "Think first" not in prompted(make(thinking_tokens=0), asked)


def test_a_choice_behind_a_thought_is_that_of_the_whole_text(make: Make) -> None:
    vlm = make(thinking_tokens=6)
    choice = vlm.choose(parts(vlm, think=True))
    again = vlm.choose(parts(vlm, think=True, reuse=Reuse("thoughts", 1)))
    assert (again.thought, again.label) == (choice.thought, choice.label)
    assert again.probs == pytest.approx(choice.probs, abs=1e-4)
    assert again.reused_tokens == 0
    assert choice.probs != vlm.choose(parts(vlm)).probs


def test_notes_are_written_without_a_thought(make: Make) -> None:
    vlm = make(thinking_tokens=6)
    described = vlm.generate(PromptParts(units(vlm), question="Describe the last frame."), max_new_tokens=4)
    assert (described.thought, described.output_tokens) == ("", 4)


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose chat template knows how to think."""
    folder = tiny_llava.save(tmp_path_factory.mktemp("models") / "thinker")
    (folder / "chat_template.jinja").write_text(MARKED)
    return folder


@pytest.mark.parametrize("budget", [1, 9])
def test_a_model_thinks_between_its_own_markers(make: Make, thinker: Path, budget: int) -> None:
    vlm = make(thinker, thinking_tokens=budget)
    assert prompted(vlm, parts(vlm, think=True)).endswith("assistant\n<think>\n")
    choice = vlm.choose(parts(vlm, think=True))
    assert choice.label in ("A", "B", "C")
    assert choice.output_tokens == budget + 1


def test_a_model_that_may_not_think_is_told_by_its_template(make: Make, thinker: Path) -> None:
    silent = make(thinker, thinking_tokens=0)
    assert prompted(silent, parts(silent, think=True)).endswith("<think>\n\n</think>\n\n")
    assert prompted(make(thinker), parts(silent, think=True)).endswith("assistant\n")
    assert silent.choose(parts(silent, think=True)).output_tokens == 1


def test_a_thought_leaves_room_for_the_answer(make: Make, tmp_path: Path) -> None:
    short = make(tiny_llava.save(tmp_path / "short", context=160), thinking_tokens=5000)
    said = short.generate(PromptParts(question="What?", think=True), max_new_tokens=10)
    assert said.prompt_tokens + said.output_tokens <= 160
    assert said.output_tokens > 10


# --- JSON


@pytest.mark.parametrize("kind", list(tiny_families.MODEL_TYPES))
def test_every_family_is_held_to_json(make: Make, tmp_path: Path, kind: str) -> None:
    folder = tiny_families.save(kind, tmp_path / kind)
    vlm = make(folder, backend=tiny_families.BACKENDS[kind], structured=True)
    said = vlm.generate(parts(vlm, structured=True), max_new_tokens=20)
    assert re.match(r'\{"answer": "[ABC]", ', said.text)


def test_json_is_written_to_its_end_and_read(make: Make) -> None:
    vlm = make(structured=True, max_tokens=1500)
    draft = respond(vlm, units(vlm), question())
    written = json.loads(draft.written)
    assert list(written) == ["answer", "confidence", "evidence_times", "rationale"]
    assert written["answer"] == draft.raw == draft.choice
    assert draft.choice in ("A", "B", "C")
    assert draft.confidence == pytest.approx(written["confidence"])
    assert all(0 <= t <= 1 for t in draft.evidence_times)


def test_json_that_was_cut_is_told(make: Make) -> None:
    vlm = make(structured=True, max_tokens=10)
    draft = respond(vlm, units(vlm), question())
    assert draft.partial == "structured_invalid"
    assert draft.raw.startswith('{"answer"')


def test_json_comes_behind_a_thought(make: Make) -> None:
    vlm = make(structured=True, thinking_tokens=6, max_tokens=1500)
    draft = respond(vlm, units(vlm), question())
    thought, _, reply = draft.written.rpartition("\n{")
    assert thought
    assert json.loads("{" + reply)["answer"] == draft.choice


def test_a_tokenizer_that_cant_spell_json_is_refused_in_one_line() -> None:
    with pytest.raises(ModelError, match="tokenizer of model 'tiny-s1' can't spell JSON") as caught:
        load_vlm(ModelSpec(path="tiny-s1", structured=True))
    assert "\n" not in str(caught.value)


def test_tokens_of_the_template_are_no_part_of_json(make: Make) -> None:
    vlm = make(structured=True)
    mode = vlm._answers._json
    assert mode is not None
    tokenizer = AutoTokenizer.from_pretrained(vlm_folder(vlm), local_files_only=True)
    assert set(tokenizer.all_special_ids) <= set(mode._banned.tolist())


def vlm_folder(vlm: LocalVlm) -> str:
    return str(vlm._answers._tokenizer.name_or_path)
