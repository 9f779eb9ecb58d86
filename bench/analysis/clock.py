"""The virtual clock: a run's answers, with the times that a latency profile and other hardware would give them.

A discrete-event replay in whole microseconds. Streams play in lanes, one behind the other; each S1 worker serves the
streams of its plays one request at a time, first come first served; S2 workers share one queue. Looks at standing
questions go on with the newest tick when they are behind, as in live mode, and speak on the rising edge of the ticks
that were looked at. Nothing is drawn but by hashes of names: the same times on any machine.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, TypeVar

import msgspec

from bench.analysis.profiles import LatencyProfile, draw
from bench.run.lines import ScoredLine

__all__ = ["Hardware", "replay"]

_MICRO = 1_000_000
_SERVED = ("gather", "retrieve", "vision", "model")
_Line = TypeVar("_Line", bound=ScoredLine)


class Hardware(NamedTuple):
    """What the answers are replayed on."""

    s1: int = 1
    """Workers; a stream belongs to one of them."""
    s2: int = 1
    """Workers, which share a queue."""
    streams: int = 4
    """Streams that play at once."""
    scale: Mapping[str, Fraction] = {}
    """Factor on the time of a stage, by `<path>.<stage>` or `<stage>`: 1/4 is four times as fast."""

    def factor(self, path: str, stage: str) -> Fraction:
        """Of a stage on a path."""
        return self.scale.get(f"{path}.{stage}", self.scale.get(stage, Fraction(1)))


class _Asked(NamedTuple):
    """A question, or a course of looks, on one path."""

    sample: str
    turn: int
    probe: int
    path: str


@dataclass
class _Course:
    """The looks at one standing question on one path."""

    ticks: list[tuple[int, int]]
    """Wall-clock microsecond and place in the lines, in order."""
    next: int = 0
    said: bool = False

    def due(self, now: int) -> int | None:
        """The newest tick that has come and was not looked at, passing over those before it."""
        newest = None
        while self.next < len(self.ticks) and self.ticks[self.next][0] <= now:
            newest = self.ticks[self.next][1]
            self.next += 1
        return newest


@dataclass
class _World:
    """What is going on."""

    profile: LatencyProfile
    hardware: Hardware
    free: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    """When each worker of a pool is free again."""

    def seconds_of(self, line: ScoredLine) -> tuple[int, int, int]:
        """Microseconds before, in and behind the worker."""
        work = line.path if line.kind == "final" else f"{line.path}.tick"
        name = f"{line.sample} {line.turn} {line.probe} {line.tick}"

        def of(stage: str) -> int:
            return draw(self.profile, work, stage, name, self.hardware.factor(line.path, stage))

        return of("router"), sum(map(of, _SERVED)), of("transport")

    def serve(self, line: ScoredLine, arrival: int, service: int) -> int:
        """When it is done: by the worker of its pool that is free first."""
        if line.path == "s1":
            pool = self.free.setdefault((line.path, line.play % self.hardware.s1), [0])
        else:
            pool = self.free.setdefault((line.path, 0), [0] * self.hardware.s2)
        done = max(arrival, heapq.heappop(pool)) + service
        heapq.heappush(pool, done)
        return done


def replay(
    lines: Iterable[_Line], profile: LatencyProfile, hardware: Hardware, *, tick_s: float
) -> Iterator[_Line]:
    """The lines as a live run on that hardware would have left them; ticks that were passed over are left out."""
    held = list(lines)
    starts, world = _starts(held, hardware, tick_s), _World(profile, hardware)
    courses = _courses(held, starts, tick_s)
    looks = [(*course.ticks[0], key) for key, course in courses.items()]
    asks = [
        (starts[line.play] + _micros(line.t_ask) + world.seconds_of(line)[0], place, None)
        for place, line in enumerate(held)
        if line.kind == "final" and line.status == "ok" and _key(line) not in courses
    ]
    queue: list[tuple[int, int, _Asked | None]] = [*looks, *asks]
    heapq.heapify(queue)
    emitted: dict[int, tuple[int, bool | None]] = {}
    while queue:
        now, place, key = heapq.heappop(queue)
        if key is None:
            line = held[place]
            _, service, behind = world.seconds_of(line)
            emitted[place] = (world.serve(line, now, service) + behind - starts[line.play], None)
        elif (after := _look(world, held, courses[key], now, starts, emitted)) is not None:
            heapq.heappush(queue, (after, place, key))
    yield from _told(held, emitted, courses)


def _look(
    world: _World,
    lines: list[_Line],
    course: _Course,
    now: int,
    starts: Mapping[int, int],
    emitted: dict[int, tuple[int, bool | None]],
) -> int | None:
    """Look at the newest tick; gives the time of the next look, null when there is none."""
    place = course.due(now)
    done = now
    if place is not None:
        line = lines[place]
        before, service, behind = world.seconds_of(line)
        done = world.serve(line, now + before, service)
        speak = None
        if line.speak is not None and line.status == "ok":
            yes = line.choice == "yes"
            speak, course.said = yes and not course.said, yes
        emitted[place] = (done + behind - starts[line.play], speak)
    if course.next == len(course.ticks):
        return None
    return max(done, course.ticks[course.next][0])


def _told(
    lines: list[_Line], emitted: Mapping[int, tuple[int, bool | None]], courses: Mapping[_Asked, _Course]
) -> Iterator[_Line]:
    for place, line in enumerate(lines):
        if (found := emitted.get(place)) is not None:
            t_emit = found[0] / _MICRO
            changed = {"speak": found[1]} if found[1] is not None else {}
            late = max(0.0, round(t_emit - line.t_ask, 6)) if line.kind == "final" else None
            yield msgspec.structs.replace(line, mode="live", t_emit=t_emit, latency_s=late, **changed)
        elif line.kind == "final":
            # A failure fails whenever it comes; the close of a standing question says nothing.
            late = None if _key(line) in courses else line.latency_s
            yield msgspec.structs.replace(line, mode="live", t_emit=None, latency_s=late)


def _courses(lines: list[_Line], starts: Mapping[int, int], tick_s: float) -> dict[_Asked, _Course]:
    found: dict[_Asked, list[tuple[int, int]]] = defaultdict(list)
    for place, line in enumerate(lines):
        if line.kind == "emission":
            at = starts[line.play] + _micros(line.t_ask + (line.tick or 0) * tick_s)
            found[_key(line)].append((at, place))
    return {key: _Course(sorted(ticks)) for key, ticks in found.items()}


def _starts(lines: list[_Line], hardware: Hardware, tick_s: float) -> dict[int, int]:
    """When each play begins: a lane takes the next one when the last thing asked of the one before is asked."""
    ends: dict[int, int] = defaultdict(int)
    for line in lines:
        t = line.t_ask + (line.tick or 0) * tick_s
        ends[line.play] = max(ends[line.play], _micros(t))
    lanes, starts = [0] * hardware.streams, {}
    for play in sorted(ends):
        begin = heapq.heappop(lanes)
        starts[play] = begin
        heapq.heappush(lanes, begin + ends[play])
    return starts


def _key(line: ScoredLine) -> _Asked:
    return _Asked(line.sample, line.turn, line.probe, line.path)


def _micros(seconds: float) -> int:
    return round(seconds * _MICRO)
