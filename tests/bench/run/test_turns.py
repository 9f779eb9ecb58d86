"""Notes of what is said: whose they are, when they may be known, and what never becomes one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from bench_kit import answered, asked, failed, sample

from bench.run.chains import Told
from bench.run.config import load_config
from bench.run.turns import Turns
from shared.errors import ConfigError
from shared.messages import Note, Open, Path, Status

ITEM = sample("a")
ALL = ("user", "answer", "event")


def turns(also: Sequence[str] = ALL, **memory: Any) -> Turns:
    settings = {"memory.also": list(also), **{f"memory.{key}": value for key, value in memory.items()}}
    profile = load_config(None, settings).profile()
    return Turns(Open(opening="r_0_1", run="r", uri="v0.mp4", profile=profile), [asked(ITEM)])


def of_everything(made: Turns) -> list[Note]:
    """A question asked on both paths, S2's answer to it, and something that was said later."""
    question, key = asked(ITEM).question, asked(ITEM).key
    for path in Path:
        made.asked(key, path, Told(question, {}))
    record = answered(ITEM, "B", path=Path.S2)
    made.recorded(record)
    made.recorded(record.model_copy(update={"kind": "emission", "tick": 3, "t_emit": 13.5}))
    return made.take()


def test_a_question_an_answer_and_an_event_become_notes_that_are_known_behind_them() -> None:
    notes = of_everything(turns())
    assert [(note.kind, note.t_end, note.opening, note.run) for note in notes] == [
        ("user", 10.500001, "r_0_1", "r"),
        ("answer", 10.500004, "r_0_1", "r"),
        ("event", 13.500006, "r_0_1", "r"),
    ]
    assert notes[0].text == 'The user asked: "What colour is it?"'
    assert notes[1].text == 'Asked "What colour is it?", the system answered: green'


def test_a_live_answer_is_known_once_it_was_given() -> None:
    made = turns(["answer"])
    made.recorded(answered(ITEM, "B", t_emit=12.25))
    assert [note.t_end for note in made.take()] == [12.250003]


@pytest.mark.parametrize("also", [(), ("user",), ("event", "answer")])
def test_only_the_kinds_that_are_wanted_are_written(also: Sequence[str]) -> None:
    assert {note.kind for note in of_everything(turns(also))} == set(also)


@pytest.mark.parametrize("memory", [{"source": "oracle"}, {"mode": "none"}, {"enabled": False}])
def test_beside_a_controls_notes_and_without_memory_nothing_is_written(memory: dict[str, Any]) -> None:
    assert of_everything(turns(**memory)) == []


def test_a_question_that_is_put_differently_on_two_paths_is_two_turns() -> None:
    made, key, question = turns(["user"]), asked(ITEM).key, asked(ITEM).question
    for path, text in zip(Path, ("Where is the star?", "Where is the ring?"), strict=True):
        made.asked(key, path, Told(question.model_copy(update={"text": text}), {}))
    notes = made.take()
    assert len({(note.kind, note.seq) for note in notes}) == len(notes) == 2
    assert made.take() == []


def test_failures_gold_and_silence_become_no_notes() -> None:
    made, record = turns(), answered(ITEM, "B")
    made.recorded(failed(ITEM, Status.TIMEOUT))
    made.recorded(record.model_copy(update={"gold_door": "history"}))
    made.recorded(record.model_copy(update={"choice": None, "raw": " "}))
    made.recorded(record.model_copy(update={"ticks": 5}))
    made.asked(asked(ITEM).key, Path.S1, Told(asked(ITEM).question, {"gold_door": "history"}))
    assert made.take() == []


def test_by_batch_nothing_that_is_said_can_be_remembered() -> None:
    from bench.batch.begin import check

    config = load_config(
        None, {"memory.also": ["answer"], "model.s2.backend": "openai", "model.s2.path": "gpt-4o"}
    )
    with pytest.raises(ConfigError, match="leave it empty"):
        check(config)
