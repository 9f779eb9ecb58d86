"""The book of one play: every answer is recorded once, and who has been answered is known.

Used over the broker and offline alike, so that both record the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from bench.data import AskedQuestion
from bench.run.chains import Chains, Told
from bench.run.plan import Earlier, decided, earlier
from bench.run.records import Play as PlayStamp
from bench.run.records import Record, failure_record, record_of
from bench.run.standing import Follow
from bench.run.turns import Turns
from shared.messages import Answer, Path, RouteStamp, Status
from shared.routing import First, Routed, StreamState, fallback

__all__ = ["Book", "Write"]

Write = Callable[[Record], None]
"""Makes a record durable before it returns."""


class _Held(NamedTuple):
    """S1's answer, until it is decided whether S2 is asked, too: its record names both paths."""

    answer: Answer
    wait_s: float | None
    latency_s: float | None
    t_emit: float | None


class _Entry:
    def __init__(self, item: AskedQuestion, route: str) -> None:
        decision = decided(item, route)
        self.item = item
        self.plain = decision is not None
        """Decided here; the router's own decision, which is the same, stands in the answers that it led to."""
        self.routed = self.plain
        self.paths = decision.paths if decision else ()
        self.route = (
            RouteStamp(route=route, score=decision.score, reason=decision.reason, paths=decision.paths)
            if decision
            else RouteStamp(route=route)
        )
        self.then = False
        """The policy is to see S1's answer before all is decided."""
        self.held: _Held | None = None
        self.lead_s = 0.0
        """Wall-clock seconds that went by before the question was sent, and count: deciding, S1's answer."""
        self.recorded: set[Path] = set()
        self.told: dict[Path, Told] = {}
        self.follows: dict[Path, Follow] = {}


class Book:
    """Records by question; each final is written once."""

    def __init__(
        self,
        items: Iterable[AskedQuestion],
        *,
        stamp: PlayStamp,
        route: str,
        chains: Chains,
        write: Write,
        turns: Turns | None = None,
    ) -> None:
        self._turns = turns
        self._entries = {item.key: _Entry(item, route) for item in items}
        self._stamp, self._chains, self._write = stamp, chains, write
        self._earlier: dict[str, Earlier] = {}

    def __contains__(self, key: str) -> bool:
        """Whether this is a question of the play."""
        return key in self._entries

    def item(self, key: str) -> AskedQuestion:
        """The question."""
        return self._entries[key].item

    def route(self, key: str) -> RouteStamp:
        """How the question came to its paths."""
        return self._entries[key].route

    def paths(self, key: str) -> tuple[Path, ...]:
        """The paths that owe a final."""
        return self._entries[key].paths

    def open_paths(self, key: str) -> tuple[Path, ...]:
        """The paths that have none yet."""
        entry = self._entries[key]
        return tuple(path for path in entry.paths if path not in entry.recorded)

    def done(self, key: str) -> bool:
        """Whether it is decided which paths there are, and every one is recorded."""
        return self._entries[key].routed and not self.open_paths(key)

    def earlier(self, key: str) -> Earlier:
        """What was asked about the stream before."""
        if not self._earlier:
            self._earlier = earlier(entry.item for entry in self._entries.values())
        return self._earlier[key]

    def routed(self, key: str) -> bool:
        """Whether it is decided where the question goes."""
        return self._entries[key].routed

    def decision(self, key: str) -> RouteStamp | None:
        """The router's decision that the question is sent by; null where the router decides the same anew."""
        entry = self._entries[key]
        return None if entry.plain or not entry.routed else entry.route

    def settle(self, key: str, routed: Routed) -> None:
        """It is decided where the question goes; what stands or is polled goes there for good."""
        entry = self._entries[key]
        entry.routed, entry.paths, entry.route = True, routed.paths, routed.stamp
        entry.lead_s = routed.stamp.router_s
        once = entry.item.question.standing is None and not entry.item.polls
        entry.then = routed.then and once

    def first(self, key: str) -> First | None:
        """S1's answer, where the policy is to see it now."""
        held = self._entries[key].held
        if held is None:
            return None
        confidence = held.answer.draft.confidence if held.answer.draft else None
        return First(held.answer.status, confidence)

    def resolve(self, key: str, routed: Routed) -> None:
        """The policy has seen S1's answer, which is recorded now."""
        entry = self._entries[key]
        held, entry.held, entry.then = entry.held, None, False
        took = entry.route.router_s + routed.stamp.router_s
        entry.paths, entry.route = routed.paths, routed.stamp.model_copy(update={"router_s": round(took, 6)})
        if held is not None:
            self.heard(held.answer, wait_s=held.wait_s, latency_s=held.latency_s, t_emit=held.t_emit)
            entry.lead_s += (held.latency_s or 0.0) + routed.stamp.router_s

    def told(self, key: str, path: Path) -> Told:
        """The question as it is asked on a path; settled by the first call."""
        entry = self._entries[key]
        if path not in entry.told:
            entry.told[path] = self._chains.told(entry.item, path)
            if self._turns is not None:
                self._turns.asked(key, path, entry.told[path])
        return entry.told[path]

    def waits_for(self, key: str) -> list[str]:
        """The questions that must be done before this one is asked."""
        return [earlier.key for earlier in self._chains.before(self._entries[key].item)]

    def ready(self, key: str, path: Path) -> bool:
        """Whether what the question waits for is done on this path; on all, where it did not come this way."""
        return all(
            path not in self.open_paths(earlier) if path in self.paths(earlier) else self.done(earlier)
            for earlier in self.waits_for(key)
        )

    def follow(self, key: str, path: Path) -> Follow:
        """What is heard of a standing or polled question on a path."""
        entry = self._entries[key]
        if path not in entry.follows:
            stamps = self.told(key, path).stamps
            entry.follows[path] = Follow(entry.item, path, play=self._stamp, stamps=stamps)
        return entry.follows[path]

    def heard(
        self,
        answer: Answer,
        *,
        wait_s: float | None = None,
        latency_s: float | None = None,
        t_emit: float | None = None,
    ) -> None:
        """Record an answer, unless one of this question, path and tick is recorded already."""
        entry = self._entries.get(answer.key)
        if entry is None or answer.path not in entry.paths or answer.path in entry.recorded:
            return
        if answer.n != "final":
            emission = self.follow(answer.key, answer.path).hear(answer, latency_s=latency_s, t_emit=t_emit)
            if emission is not None:
                self._put(emission)
            return
        if entry.then:
            entry.held = entry.held or _Held(answer, wait_s, latency_s, t_emit)
            return
        if not entry.plain:
            answer = answer.model_copy(update={"route": entry.route})
            latency_s = None if latency_s is None else latency_s + entry.lead_s
        stamps = self.told(answer.key, answer.path).stamps
        record = record_of(
            answer,
            entry.item,
            play=self._stamp,
            wait_s=wait_s,
            latency_s=latency_s,
            t_emit=t_emit,
            stamps=stamps,
        )
        self._final(entry, record)

    def close(self, key: str, *, end_t: float | None = None) -> None:
        """Write the finals of a standing question that was followed to its end."""
        entry = self._entries[key]
        for path in self.open_paths(key):
            self._final(entry, self.follow(key, path).close(entry.route, end_t=end_t))

    def fail(
        self,
        key: str,
        status: Status,
        error: str,
        *,
        only: Iterable[Path] | None = None,
        latency_s: float | None = None,
    ) -> None:
        """Record what the bench itself has to say of every path that has no final yet.

        A question that no router decided on goes where the shipped rules send it; S1's answer, where it was to be
        seen by the policy, stands.
        """
        entry = self._entries[key]
        self._decide_here(entry, error)
        for path in self.open_paths(key) if only is None else only:
            if path in entry.recorded or path not in entry.paths:
                continue
            if entry.item.question.standing is not None or entry.item.polls:
                self._final(entry, self.follow(key, path).fail(status, error, entry.route))
                continue
            record = failure_record(
                entry.item,
                play=self._stamp,
                path=path,
                status=status,
                error=error,
                route=entry.route,
                latency_s=latency_s,
                stamps=self.told(key, path).stamps,
            )
            self._final(entry, record)

    def _decide_here(self, entry: _Entry, why: str) -> None:
        question = entry.item.question
        if not entry.routed:
            self.settle(
                question.key, fallback(entry.route.route, question, StreamState(entry.item.ask_s), why)
            )
        elif entry.then:
            stamp = entry.route.model_copy(update={"reason": f"fallback to s1: {why}", "fallback": True})
            self.resolve(question.key, Routed(entry.paths, stamp))

    def _put(self, record: Record) -> None:
        self._write(record)
        if self._turns is not None:
            self._turns.recorded(record)

    def _final(self, entry: _Entry, record: Record) -> None:
        self._put(record)
        self._chains.note(record)
        entry.recorded.add(record.path)
