"""A job that this worker can't read: one of another version, or none at all.

Its letter shows all that a person can learn of it. Where it still says whose question it is, that gets an error, so
that nobody waits for an answer.
"""

from __future__ import annotations

import msgpack
from pydantic import BaseModel, ValidationError

from shared.bus import Job
from shared.messages import Answer, DeadLetter, Path, RouteStamp, Status
from shared.messages.base import Key, Opening, Seconds
from shared.subjects import DLQ

__all__ = ["error_for", "letter_for"]

_SHOWN_BYTES = 1024


class _Question(BaseModel):
    opening: Opening
    key: Key
    t_ask: Seconds


class _Route(BaseModel):
    route: str


class _Head(BaseModel):
    """What every version of a job has; other keys are let be."""

    question: _Question
    route: _Route
    tick: int | None = None


def letter_for(job: Job) -> DeadLetter:
    """Where it was sent, and how it begins."""
    return DeadLetter(
        service="s2",
        reason=job.error,
        opening=job.subject.rpartition(".")[2],
        body={"begins": job.data[:_SHOWN_BYTES].decode(errors="backslashreplace")},
    )


def error_for(job: Job, *, worker: str, model: str) -> Answer | None:
    """The answer of its question; null where it names none, or is not its sender's own word."""
    if job.relayed:
        return None
    try:
        head = _Head.model_validate(msgpack.unpackb(job.data, raw=False))
    except (ValidationError, ValueError, msgpack.UnpackException):
        return None
    return Answer(
        opening=head.question.opening,
        key=head.question.key,
        path=Path.S2,
        n="final" if head.tick is None else str(head.tick),
        status=Status.ERROR,
        error=f"{job.error}; are router, S1 and S2 of one version? It is in {DLQ}",
        t_ask=head.question.t_ask,
        route=RouteStamp(route=head.route.route),
        worker=worker,
        model=model,
        attempts=job.delivered,
        trace=job.trace,
    )
