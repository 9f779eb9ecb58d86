"""S2 and a memory that is dead, hangs, or answers nonsense: no notes, a mark, and no waiting for ever."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest
from memory_kit import note

import services.s2.evidence
from services.s2.evidence import Evidence, Notes
from services.s2.settings import S2Settings
from shared import subjects
from shared.bus import Bus, Meta
from shared.messages import (
    Done,
    Hit,
    Message,
    Note,
    Profile,
    Question,
    RouteStamp,
    S2Job,
    Search,
    SearchReply,
)

pytestmark = pytest.mark.nats

OPENINGS = (f"away_{n}" for n in itertools.count())
Answering = Callable[[Search, Meta], Awaitable[Message]]


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.s2.evidence, "_REST_S", 0.0)


def job() -> S2Job:
    asked = Question(opening=next(OPENINGS), key="k", sample="s", t_ask=20.0, text="Where was the circle?")
    return S2Job(question=asked, profile=Profile(), route=RouteStamp(route="both"))


def hits(*notes: Note) -> SearchReply:
    return SearchReply(hits=tuple(Hit(id=str(one.seq), score=0.5, note=one) for one in notes))


def found(url: str, *answering: Answering | None) -> list[Notes]:
    """What S2 finds, asked once of each memory in turn (`None`: of nobody)."""

    async def run() -> list[Notes]:
        settings = S2Settings(nats_url=url, request_timeout_s=0.3, capacity_memory_s=0.2)
        s2, memory = await Bus.connect(settings, name="s2"), await Bus.connect(settings, name="memory")
        evidence, seen = Evidence(s2, settings), list[Notes]()
        for handler in answering:
            serving = (
                await memory.serve(subjects.MEM_SEARCH, Search, handler, queue="memory") if handler else None
            )
            async with asyncio.timeout(20):
                seen.append(await evidence.notes(job()))
            if serving is not None:
                await serving.close()
        await s2.drain()
        await memory.drain()
        return seen

    return asyncio.run(run())


async def sound(search: Search, meta: Meta) -> SearchReply:
    return hits(note(2, opening=search.opening))


async def hangs(search: Search, meta: Meta) -> SearchReply:
    await asyncio.sleep(1.5)
    return SearchReply()


async def of_the_future(search: Search, meta: Meta) -> SearchReply:
    return hits(note(2, opening=search.opening), note(5, opening=search.opening))


async def of_another(search: Search, meta: Meta) -> SearchReply:
    return hits(note(2, opening="other"))


async def too_much(search: Search, meta: Meta) -> SearchReply:
    return hits(*(note(2, opening=search.opening) for _ in range(search.k + 1)))


async def another_message(search: Search, meta: Meta) -> Done:
    return Done()


@pytest.mark.parametrize("memory", [None, hangs, of_the_future, of_another, too_much, another_message])
def test_the_question_goes_on_without_notes_and_is_marked(nats_url: str, memory: Answering | None) -> None:
    assert found(nats_url, memory) == [Notes((), lost=True)]


def test_a_memory_that_is_back_is_asked_again(nats_url: str) -> None:
    before, away, still, after = found(nats_url, sound, None, None, sound)
    assert (before.lost, away.lost, still.lost, after.lost) == (False, True, True, False)
    assert [hit.note.seq for hit in after.hits] == [2]
