"""A run over the broker: every play of the data set, several at once, from the first grant to the last
record.

Each play is an opening of its own attempt; one that lacked a final is played again whole. What is recorded is
durable; the broker's state is never needed again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from bench.run.asking import Asking
from bench.run.book import Book
from bench.run.capacity import play_capacity
from bench.run.chains import Chains
from bench.run.config import RunConfig
from bench.run.folder import RunWriter
from bench.run.listener import Listener
from bench.run.live import emitted, play_live
from bench.run.plan import Play, opened, owed, questions
from bench.run.planting import GIVES_EVIDENCE, Planter, planter
from bench.run.pulse import Pulse
from bench.run.records import Play as PlayStamp
from bench.run.records import Record
from bench.run.session import Final, Session, close_opening
from bench.run.stop import Stop
from bench.run.turns import Turns, TurnWriter
from shared import subjects
from shared.bus import Bus
from shared.errors import DsbError
from shared.logs import get_logger
from shared.messages import Done, Note, Upsert
from shared.retry import persist
from shared.subjects import opening_id
from shared.tasks import end_tasks

__all__ = ["Job", "run_plays"]


_BATCH = 32
_PLANT_S = 60.0
_LIVE_TURNS_S, _CAPACITY_TURNS_S = 5.0, 45.0
"""How long memory is waited for with what was said, as S1 waits with its notes."""
_TURNS_EVERY_S = 0.1
_TIDY_S = 10.0
"""How long a play that is stopped may take to close its opening."""


class Job(NamedTuple):
    """What there is to do, and where its records go."""

    run: str
    config: RunConfig
    plays: Sequence[Play]
    writer: RunWriter
    listener: Listener
    whole: Sequence[Play] = ()
    """Every play of the run, done ones too."""


async def run_plays(job: Job, bus: Bus, stop: Stop) -> None:
    """Play all, `stream.concurrency` openings at once; ends early, cleanly, when `stop` is set.

    Raises the first `DsbError` of any play, when the others have been closed.
    """
    pulse = Pulse(job.config.stream.stall_s)
    plants = planter(job.config, job.whole)
    slots = asyncio.Semaphore(job.config.stream.concurrency)

    async def one(play: Play) -> None:
        async with slots:
            await _play(job, play, bus, pulse, plants)

    tasks = [asyncio.create_task(one(play), name=f"play-{play.number}") for play in job.plays]
    stopping = asyncio.create_task(stop.wait())
    try:
        await _until_done(tasks, stopping)
    finally:
        await end_tasks([*tasks, stopping], again_s=_TIDY_S)


async def _until_done(tasks: Sequence[asyncio.Task[None]], stopping: asyncio.Task[None]) -> None:
    pending: set[asyncio.Task[None]] = set(tasks)
    while pending and not stopping.done():
        done, _ = await asyncio.wait([*pending, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in pending & done:
            task.result()
        pending -= done


async def _play(job: Job, play: Play, bus: Bus, pulse: Pulse, plants: Planter | None) -> None:
    attempt = job.writer.begin(play.number)
    await _close_earlier(job, play, attempt, bus)
    request = opened(play, run=job.run, attempt=attempt, profile=job.config.profile())
    items = questions(play, request.opening)
    mode = job.config.stream.mode
    stamp = PlayStamp(job.run, request.opening, play.number, attempt, mode)

    def write(record: Record) -> None:
        job.writer.write(record)
        job.listener.recorded(record)

    def when(final: Final) -> float | None:
        return emitted(session, final) if mode == "live" else None

    route = job.config.system.route
    if plants is not None:
        await _plant(await asyncio.to_thread(plants.notes, request, play, items), bus)
        pulse.beat()
    chains = Chains(
        play.samples, items, play.rules, gives_evidence=job.config.memory.source == GIVES_EVIDENCE
    )
    turns = Turns(request, items)
    book = Book(items, stamp=stamp, route=route, chains=chains, write=write, turns=turns)
    asking = Asking(book, route=route, retry_s=job.config.stream.ask_retry_s, emitted=when)
    session = Session(
        bus,
        request,
        pulse=pulse,
        on_answer=asking.on_answer,
        on_time=lambda t: job.listener.reached(request.opening, t),
    )
    job.listener.began(request.opening, play, owed([play], route))
    writer = TurnWriter(turns, bus, within_s=_LIVE_TURNS_S if mode == "live" else _CAPACITY_TURNS_S)
    async with session.running():
        if mode == "live":
            writing = asyncio.create_task(writer.keep_on(_TURNS_EVERY_S))
            try:
                await play_live(session, asking, items, pulse, answer_s=job.config.stream.answer_s)
            finally:
                await end_tasks([writing])
        else:
            await play_capacity(session, asking, items, pulse, between=writer.write)
    pulse.beat()
    job.listener.ended(request.opening)


async def _plant(notes: Sequence[Note], bus: Bus) -> None:
    """Store them all before the play begins: later they could not be told from S1's."""
    for first in range(0, len(notes), _BATCH):
        batch = Upsert(notes=tuple(notes[first : first + _BATCH]))
        await persist(
            partial(bus.request, subjects.MEM_UPSERT, batch, Done), what="planted notes", within_s=_PLANT_S
        )


async def _close_earlier(job: Job, play: Play, attempt: int, bus: Bus) -> None:
    """Openings of a bench that was killed: whoever still holds one gets its slot back."""
    for earlier in range(1, attempt):
        try:
            await close_opening(bus, opening_id(job.run, play.number, earlier))
        except DsbError as error:
            get_logger().warning("close_failed", play=play.number, attempt=earlier, error=str(error))
