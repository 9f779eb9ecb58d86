"""A router that answers nonsense: the bench decides by a stated rule, marks it, and asks on; over a real broker."""

from __future__ import annotations

import asyncio
from pathlib import Path as FilePath

import pytest
from bench_kit import dataset, sample
from bus_kit import connected, fresh_opening

from bench.run.asking import Asking
from bench.run.book import Book
from bench.run.chains import Chains
from bench.run.plan import plan, questions
from bench.run.pulse import Pulse
from bench.run.records import Play, Record
from bench.run.session import Session
from shared import subjects
from shared.bus import Meta
from shared.messages import Answer, Ask, AskReply, Done, Draft, Message, Open, Path, Profile, RouteStamp
from shared.routing import StreamState, fallback

pytestmark = pytest.mark.nats

ROUTE = "cascade@0.7"
NONSENSE: dict[str, Message] = {
    "another message": Done(),
    "no decision": AskReply(status="accepted"),
    "no path": AskReply(status="decided", stamp=RouteStamp(route=ROUTE)),
    "another route": AskReply(status="decided", stamp=RouteStamp(route="rule", paths=(Path.S2,))),
}
TO_S1 = AskReply(status="decided", stamp=RouteStamp(route=ROUTE, paths=(Path.S1,)), then=True)


def asked(url: str, folder: FilePath, decisions: list[Message]) -> list[Record]:
    """The records of one question whose router decides so, the last one again and again, and sends what it is told."""

    async def play() -> list[Record]:
        opening, records = fresh_opening(), list[Record]()
        [one] = plan(dataset(folder, [sample("a")]))
        items = questions(one, opening)
        chains = Chains(one.samples, items, one.rules)
        stamp = Play("r", opening, 0, 1)
        book = Book(items, stamp=stamp, route=ROUTE, chains=chains, write=records.append)
        asking = Asking(book, route=ROUTE, retry_s=0.5)
        profile = Profile()
        async with connected(url) as bus:

            async def router(ask: Ask, meta: Meta) -> Message:
                if ask.decide:
                    return decisions.pop(0) if len(decisions) > 1 else decisions[0]
                assert ask.decided is not None
                for path in ask.decided.paths:
                    said = Draft(raw="A", choice="A", confidence=0.1)
                    await bus.publish_answer(
                        Answer(
                            opening=opening,
                            key=ask.question.key,
                            path=path,
                            t_ask=ask.question.t_ask,
                            draft=said,
                            route=ask.decided,
                        )
                    )
                return AskReply(status="accepted")

            await bus.serve(subjects.ask(opening), Ask, router)
            opened = Open(opening=opening, run="r", uri="v.mp4", profile=profile)
            session = Session(
                bus, opened, pulse=Pulse(120), on_answer=asking.on_answer, on_time=lambda t: None
            )
            async with session.running():
                key = items[0].key
                assert await asking.settle(session, key, lambda: "") == ""
                assert await asking.ask(session, key, lambda: "") == ""
        return records

    return asyncio.run(asyncio.wait_for(play(), 120))


@pytest.mark.parametrize("reply", NONSENSE)
def test_the_shipped_rules_decide_in_its_place_and_the_record_says_so(
    nats_url: str, tmp_path: FilePath, reply: str
) -> None:
    records = asked(nats_url, tmp_path, [NONSENSE[reply]])
    question = questions(plan(dataset(tmp_path, [sample("a")]))[0], "x_0_0")[0].question
    expected = fallback(ROUTE, question, StreamState(question.t_ask), "").paths
    assert [(record.path, record.status, record.route_fallback) for record in records] == [
        (path, "ok", True) for path in expected
    ]
    assert all("router answered nonsense" in record.route_reason for record in records)


def test_nonsense_now_and_then_changes_nothing(nats_url: str, tmp_path: FilePath) -> None:
    asks_s2 = AskReply(status="decided", stamp=RouteStamp(route=ROUTE, paths=(Path.S1, Path.S2)))
    strange = [NONSENSE["another message"], NONSENSE["no path"]]
    records = asked(nats_url, tmp_path, [*strange, TO_S1, *strange, asks_s2])
    assert [(record.path, record.route_fallback) for record in records] == [
        (Path.S1, False),
        (Path.S2, False),
    ]


def test_where_it_goes_mad_behind_s1s_answer_that_answer_stands(nats_url: str, tmp_path: FilePath) -> None:
    [record] = asked(nats_url, tmp_path, [TO_S1, NONSENSE["no decision"]])
    assert (record.path, record.status, record.route_fallback) == (Path.S1, "ok", True)
    assert record.route_reason.startswith("fallback to s1: the router answered nonsense")
