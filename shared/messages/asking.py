"""Questions on their way to whoever answers."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from shared.messages.base import Key, Message, Opening, Seconds
from shared.messages.playing import Open, Profile

__all__ = [
    "Ask",
    "AskReply",
    "Form",
    "Option",
    "PastTurn",
    "Path",
    "Question",
    "Route",
    "RouteStamp",
    "S1Ask",
    "S1Said",
    "S2Job",
    "Standing",
    "TimedEvent",
    "question_key",
]


class Path(StrEnum):
    """Who answers."""

    S1 = "s1"
    S2 = "s2"


class Form(StrEnum):
    """The form of an answer."""

    MCQ = "mcq"
    TEXT = "text"
    YES_NO = "yes_no"
    COUNT = "count"
    SUFFICIENCY = "sufficiency+text"
    """WAIT while nothing tells, then the answer: a label where there are options, else text."""
    ALERT = "alert"
    """Speak when it is time; that is the whole answer."""
    EMIT = "emit"
    """Speak when it is time, and say something."""


class Option(Message):
    """One choice; `key` is its label."""

    key: str
    text: str


class TimedEvent(Message):
    """Something that happened beside the pictures by `t_ask`: a subtitle, what an earlier user said."""

    t: Seconds
    kind: str
    role: str = ""
    text: str


class PastTurn(Message):
    """An earlier turn of the same chain, as the system is told of it."""

    question: str
    answer: str


class Standing(Message):
    """A question that stands from `t_ask` on: it is looked at again at `t_ask + k * every_s`, up to `until_s`."""

    kind: Literal["speak", "state"]
    """`speak`: the system says something when it decides to. `state`: what it would answer at each tick."""
    every_s: Annotated[float, Field(gt=0)] = 1.0
    until_s: Seconds

    def ticks(self, t_ask: float) -> list[float]:
        """Stream times at which it is looked at; tick `k` is the place in this list."""
        count = int((self.until_s - t_ask) / self.every_s + 1e-9)
        return [round(t_ask + k * self.every_s, 6) for k in range(count + 1)]


class Question(Message):
    """What a system is asked. Built from a whitelist: it has no field that could hold gold, a part or an ability."""

    opening: Opening
    key: Key
    """Hash of (sample, turn, probe): who holds it can repeat the ask without asking twice."""
    sample: str
    turn: int = 0
    probe: int = 0
    t_ask: Seconds
    text: str
    form: Form = Form.MCQ
    options: tuple[Option, ...] = ()
    view_from: Seconds = 0.0
    """No frame or note from before this is used (official protocols that cut a clip)."""
    events: tuple[TimedEvent, ...] = ()
    history: tuple[PastTurn, ...] = ()
    standing: Standing | None = None
    """Null for a question that is answered once, at `t_ask`."""


def question_key(sample: str, turn: int, probe: int) -> str:
    """The key of a question: 16 hex digits of the SHA-1 of its sample, turn and probe."""
    return hashlib.sha1(f"{sample}\0{turn}\0{probe}".encode()).hexdigest()[:16]


class Route(StrEnum):
    """Routing policies that ship; others join by name."""

    RULE = "rule"
    FORCE_S1 = "force-s1"
    FORCE_S2 = "force-s2"
    BOTH = "both"


class RouteStamp(Message):
    """How a question came to its path; copied into every answer."""

    route: str
    score: float | None = None
    reason: str = ""
    router_s: float = 0.0
    """Wall-clock seconds that deciding took."""
    cost_usd: float | None = None
    """US dollars that deciding took; null where nothing was paid."""
    paths: tuple[Path, ...] = ()
    """Every path that the decision named."""
    fallback: bool = False
    """The policy failed, and the shipped rules decided in its place."""


class S1Said(Message):
    """How S1's answer turned out, for a policy that decides on it."""

    status: str
    confidence: float | None = None


class Ask(Message):
    """Bench to router. The same ask may come again; it never counts twice."""

    question: Question
    route: str = Route.RULE
    asked: int = 0
    """Questions asked about the stream before."""
    since_s: Seconds | None = None
    """Stream time since the last of them; null for the first."""
    decide: bool = False
    """Only decide, and send nothing: the bench sends by that decision (`decided`) afterwards."""
    first: S1Said | None = None
    """Decide again, now that S1 has answered."""
    decided: RouteStamp | None = None
    """The decision that the question is to be sent by: the policy is not asked again."""
    only: Path | None = None
    """One path alone, whatever the policy says of these words: the bench decided on the sample's own words, and in a
    chain each path is asked in the light of its own answers."""
    open: Open
    trace: str = ""


class AskReply(Message):
    """The router's decision, at once; the answers follow on their own subjects."""

    status: Literal["accepted", "refused", "waiting", "decided"]
    """`refused`: overload, said out loud (live). `waiting`: ask again, nothing is free yet (capacity). `decided`: where
    it goes is in `stamp`, and nothing was sent."""
    stamp: RouteStamp | None = None
    then: bool = False
    """Of a decision: the policy wants to see S1's answer first."""
    paths: tuple[Path, ...] = ()
    route: str = ""
    score: float | None = None
    reason: str = ""
    router_s: float = 0.0
    router: str = ""


class S1Ask(Message):
    """Router to the owner, who also keeps the standing questions of both paths: it knows the stream's time."""

    question: Question
    route: RouteStamp
    paths: tuple[Path, ...] = (Path.S1,)
    """More than S1 for standing questions only."""
    again: bool = False
    """Answer it also where that was given up before: a person put it back (`dsb dlq retry`)."""
    trace: str = ""


class S2Job(Message):
    """To the work queue: from the router, or from the owner for one tick of a standing question."""

    question: Question
    profile: Profile
    route: RouteStamp
    attempt: int = 0
    tick: int | None = None
    """Which tick of a standing question; null for an ordinary one."""
    spoke: bool = False
    """Whether the answer of the tick before was yes: who goes on saying yes does not speak again."""
    max_age_s: Seconds | None = None
    """Wall-clock seconds, from the broker's timestamp, after which the job is dropped (live mode)."""
    trace: str = ""
