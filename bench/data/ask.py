"""From samples to what is asked. Gold never passes here: a question is built from a whitelist of fields.

The one exception has a door of its own: the text of an official poll (`AskedQuestion.hint`) is gold, is sent by
bench/run/polling.py alone, and stamped in the record.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from bench.data.schema import AnswerForm, Part, Sample, Turn
from shared.messages import Form, Question, Standing, TimedEvent, question_key

__all__ = ["ASKABLE", "AskRules", "AskedQuestion", "steps", "to_questions"]

ASKABLE = frozenset(Part)
"""Parts whose questions are asked by this version."""
_FORMS = {AnswerForm.MULTI_REPLY: Form.EMIT, AnswerForm.SILENCE: Form.TEXT}
_SPOKEN = {AnswerForm.ALERT: Form.ALERT, AnswerForm.YES_NO: Form.ALERT}


class AskRules(NamedTuple):
    """How standing questions and chains are asked: the part of a run's settings that shapes its questions."""

    proactive: Literal["push", "poll"] = "push"
    clue: Literal["probes", "dense"] = "probes"
    history: Literal["self", "oracle", "none"] = "self"
    horizon_s: float = 60.0
    """Seconds of stream time for which a question stands, at most."""
    tick_s: float = 1.0


class AskedQuestion(NamedTuple):
    """A question as it is sent, and where it belongs in the data set."""

    question: Question
    sample: str
    turn: int
    probe: int
    key: str
    ask_s: float
    """Stream time of the ask."""
    polls: tuple[float, ...] = ()
    """Stream times of an official poll; each is a small question of its own."""
    hint: str = ""
    """What the official poll asks about: gold text; empty where it names none."""
    keeps_on: bool = False
    """The poll goes on after a yes: several replies are wanted."""


def to_questions(sample: Sample, opening: str, rules: AskRules = AskRules()) -> list[AskedQuestion]:  # noqa: B008
    """The questions of a sample by ask time: one a turn and probe, or one a turn where it stands or is polled."""
    asked = [
        item
        for number, turn in enumerate(sample.turns)
        for item in _turn(sample, opening, number, turn, rules)
    ]
    return sorted(asked, key=lambda item: (item.ask_s, item.turn, item.probe))


def steps(item: AskedQuestion) -> tuple[float, ...]:
    """Stream times at which the system is to look: the ask, every tick, or every poll."""
    if item.question.standing is not None:
        return tuple(item.question.standing.ticks(item.ask_s))
    return item.polls or (item.ask_s,)


def _turn(sample: Sample, opening: str, number: int, turn: Turn, rules: AskRules) -> list[AskedQuestion]:
    plain = [_asked(sample, opening, number, turn, probe, t) for probe, t in enumerate(turn.asks)]
    if sample.part is Part.CLUE and rules.clue == "dense":
        return [_standing(sample, opening, number, turn, "state", rules)]
    if not _speaks(sample, turn):
        return plain
    poll = turn.trigger.poll if turn.trigger else None
    if rules.proactive == "poll" and poll is not None:
        item = _asked(sample, opening, number, turn, 0, turn.ask_s)
        count = int((poll.to_s - poll.from_s) / poll.every_s + 1e-9) + 1
        times = tuple(round(poll.from_s + k * poll.every_s, 6) for k in range(count))
        update = {"form": Form.EMIT, "options": ()}
        return [
            item._replace(
                question=item.question.model_copy(update=update),
                polls=tuple(t for t in times if t >= turn.ask_s) or (turn.ask_s,),
                hint=poll.text,
                keeps_on=turn.answer.form is AnswerForm.MULTI_REPLY,
            )
        ]
    return [_standing(sample, opening, number, turn, "speak", rules)]


def _speaks(sample: Sample, turn: Turn) -> bool:
    """Whether the system chooses when to speak."""
    timed = {AnswerForm.EMIT, AnswerForm.MULTI_REPLY, AnswerForm.ALERT}
    return sample.part is Part.PROACTIVE and (turn.answer.form in timed or turn.trigger is not None)


def _standing(
    sample: Sample,
    opening: str,
    number: int,
    turn: Turn,
    kind: Literal["speak", "state"],
    rules: AskRules,
) -> AskedQuestion:
    """Until the horizon or the end of the video, whichever is first; gold has no say in it."""
    item = _asked(sample, opening, number, turn, 0, turn.ask_s)
    end = sample.streams[0].duration_s
    horizon = turn.ask_s + rules.horizon_s
    until = horizon if end is None else min(horizon, end)
    standing = Standing(kind=kind, every_s=rules.tick_s, until_s=max(until, turn.ask_s))
    update: dict[str, object] = {"standing": standing, "view_from": 0.0}
    if kind == "speak":
        update |= {"form": _SPOKEN.get(turn.answer.form, Form.EMIT), "options": ()}
    return item._replace(question=item.question.model_copy(update=update))


def _asked(sample: Sample, opening: str, number: int, turn: Turn, probe: int, t: float) -> AskedQuestion:
    key = question_key(sample.id, number, probe)
    question = Question(
        opening=opening,
        key=key,
        sample=sample.id,
        turn=number,
        probe=probe,
        t_ask=t,
        text=turn.question,
        form=_FORMS.get(turn.answer.form) or Form(turn.answer.form.value),
        options=turn.answer.options,
        # Where a source cuts a clip, what lies before it is out of view; a system that speaks by itself sees all.
        view_from=min(turn.trigger.view_from, t) if turn.trigger else 0.0,
        events=tuple(
            TimedEvent(t=event.t, kind=event.kind, role=event.role, text=event.content)
            for event in sorted(sample.events, key=lambda event: event.t)
            if event.t <= t
        ),
    )
    return AskedQuestion(question, sample.id, number, probe, key, t)
