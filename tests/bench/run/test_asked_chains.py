from __future__ import annotations

from typing import Any

import pytest
from bench_kit import OPTIONS

from bench.data import AskRules, Part, Sample, Turn, to_questions
from bench.data.schema import AnswerForm, AnswerSpec, Depends, Gold, Stream
from bench.run.chains import Chains
from bench.run.records import Play, Record, record_of
from shared.messages import Answer, Draft, PastTurn, Path, RouteStamp, Status

SLOT = "##ANSWER##"


def chain(*, second_ask_s: float = 6.0) -> Sample:
    choice = AnswerSpec(options=OPTIONS, gold=(Gold(value="B"),))
    text = AnswerSpec(form=AnswerForm.TEXT, gold=(Gold(text="left"),))
    turns = (
        Turn(question="What colour?", ask_s=5.0, answer=choice),
        Turn(
            question=f"Where is the {SLOT} one?",
            ask_s=second_ask_s,
            depends_on=(Depends(turn=0, mode="slot", slot=SLOT),),
            answer=text,
        ),
        Turn(question="And then?", ask_s=7.0, depends_on=(Depends(turn=1), Depends(turn=0)), answer=text),
    )
    return Sample(id="c", part=Part.SEQUENTIAL, streams=(Stream(uri="v.mp4"),), turns=turns)


class Told:
    """A chain that is played turn by turn."""

    def __init__(self, sample: Sample, **rules: Any) -> None:
        self.items = to_questions(sample, "r_0_1")
        self.chains = Chains([sample], self.items, AskRules(**rules))

    def text(self, turn: int, path: Path = Path.S1) -> str:
        return self.chains.told(self.items[turn], path).question.text

    def history(self, turn: int, path: Path = Path.S1) -> tuple[PastTurn, ...]:
        return self.chains.told(self.items[turn], path).question.history

    def stamps(self, turn: int, path: Path = Path.S1) -> dict[str, Any]:
        return self.chains.told(self.items[turn], path).stamps

    def say(self, turn: int, raw: str, path: Path = Path.S1, *, status: Status = Status.OK) -> Record:
        item = self.items[turn]
        draft = Draft(raw=raw, choice=raw if len(raw) == 1 else None) if status is Status.OK else None
        answer = Answer(
            opening="r_0_1",
            key=item.key,
            path=path,
            t_ask=item.ask_s,
            status=status,
            draft=draft,
            route=RouteStamp(route="both"),
        )
        record = record_of(answer, item, play=Play("r", "r_0_1", 0, 1))
        self.chains.note(record)
        return record


def test_each_path_is_told_its_own_answers() -> None:
    told = Told(chain())
    told.say(0, "A", Path.S1)
    told.say(0, "C", Path.S2)
    assert told.text(1, Path.S1) == "Where is the red one?"
    assert told.text(1, Path.S2) == "Where is the blue one?"
    assert told.stamps(1)["question"] == "Where is the red one?"
    assert "gold_door" not in told.stamps(1)


def test_a_history_holds_the_earlier_turns_as_they_were_asked_in_their_order() -> None:
    told = Told(chain())
    told.say(0, "A")
    assert told.text(1) == "Where is the red one?"
    told.say(1, "top left")
    assert told.history(2) == (
        PastTurn(question="What colour?", answer="red"),
        PastTurn(question="Where is the red one?", answer="top left"),
    )
    assert told.stamps(2)["history"] == told.history(2)


def test_the_oracle_tells_the_right_answers_and_is_stamped() -> None:
    told = Told(chain(), history="oracle")
    told.say(0, "A")
    assert told.text(1) == "Where is the green one?"
    assert [turn.answer for turn in told.history(2)] == ["green", "left"]
    assert told.stamps(1)["gold_door"] == told.stamps(2)["gold_door"] == "history"
    assert told.chains.before(told.items[2]) == []


def test_without_history_nothing_is_told() -> None:
    told = Told(chain(), history="none")
    told.say(0, "A")
    assert (told.text(1), told.history(2)) == ("Where is the object one?", ())
    assert "gold_door" not in told.stamps(1)


@pytest.mark.parametrize(("status", "text"), [(Status.ERROR, "object"), (Status.OK, "it is red")])
def test_a_failed_turn_leaves_the_slot_to_an_object_and_free_text_is_taken_as_it_is(
    status: Status, text: str
) -> None:
    told = Told(chain())
    told.say(0, "it is red", status=status)
    assert told.text(1) == f"Where is the {text} one?"


def test_an_answer_of_another_path_makes_the_chain_not_replayable() -> None:
    told = Told(chain())
    told.say(0, "A", Path.S2)
    assert told.text(1, Path.S1) == "Where is the red one?"
    assert told.stamps(1, Path.S1)["not_replayable"] is True
    assert "not_replayable" not in told.stamps(1, Path.S2)


def test_a_turn_waits_for_those_before_it_but_not_for_one_that_is_asked_later() -> None:
    plain, late = Told(chain()), Told(chain(second_ask_s=9.0))
    assert [item.turn for item in plain.chains.before(plain.items[2])] == [0, 1]
    last = next(item for item in late.items if item.turn == 2)
    assert [item.turn for item in late.chains.before(last)] == [0]
