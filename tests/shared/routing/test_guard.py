"""The one door to a policy: what passes to it, and that there always is a decision."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

from shared.errors import ModelError
from shared.messages import Option, PastTurn, Path, Question, Status
from shared.routing import Decision, First, Guard, StreamState

GUARD = import_module("shared.routing.guard")
AT = StreamState(12.5)
PAST = Question(opening="r_0_0", key="k", sample="s", t_ask=12.5, text="What was there before?")
NOW = PAST.model_copy(update={"text": "What is there now?"})


class Strange:
    """A policy that does what a test wants."""

    def __init__(self, act: Callable[[Question], Any]) -> None:
        self._act = act

    def decide(self, question: Question, state: StreamState) -> Any:
        return self._act(question)

    def after(self, question: Question, state: StreamState, first: First) -> Any:
        return self._act(question)


@pytest.fixture
def strange(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Question], Any]], Guard]:
    def make(act: Callable[[Question], Any]) -> Guard:
        made = Strange(act)
        monkeypatch.setattr(GUARD, "policy", lambda route: made)
        monkeypatch.setattr(GUARD, "is_plain", lambda route: False)
        return Guard("strange", timeout_s=0.2)

    return make


@pytest.fixture
def door() -> Iterator[threading.Event]:
    opened = threading.Event()
    yield opened
    opened.set()


def raising(question: Question) -> Decision:
    raise ValueError("no\nidea")


def failing(question: Question) -> Decision:
    raise ModelError("the model is gone: start it")


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (raising, "raised ValueError: no idea"),
        (failing, "the model is gone: start it"),
        (lambda question: None, "no Decision"),
        (lambda question: ("s1", 0.5, "x"), "no Decision"),
        (lambda question: Decision((), 0.5, "x"), "0 paths"),
        (lambda question: Decision(("s3",), 0.5, "x"), "s3"),
        (lambda question: Decision(("s1",), 0.5, "x"), "'s1'"),
        (lambda question: Decision((Path.S1, Path.S1), 0.5, "x"), "2 paths"),
        (lambda question: Decision((Path.S1,), float("nan"), "x"), "nan"),
        (lambda question: Decision((Path.S1,), 1.5, "x"), "1.5"),
        (lambda question: Decision((Path.S1,), "high", "x"), "high"),
        (lambda question: Decision((Path.S1,), None, 7), "7"),
    ],
)
def test_a_policy_that_fails_is_replaced_by_the_rules_and_that_is_said(
    strange: Callable[..., Guard], act: Callable[[Question], Any], why: str
) -> None:
    guard = strange(act)
    for asked, path in ((PAST, Path.S2), (NOW, Path.S1)):
        routed = guard.decide(asked, AT)
        assert routed.paths == routed.stamp.paths == (path,)
        assert routed.stamp.fallback
        assert routed.stamp.route == "strange"
        assert why in routed.stamp.reason
        assert "\n" not in routed.stamp.reason


def test_a_policy_that_hangs_is_not_waited_for_and_soon_not_asked(
    strange: Callable[..., Guard], door: threading.Event
) -> None:
    calls = []

    def hang(question: Question) -> Decision:
        calls.append(question)
        door.wait(30)
        return Decision((Path.S1,), None, "late")

    guard = strange(hang)
    reasons = [guard.decide(PAST, AT).stamp.reason for _ in range(9)]
    assert all("no decision within 0.2 s" in reason for reason in reasons[:8])
    assert "have not come back" in reasons[8]
    assert len(calls) == 8
    door.set()
    for thread in threading.enumerate():
        if thread.name == "policy":
            thread.join()
    assert guard.decide(PAST, AT).stamp.reason == "late"


def test_after_s1_has_answered_a_failing_policy_goes_on_by_the_rules_with_s1_among_the_paths(
    strange: Callable[..., Guard],
) -> None:
    guard = strange(raising)
    assert guard.after(PAST, AT, First(Status.OK, 0.9)).paths == (Path.S1, Path.S2)
    assert guard.after(NOW, AT, First(Status.OK, 0.9)).paths == (Path.S1,)
    without = strange(lambda question: Decision((Path.S2,), None, "x")).after(NOW, AT, First(Status.OK))
    assert without.paths == (Path.S1,)
    assert without.stamp.fallback


def test_what_the_policy_says_is_what_is_done(strange: Callable[..., Guard]) -> None:
    made = Decision((Path.S2,), 0.25, "so", cost=0.5)
    routed = strange(lambda question: made).decide(NOW, AT)
    assert (routed.paths, routed.stamp.score, routed.stamp.reason) == ((Path.S2,), 0.25, "so")
    assert (routed.stamp.cost_usd, routed.stamp.fallback) == (0.5, False)


def test_nothing_passes_but_words_form_and_time(strange: Callable[..., Guard]) -> None:
    planted = PAST.model_copy(
        update={
            "opening": "PLANTED_0_0",
            "sample": "PLANTED/reasoning/episodic",
            "turn": 7,
            "probe": 7,
            "view_from": 7.0,
            "history": (PastTurn(question="PLANTED", answer="PLANTED"),),
            "options": (Option(key="A", text="red"),),
        }
    )
    seen: list[Question] = []

    def look(question: Question) -> Decision:
        seen.append(question)
        return Decision((Path.S1,), None, "x")

    guard = strange(look)
    guard.decide(planted, AT)
    guard.after(planted, AT, First(Status.OK, 0.9))
    for question in seen:
        assert "PLANTED" not in question.model_dump_json()
        assert "7" not in question.model_dump_json()
        assert (question.text, question.options, question.key) == (PAST.text, planted.options, "k")
