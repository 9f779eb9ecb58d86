"""What is recorded of a standing question on one path: its emissions, and the final that the bench itself writes.

A `speak` question gives an emission for each tick in which the system speaks, a `state` question one for each tick
whose answer is another than before (the first always). The final says at how many ticks there was an answer, which
live may be few or none; an error at any tick is the final's.
"""

from __future__ import annotations

from typing import Any

from bench.data import AskedQuestion
from bench.data.ask import steps
from bench.run.records import Play, Record, failure_record, record_of
from shared.messages import Answer, Path, RouteStamp, Status, Timings

__all__ = ["Follow"]

_EDGE_S = 1e-6


class Follow:
    """One standing (or polled) question on one path."""

    stopped: bool
    """A poll that got its answer asks no more."""

    def __init__(self, item: AskedQuestion, path: Path, *, play: Play, stamps: dict[str, Any]) -> None:
        self._item, self._path, self._play, self._stamps = item, path, play, stamps
        self._times = steps(item)
        standing = item.question.standing
        self._by_state = standing is not None and standing.kind == "state"
        self._seen: set[int] = set()
        self._said: str | None = None
        self._trouble: dict[int, tuple[Status, str]] = {}
        self._last: Answer | None = None
        self._spent: dict[str, float] = {}
        self.stopped = False

    def hear(self, answer: Answer, *, latency_s: float | None, t_emit: float | None) -> Record | None:
        """Take a tick's answer; gives the emission that it makes, if any. One heard already makes none."""
        tick = int(answer.n)
        if tick in self._seen:
            return None
        self._seen.add(tick)
        for stage, took in answer.timings.model_dump().items():
            self._spent[stage] = self._spent.get(stage, 0.0) + took
        if answer.status is not Status.OK or answer.draft is None:
            self._trouble[tick] = (answer.status, answer.error)
            return None
        self._last = answer
        if not self._emits(answer.draft.raw, bool(answer.draft.speak)):
            return None
        return record_of(
            answer,
            self._item,
            play=self._play,
            latency_s=latency_s,
            t_emit=self._times[tick] if t_emit is None else t_emit,
            stamps=self._stamps,
        )

    def answered(self, tick: int) -> bool:
        """Whether the tick's answer is here."""
        return tick in self._seen

    @property
    def _answers(self) -> int:
        return len(self._seen) - len(self._trouble)

    def close(self, route: RouteStamp, *, end_t: float | None) -> Record:
        """The final, with the time of all ticks; `end_t` is where the stream ended, if before the horizon."""
        times = [t for k, t in enumerate(self._times) if not k or end_t is None or t <= end_t + _EDGE_S]
        counts = {"ticks": len(times), "answered": self._answers, "until_s": times[-1]}
        route = self._last.route if self._last else route
        final = Answer(
            opening=self._play.opening,
            key=self._item.key,
            path=self._path,
            t_ask=self._item.ask_s,
            route=route,
            model=self._last.model if self._last else "",
            timings=Timings(**self._spent),
        )
        status, error = self._outcome()
        record = record_of(final, self._item, play=self._play, stamps={**self._stamps, **counts})
        said = self._said if self._by_state and self._said is not None else ""
        return record.model_copy(update={"status": status, "error": error, "raw": said})

    def fail(self, status: Status, error: str, route: RouteStamp) -> Record:
        """The final of a question that could not be followed to its end."""
        counts = {"ticks": len(self._times), "answered": self._answers, "until_s": self._times[-1]}
        return failure_record(
            self._item,
            play=self._play,
            path=self._path,
            status=status,
            error=error,
            route=route,
            stamps={**self._stamps, **counts},
        )

    def _emits(self, raw: str, speaks: bool) -> bool:
        if not self._by_state:
            return speaks
        changed, self._said = raw != self._said, raw
        return changed

    def _outcome(self) -> tuple[Status, str]:
        """An error at any tick is the final's; ticks that were refused only where there was nothing else.

        Live, every tick may have been passed over.
        """
        errors = [tick for tick, (status, _) in self._trouble.items() if status is Status.ERROR]
        if not errors and self._last is not None:
            return Status.OK, ""
        for tick in sorted(errors or self._trouble)[:1]:
            status, error = self._trouble[tick]
            return status, f"at {self._times[tick]:g} s: {error}"
        return Status.TIMEOUT, f"none of {len(self._times)} ticks was answered in time"
