"""One pass over the plays that lack an answer: the offline run itself, with answers from batches.

So requests and records are those of an offline run, word for word. A question whose answer is still to come is put
down, and what depends on it waits for the next round; a play that lacks nothing any more is recorded, whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import takewhile

from bench.batch.desk import Desk
from bench.data import AskedQuestion
from bench.data.ask import steps
from bench.run.book import Book
from bench.run.chains import Chains
from bench.run.folder import RunWriter
from bench.run.offline import Offline, due_frames
from bench.run.offline_steps import answer_all
from bench.run.plan import Play, opened, questions
from bench.run.planting import GIVES_EVIDENCE, Planter
from bench.run.preparing import Prepared
from bench.run.records import Play as PlayStamp
from bench.run.records import Record
from shared.errors import DsbError, ModelError
from shared.memory import Memory
from shared.messages import Open, Path, Profile, Timings
from shared.perception import encode_frames, note_for
from shared.video import Frame, frames
from shared.vlm import Vlm

__all__ = ["Pass"]


class Pass:
    """One pass; its models block."""

    def __init__(
        self,
        prepared: Prepared,
        desks: Mapping[str, Desk],
        models: Mapping[str, Vlm],
        memory: Memory | None,
        *,
        plants: Planter | None,
        writer: RunWriter,
    ) -> None:
        self._prepared, self._desks, self._models = prepared, desks, models
        self._memory, self._plants, self._writer = memory, plants, writer
        self._attempts = prepared.folder.attempts()

    def over(self, plays: Sequence[Play]) -> int:
        """Go over plays; gives how many of them were recorded."""
        return sum(self._play(play) for play in plays)

    def _play(self, play: Play) -> bool:
        """Whether it lacks nothing, and was recorded."""
        config, run = self._prepared.config, self._prepared.run
        attempt = self._attempts.get(play.number, 0) + 1
        request = opened(play, run=run, attempt=attempt, profile=config.profile())
        items, route = questions(play, request.opening), config.system.route
        stamp, records = PlayStamp(run, request.opening, play.number, attempt, "offline"), list[Record]()
        gives = config.memory.source == GIVES_EVIDENCE
        chains = Chains(play.samples, items, play.rules, gives_evidence=gives)
        book = Book(items, stamp=stamp, route=route, chains=chains, write=records.append)
        offline = Offline(
            request, play, s1=self._models["s1"], s2=self._models["s2"], memory=self._memory, once=True
        )
        missed = self._missed()
        if self._memory is not None and self._plants is not None:
            self._memory.upsert(self._plants.notes(request, play, items))
        self._notes(offline, request, play, book, items)
        self._ask(offline, book, items, route)
        if self._memory is not None:
            self._memory.delete(opening=request.opening)
        if self._missed() > missed:
            return False
        self._writer.begin(play.number)
        self._writer.write(*map(self._untimed, records))
        return True

    def _ask(self, offline: Offline, book: Book, items: Sequence[AskedQuestion], route: str) -> None:
        waiting = set[str]()
        for item in items:
            before = self._missed()
            if waiting.isdisjoint(book.waits_for(item.key)):
                answer_all(offline, book, item, route)
            if self._missed() > before or not waiting.isdisjoint(book.waits_for(item.key)):
                waiting.add(item.key)

    def _notes(
        self, offline: Offline, request: Open, play: Play, book: Book, items: Sequence[AskedQuestion]
    ) -> None:
        """Where S1's notes come from batches, all are put down at once: S2 would meet only the first that lacks."""
        profile = request.profile
        if "s1" not in self._desks or not (profile.recall.reads and profile.notes.enabled):
            return
        last = max((steps(item)[-1] for item in items if Path.S2 in book.paths(item.key)), default=None)
        if last is None:
            return
        last = min(last, last if offline.end_t is None else offline.end_t)
        for tick, frame in due_frames(_past(play, profile, last), profile.notes.every_s, last):
            [unit] = encode_frames(self._models["s1"], [frame])
            with suppress(ModelError):  # S2's questions say so themselves
                note_for(self._models["s1"], unit, opening=request.opening, run=request.run, seq=tick)

    def _missed(self) -> int:
        return sum(desk.missed for desk in self._desks.values())

    def _untimed(self, record: Record) -> Record:
        """A batch has no latency: what went by here was looking up an answer."""
        if record.path.value not in self._desks:
            return record
        usage = record.usage.model_copy(update={"retry_s": 0.0})
        return record.model_copy(
            update={"latency_s": None, "wait_s": None, "stages": Timings(), "usage": usage}
        )


def _past(play: Play, profile: Profile, t: float) -> list[Frame]:
    """Every sampled frame up to `t`, as far as the source can be read."""
    found: list[Frame] = []
    with suppress(DsbError):  # questions about what lies behind say so themselves
        found.extend(takewhile(lambda frame: frame.t <= t, frames(play.uri, profile.video)))
    return found
