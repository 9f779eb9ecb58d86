"""The wire contract: frozen pydantic models, msgpack on the wire (frames apart: docs/protocol.md).

Times named `t`, `*_s` or `*_ts` are seconds of stream time; the fields of `Timings` are seconds of wall clock on one
host, durations only. Nothing here can carry gold: questions are built from a whitelist of fields.
"""

from __future__ import annotations

from shared.messages.answering import Answer, DeadLetter, Draft, Status, Timings, Usage
from shared.messages.asking import (
    Ask,
    AskReply,
    Form,
    Option,
    PastTurn,
    Path,
    Question,
    Route,
    RouteStamp,
    S1Ask,
    S2Job,
    Standing,
    TimedEvent,
    question_key,
)
from shared.messages.base import Message, Opening, Seconds
from shared.messages.notes import Hit, Note, Search, SearchReply, Upsert
from shared.messages.playing import (
    Close,
    Credit,
    Done,
    Event,
    EventKind,
    Grant,
    Mode,
    NoteSpec,
    Open,
    OpenReply,
    Place,
    PlaceReply,
    Profile,
    RecallSpec,
    Resize,
    VideoSpec,
    WindowSpec,
)

__all__ = [
    "Answer",
    "Ask",
    "AskReply",
    "Close",
    "Credit",
    "DeadLetter",
    "Done",
    "Draft",
    "Event",
    "EventKind",
    "Form",
    "Grant",
    "Hit",
    "Message",
    "Mode",
    "Note",
    "NoteSpec",
    "Open",
    "OpenReply",
    "Opening",
    "Option",
    "PastTurn",
    "Path",
    "Place",
    "PlaceReply",
    "Profile",
    "Question",
    "RecallSpec",
    "Resize",
    "Route",
    "RouteStamp",
    "S1Ask",
    "S2Job",
    "Search",
    "SearchReply",
    "Seconds",
    "Standing",
    "Status",
    "TimedEvent",
    "Timings",
    "Upsert",
    "Usage",
    "VideoSpec",
    "WindowSpec",
    "question_key",
]
