"""Questions on their way to whoever answers."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Literal

from shared.messages.base import Message, Opening, Seconds
from shared.messages.playing import Open, Profile

__all__ = [
    "Ask",
    "AskReply",
    "Form",
    "Option",
    "Path",
    "Question",
    "Route",
    "RouteStamp",
    "S1Ask",
    "S2Job",
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


class Option(Message):
    """One choice; `key` is its label."""

    key: str
    text: str


class Question(Message):
    """What a system is asked. Built from a whitelist: it has no field that could hold gold, a part or an ability."""

    opening: Opening
    key: str
    """Hash of (sample, turn, probe): who holds it can repeat the ask without asking twice."""
    sample: str
    turn: int = 0
    probe: int = 0
    t_ask: Seconds
    text: str
    form: Form = Form.MCQ
    options: tuple[Option, ...] = ()


def question_key(sample: str, turn: int, probe: int) -> str:
    """The key of a question: 16 hex digits of the SHA-1 of its sample, turn and probe."""
    return hashlib.sha1(f"{sample}\0{turn}\0{probe}".encode()).hexdigest()[:16]


class Route(StrEnum):
    """Routing policies that ship; others join by name."""

    RULE = "rule"
    FORCE_S1 = "force-s1"
    FORCE_S2 = "force-s2"
    BOTH = "both"


class Ask(Message):
    """Bench to router. The same ask may come again; it never counts twice."""

    question: Question
    route: str = Route.RULE
    open: Open
    trace: str = ""


class AskReply(Message):
    """The router's decision, at once; the answers follow on their own subjects."""

    status: Literal["accepted", "refused", "waiting"]
    """`refused`: overload, said out loud (live). `waiting`: ask again, nothing is free yet (capacity)."""
    paths: tuple[Path, ...] = ()
    route: str = ""
    score: float | None = None
    reason: str = ""
    router_s: float = 0.0
    router: str = ""


class RouteStamp(Message):
    """How a question came to its path; copied into every answer."""

    route: str
    score: float | None = None
    reason: str = ""
    router_s: float = 0.0


class S1Ask(Message):
    """Router to the owner."""

    question: Question
    route: RouteStamp
    trace: str = ""


class S2Job(Message):
    """Router to the work queue."""

    question: Question
    profile: Profile
    route: RouteStamp
    attempt: int = 0
    max_age_s: Seconds | None = None
    """Wall-clock seconds, from the broker's timestamp, after which the job is dropped (live mode)."""
    trace: str = ""
