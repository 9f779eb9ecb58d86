"""A run in offline mode: play by play, question by question, in this process."""

from __future__ import annotations

from typing import Any

from bench.run.book import Book
from bench.run.chains import Chains
from bench.run.offline import Offline
from bench.run.offline_steps import Looks
from bench.run.orchestrate import Job
from bench.run.plan import Play, moments, opened, owed, questions
from bench.run.planting import GIVES_EVIDENCE, Planter, planter
from bench.run.records import Play as PlayStamp
from bench.run.records import Record
from bench.run.stop import Stop
from bench.run.turns import Turns
from shared.memory import Memory, open_memory
from shared.vlm import ModelSpec, Vlm, load_vlm, probed

__all__ = ["run_offline"]


def run_offline(job: Job, stop: Stop) -> dict[str, Any]:
    """Answer everything, or up to `stop`; gives name, fingerprint and what caches change, by system."""
    specs = job.config.model
    s1, s2 = load_vlm(specs.s1), load_vlm(specs.s2)
    models = {"s1": _told(s1, specs.s1), "s2": _told(s2, specs.s2)}
    plants = planter(job.config, job.whole)
    with open_memory(store="memory:", encoder=job.config.memory.encoder) as memory:
        for play in job.plays:
            if not stop.is_set():
                _play(job, play, stop, s1, s2, memory, plants)
    return models


def _told(vlm: Vlm, spec: ModelSpec) -> dict[str, Any]:
    moved = probed(vlm, spec)
    told = {} if moved is None else {"cache_difference": f"{moved:.1e}"}
    return {"model": vlm.name, "fingerprint": vlm.fingerprint, **told}


def _play(job: Job, play: Play, stop: Stop, s1: Vlm, s2: Vlm, memory: Memory, plants: Planter | None) -> None:
    attempt = job.writer.begin(play.number)
    request = opened(play, run=job.run, attempt=attempt, profile=job.config.profile())
    items, route = questions(play, request.opening), job.config.system.route
    stamp = PlayStamp(job.run, request.opening, play.number, attempt, "offline")

    def write(record: Record) -> None:
        job.writer.write(record)
        job.listener.recorded(record)

    if plants is not None:
        memory.upsert(plants.notes(request, play, items))
    chains = Chains(
        play.samples, items, play.rules, gives_evidence=job.config.memory.source == GIVES_EVIDENCE
    )
    turns = Turns(request, items)
    book = Book(items, stamp=stamp, route=route, chains=chains, write=write, turns=turns)
    offline = Offline(request, play, s1=s1, s2=s2, memory=memory)
    job.listener.began(request.opening, play, owed([play], route))
    looks = Looks(offline, book, route)
    for moment in moments(items):
        if stop.is_set():
            return
        for step in moment.steps:
            looks.look(step)
        memory.upsert(turns.take())
        job.listener.reached(request.opening, moment.t)
    looks.close()
    memory.delete(opening=request.opening)
    job.listener.ended(request.opening)
