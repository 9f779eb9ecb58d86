"""Every subject, stream and bucket name of the protocol, in one place (docs/protocol.md).

A stream is known on the wire by its opening alone, `<run>_<n>_<attempt>`, which matches `OPENING`; ids of a data set
travel in bodies only.
"""

from __future__ import annotations

import re

from shared.errors import ConfigError

OPENING = re.compile(r"[A-Za-z0-9_-]{1,64}")

FRAMES_LIVE = "DSB_FRAMES_LIVE"
FRAMES_CAP = "DSB_FRAMES_CAP"
EVENTS = "DSB_EVENTS"
S2_JOBS = "DSB_S2_JOBS"
ANSWERS = "DSB_ANSWERS"
DLQ = "DSB_DLQ"

_HOPS = (
    *("ask", "answer", "s1", "s2.job", "ctl.s1.place", "ctl.reader", "frame", "event", "dlq"),
    *("mem.upsert", "mem.search", "mem.list", "mem.forget", "grant", "credit"),
)

OWNER_BUCKET = "dsb_owner"
READER_BUCKET = "dsb_reader"
STANDING_BUCKET = "dsb_standing"

ASK_ALL = "dsb.v1.ask.*"
EVENT_ALL = "dsb.v1.event.>"
S1_PLACE = "dsb.v1.ctl.s1.place"
S2_JOB_ALL = "dsb.v1.s2.job.*"
MEM_UPSERT = "dsb.v1.mem.upsert"
MEM_SEARCH = "dsb.v1.mem.search"
MEM_LIST = "dsb.v1.mem.list"
MEM_FORGET = "dsb.v1.mem.forget"


def opening_id(run: str, n: int, attempt: int) -> str:
    """The id of one play of one video in one run; never used twice."""
    name = f"{run}_{n}_{attempt}"
    if not OPENING.fullmatch(name):
        raise ConfigError(
            f"opening {name!r} is no subject token: use up to 64 of letters, digits, '_' and '-'"
        )
    return name


def frames(opening: str, *, live: bool) -> str:
    """The frame log of an opening."""
    return f"dsb.v1.frame.{'live' if live else 'cap'}.{opening}"


def frames_stream(*, live: bool) -> str:
    """The JetStream stream that holds the frame logs of a mode."""
    return FRAMES_LIVE if live else FRAMES_CAP


def event(opening: str, kind: str) -> str:
    """One kind of event of an opening; `kind` may be `*`."""
    return f"dsb.v1.event.{opening}.{kind}"


def reader_ctl(verb: str) -> str:
    """Control of readers: `open` (a free reader answers); `open.<opening>`, `close.<opening>` (its holder)."""
    return f"dsb.v1.ctl.reader.{verb}"


def ask(opening: str) -> str:
    """Questions to the router."""
    return f"dsb.v1.ask.{opening}"


def s1(opening: str) -> str:
    """The owner of an opening, and nobody else."""
    return f"dsb.v1.s1.{opening}"


def s2_job(opening: str) -> str:
    """The slow system's work queue."""
    return f"dsb.v1.s2.job.{opening}"


def answer(opening: str, key: str, path: str, n: str) -> str:
    """One answer; `n` is the tick of an emission, or `final`. Any token may be `*`."""
    return f"dsb.v1.answer.{opening}.{key}.{path}.{n}"


def answers(opening: str) -> str:
    """Every answer of an opening."""
    return f"dsb.v1.answer.{opening}.>"


def standing(opening: str) -> str:
    """Where a standing question of an opening is kept in its bucket: the key stands behind this and a point."""
    return f"{opening}.standing"


def grant(opening: str) -> str:
    """Bench to reader: stream time that may be published."""
    return f"dsb.v1.grant.{opening}"


def credit(opening: str) -> str:
    """S1 owner to reader: what has been consumed."""
    return f"dsb.v1.credit.{opening}"


def dlq(service: str) -> str:
    """Dead letters of a service."""
    return f"dsb.v1.dlq.{service}"


def hop(subject: str) -> str:
    """Which way of the protocol a subject is, without what it holds of one stream: for metrics and spans."""
    rest = subject.removeprefix("dsb.v1.")
    return next((name for name in _HOPS if rest == name or rest.startswith(f"{name}.")), "other")
