"""What tests of official scoring share: samples as importers make them, and cases with what was said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.data.schema import (
    AnswerForm,
    AnswerSpec,
    Evidence,
    Gold,
    Group,
    Part,
    Poll,
    Sample,
    Scoring,
    Source,
    Span,
    Stream,
    Trigger,
    Turn,
)
from bench.scoring.official import PROFILES, Case, OfficialScores, Prediction
from bench.scoring.text import NORMALISED, TextMatcher
from shared.messages import Option

WORDS = ("red", "green", "blue", "white", "black", "pink", "grey", "brown")
SAID_NOTHING: Any = object()
"""No prediction at all, which is not the same as null."""


def options(count: int) -> tuple[Option, ...]:
    return tuple(Option(key="ABCDEFGH"[n], text=WORDS[n]) for n in range(count))


def make(
    profile: str,
    *turns: Turn,
    name: str = "x",
    task: str = "",
    part: Part = Part.REALTIME,
    group: Group | None = None,
    native: Any = None,
    native_id: str = "",
) -> Sample:
    source = Source(bench=profile.partition(".")[0], native=native, native_id=native_id, pointer=f"/{name}")
    return Sample(
        id=name,
        part=part,
        task=task,
        streams=(Stream(uri="v.mp4"),),
        turns=turns,
        group=group,
        scoring=Scoring(profile=profile),
        source=source,
    )


def choice_turn(gold: str, *, count: int = 4, t: float = 10.0) -> Turn:
    answer = AnswerSpec(options=options(count), gold=(Gold(value=gold),))
    return Turn(question="What colour is it?", ask_s=t, answer=answer)


def text_turn(gold: str, *, question: str = "What is it?", t: float = 5.0) -> Turn:
    return Turn(question=question, ask_s=t, answer=AnswerSpec(form=AnswerForm.TEXT, gold=(Gold(text=gold),)))


def output_turn(*, ask: float = 20.0, gold: float = 29.0, text: str = "3") -> Turn:
    """A question of StreamingBench's proactive file."""
    poll = Poll(every_s=1, from_s=ask + 1, to_s=gold + 4, text=text)
    return Turn(
        question='When the board shows 3, output "3".',
        ask_s=ask,
        trigger=Trigger(gold_s=(gold,), poll=poll, view_from=ask),
        answer=AnswerSpec(form=AnswerForm.EMIT, gold=(Gold(from_s=gold, text=text),)),
    )


def alert_turn(start: float, end: float) -> Turn:
    trigger = Trigger(gold_spans=(Span(from_s=start, to_s=end),))
    return Turn(question="Tell me when.", ask_s=0, trigger=trigger, answer=AnswerSpec(form=AnswerForm.ALERT))


def reply_turn(*replies: tuple[str, float, float, float]) -> Turn:
    """A question of ProactiveVideoQA: text, start and end of the reply's span, end of the related one."""
    return Turn(
        question="What happens?",
        ask_s=0,
        trigger=Trigger(gold_spans=tuple(Span(from_s=a, to_s=b) for _, a, b, _ in replies)),
        answer=AnswerSpec(
            form=AnswerForm.MULTI_REPLY,
            gold=tuple(Gold(from_s=a, to_s=r, text=text) for text, a, _, r in replies),
        ),
        evidence=tuple(Evidence(span=Span(from_s=a, to_s=r)) for _, a, _, r in replies),
    )


def said(sample: Sample, text: Any, *, turn: int = 0, probe: int = 0) -> Case:
    """A case with one prediction, or none."""
    held = () if text is SAID_NOTHING else (Prediction(text),)
    return Case(sample, turn, probe, held)


def emitted(sample: Sample, *things: tuple[float, Any]) -> Case:
    """A case of free timing: what was said at which time."""
    return Case(sample, 0, 0, tuple(Prediction(text, t_emit=t) for t, text in things))


def score(profile: str, cases: Sequence[Case], *, text: TextMatcher = NORMALISED) -> OfficialScores:
    return PROFILES[profile].score(cases, text=text)


def value(profile: str, *cases: Case) -> float | None:
    return score(profile, cases).value
