"""Who may say and hear what on the broker: the protocol's table (docs/protocol.md), written down a second time.

`catalogue` names a sample of every subject there is; whatever is not given to a user here, the broker must refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shared import subjects
from shared.messages import EventKind

SERVICES = ("memory", "reader", "router", "s1", "s2")
USERS = ("bench", *SERVICES)
OPENING = "run_0_0"
STREAMS = {
    subjects.FRAMES_LIVE: subjects.frames("*", live=True),
    subjects.FRAMES_CAP: subjects.frames("*", live=False),
    subjects.EVENTS: subjects.EVENT_ALL,
    subjects.ANSWERS: "dsb.v1.answer.>",
    subjects.S2_JOBS: subjects.S2_JOB_ALL,
    subjects.DLQ: subjects.dlq("*"),
    f"KV_{subjects.OWNER_BUCKET}": f"$KV.{subjects.OWNER_BUCKET}.>",
    f"KV_{subjects.READER_BUCKET}": f"$KV.{subjects.READER_BUCKET}.>",
    f"KV_{subjects.STANDING_BUCKET}": f"$KV.{subjects.STANDING_BUCKET}.>",
}
EVENTS_OF = {
    "reader": {"opened", "started", "dropped", "error", "eos", "lost", "resumed", "report", "closed"},
    "s1": {"owner", "watermark", "dropped", "report"},
    "bench": {"closed"},
    "router": {"closed"},
}
FOLLOWS = {
    "bench": {
        *(subjects.EVENTS, subjects.ANSWERS, subjects.DLQ),
        *(f"KV_{subjects.OWNER_BUCKET}", f"KV_{subjects.READER_BUCKET}"),
    },
    "reader": {subjects.FRAMES_LIVE, subjects.FRAMES_CAP},
    "router": {subjects.EVENTS, f"KV_{subjects.OWNER_BUCKET}"},
    "s1": {subjects.FRAMES_LIVE, subjects.FRAMES_CAP, f"KV_{subjects.STANDING_BUCKET}"},
    "s2": {subjects.FRAMES_LIVE, subjects.FRAMES_CAP},
    "memory": set[str](),
}
"""Streams of which a user may make ordered consumers."""
READS = {
    "reader": {
        subjects.FRAMES_LIVE,
        subjects.FRAMES_CAP,
        subjects.EVENTS,
        f"KV_{subjects.READER_BUCKET}",
    },
    "router": {
        *(subjects.ANSWERS, subjects.EVENTS),
        *(f"KV_{subjects.OWNER_BUCKET}", f"KV_{subjects.READER_BUCKET}"),
    },
    "s1": {
        subjects.ANSWERS,
        subjects.EVENTS,
        f"KV_{subjects.OWNER_BUCKET}",
        f"KV_{subjects.STANDING_BUCKET}",
    },
}
"""Streams of which a user may read the newest message of a subject."""


class Entry(NamedTuple):
    """A subject, and who may publish and subscribe to it."""

    subject: str
    say: frozenset[str] = frozenset()
    hear: frozenset[str] = frozenset()


def _who(*users: str) -> frozenset[str]:
    return frozenset(users)


def _ours() -> Iterator[Entry]:
    """Every subject of `shared/subjects.py`."""
    for live in (True, False):
        yield Entry(subjects.frames(OPENING, live=live), _who("reader"))
    for kind in EventKind:
        sayers = _who(*(user for user, kinds in EVENTS_OF.items() if kind.value in kinds))
        hearers = _who("reader", "s1") if kind is EventKind.CLOSED else _who()
        yield Entry(subjects.event(OPENING, kind), sayers, hearers)
    yield Entry(subjects.reader_ctl("open"), _who("bench", "router"), _who("reader"))
    yield Entry(subjects.reader_ctl(f"open.{OPENING}"), _who("bench", "reader", "router"), _who("reader"))
    for verb in ("close", "status"):
        yield Entry(subjects.reader_ctl(f"{verb}.{OPENING}"), _who("bench"), _who("reader"))
    yield Entry(subjects.ask(OPENING), _who("bench"), _who("router"))
    yield Entry(subjects.S1_PLACE, _who("router"), _who("s1"))
    yield Entry(subjects.s1(OPENING), _who("router"), _who("s1"))
    yield Entry(subjects.s2_job(OPENING), _who("router", "s1"))
    for path in ("s1", "s2"):
        yield Entry(subjects.answer(OPENING, "k", path, "final"), _who(path, "router"))
        yield Entry(subjects.answer(OPENING, "k", path, "3"), _who(path))
    yield Entry(subjects.grant(OPENING), _who("bench"), _who("reader"))
    yield Entry(subjects.credit(OPENING), _who("s1"), _who("reader"))
    yield Entry(subjects.MEM_UPSERT, _who("s1", "bench"), _who("memory"))
    yield Entry(subjects.MEM_SEARCH, _who("s2"), _who("memory"))
    yield Entry(subjects.MEM_LIST, _who("bench"), _who("memory"))
    yield Entry(subjects.MEM_FORGET, _who("bench"), _who("memory"))
    for user in USERS:
        yield Entry(subjects.dlq(user), _who(user) & {"s1", "s2"})


def _brokers() -> Iterator[Entry]:
    """What the broker itself and NATS micro use: buckets, inboxes, discovery, everything at once."""
    yield Entry(f"$KV.{subjects.OWNER_BUCKET}.{OPENING}", _who("s1"))
    yield Entry(f"$KV.{subjects.READER_BUCKET}.{OPENING}", _who("reader"))
    yield Entry(f"$KV.{subjects.STANDING_BUCKET}.{subjects.standing(OPENING)}.k", _who("s1"))
    for user in (*USERS, "admin"):
        yield Entry(f"_INBOX_{user}.a.1", hear=_who(user))
    yield Entry("_INBOX.a.1")
    for verb in ("PING", "INFO", "STATS"):
        yield Entry(f"$SRV.{verb}", _who("bench") if verb == "STATS" else _who(), _who(*SERVICES))
        for service in SERVICES:
            yield Entry(f"$SRV.{verb}.{service}", hear=_who(service))
            yield Entry(f"$SRV.{verb}.{service}.id", hear=_who(service))
    for subject in ("$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.DSB.CONNZ", "$JS.EVENT.ADVISORY.API", "other"):
        yield Entry(subject)


def _streams_api() -> Iterator[Entry]:
    """The JetStream API about streams: nobody changes, lists or copies one."""
    for verb in ("INFO", "STREAM.LIST", "STREAM.NAMES", "ACCOUNT.PURGE.DSB", "META.LEADER.STEPDOWN"):
        yield Entry(f"$JS.API.{verb}")
    for stream in STREAMS:
        counters = _who("router", "bench") if stream == subjects.DLQ else _who()
        yield Entry(f"$JS.API.STREAM.INFO.{stream}", counters)
        for verb in ("CREATE", "UPDATE", "DELETE", "MSG.GET", "MSG.DELETE", "SNAPSHOT", "RESTORE"):
            yield Entry(f"$JS.API.STREAM.{verb}.{stream}")
        for verb in ("PEER.REMOVE", "LEADER.STEPDOWN"):
            yield Entry(f"$JS.API.STREAM.{verb}.{stream}")
        purgers = _who("reader") if stream == subjects.FRAMES_CAP else _who()
        yield Entry(f"$JS.API.STREAM.PURGE.{stream}", purgers)


def _reading_api() -> Iterator[Entry]:
    """The JetStream API about consumers and single messages."""
    for stream, subject in STREAMS.items():
        followers = _who(*(user for user, streams in FOLLOWS.items() if stream in streams))
        yield Entry(f"$JS.API.CONSUMER.CREATE.{stream}.c.{subject}", followers)
        yield Entry(f"$JS.FC.{stream}.c.x", followers)
        for tail in ("", ".c", ".c.>"):
            yield Entry(f"$JS.API.CONSUMER.CREATE.{stream}{tail}")
        yield Entry(f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.c")
        for verb in ("LIST", "NAMES"):
            yield Entry(f"$JS.API.CONSUMER.{verb}.{stream}")
        for verb in ("DELETE", "PAUSE", "LEADER.STEPDOWN", "UNPIN", "RESET"):
            yield Entry(f"$JS.API.CONSUMER.{verb}.{stream}.s2")
        worker = _who("s2") if stream == subjects.S2_JOBS else _who()
        yield Entry(f"$JS.API.CONSUMER.INFO.{stream}.s2", worker | {"router", "bench"} if worker else worker)
        yield Entry(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.s2", worker)
        yield Entry(f"$JS.ACK.{stream}.s2.1.1.1.1.0", worker)
        whole = _who("s2") if stream in (subjects.FRAMES_LIVE, subjects.FRAMES_CAP) else _who()
        yield Entry(f"$JS.API.DIRECT.GET.{stream}", whole)
        for one in _samples(stream):
            readers = {user for user, streams in READS.items() if stream in streams}
            if stream == subjects.ANSWERS and ".s2." in one:
                readers.add("s2")
            if stream == subjects.ANSWERS and not one.endswith(".final"):
                readers.discard("router")
            yield Entry(f"$JS.API.DIRECT.GET.{stream}.{one}", frozenset(readers))


def _samples(stream: str) -> Iterator[str]:
    """Subjects of a stream, one or two."""
    if stream == subjects.ANSWERS:
        for path in ("s1", "s2"):
            yield subjects.answer(OPENING, "k", path, "final")
            yield subjects.answer(OPENING, "k", path, "3")
    elif stream == subjects.EVENTS:
        yield subjects.event(OPENING, EventKind.CLOSED)
    else:
        yield STREAMS[stream].replace(".>", f".{OPENING}").replace("*", OPENING)


def catalogue() -> list[Entry]:
    """Every subject that the test tries."""
    return [*_ours(), *_brokers(), *_streams_api(), *_reading_api()]


WIDE = (
    *(">", "*.>", "dsb.>", "dsb.v1.>", "dsb.v1.frame.>", "dsb.v1.answer.>", "dsb.v1.event.>", "dsb.v1.mem.>"),
    *("dsb.v1.s2.>", "dsb.v1.dlq.>", "$KV.>", "$SRV.>", "$JS.>", "$JS.API.>", "$JS.ACK.>", "$JS.EVENT.>"),
    *("$SYS.>", "_INBOX.>"),
)
"""What nobody but admin may subscribe to."""
