"""What is known of requests by id, over all batches of a run: an answer, or how often there was none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from bench.files import encoded
from shared.vlm.providers.batch import Outcome
from shared.vlm.providers.wire import Reply, Request

__all__ = ["Answers", "request_id"]


class _Failed(NamedTuple):
    tries: int
    error: str
    final: bool


class Answers:
    """Outcomes by request; an answer counts for more than any failure."""

    def __init__(self, outcomes: Iterable[Outcome], *, attempts: int) -> None:
        self._attempts = attempts
        self._replies: dict[str, Reply] = {}
        self._failed: dict[str, _Failed] = {}
        for outcome in outcomes:
            if outcome.reply is not None:
                self._replies.setdefault(outcome.id, outcome.reply)
            else:
                before = self._failed.get(outcome.id, _Failed(0, "", False))
                tries = before.tries + outcome.counts
                self._failed[outcome.id] = _Failed(tries, outcome.error, before.final or outcome.final)

    def reply(self, id_: str) -> Reply | None:
        """The answer, with the number of batches in which there was none."""
        found = self._replies.get(id_)
        failed = self._failed.get(id_)
        return found._replace(tries=failed.tries) if found and failed else found

    def given_up(self, id_: str) -> str:
        """Why there will be no answer; empty when there may be one."""
        failed = self._failed.get(id_)
        if failed is None or id_ in self._replies:
            return ""
        if failed.final:
            return failed.error
        if failed.tries < self._attempts:
            return ""
        return (
            f"{failed.error}; failed in {failed.tries} batches, the limit of `--attempts` is {self._attempts}"
        )

    def settled(self, id_: str) -> bool:
        """Whether it need not be asked again."""
        return id_ in self._replies or bool(self.given_up(id_))


def request_id(run: str, system: str, request: Request) -> str:
    """28 hex digits over run, system and all that is asked: the same question gives the same id at any time."""
    told = hashlib.sha256(f"{run}\0{system}\0".encode())
    told.update(encoded({**request._asdict(), "content": len(request.content)}))
    for part in request.content:
        body = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        told.update(b"%d\0" % len(body) + body)
    return told.hexdigest()[:28]
