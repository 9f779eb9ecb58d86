"""A question to a live stream: the root of its trace, sent until it is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from bus_kit import connected, fresh_opening
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bench.streams import Known, ask
from shared import subjects, tracing
from shared.bus import Bus, Meta
from shared.messages import (
    Answer,
    Ask,
    AskReply,
    Look,
    Open,
    Path,
    Profile,
    RouteStamp,
    StreamReport,
    StreamStatus,
)

pytestmark = pytest.mark.nats


@asynccontextmanager
async def playing(bus: Bus, route: Callable[[Ask, Meta], Awaitable[AskReply]]) -> AsyncIterator[Known]:
    """A stream that says it plays, whose questions go to `route`."""
    opened = Open(opening=fresh_opening(), run="live-x", uri="v.mp4", profile=Profile(), kept=True)

    async def status(look: Look, meta: Meta) -> StreamStatus:
        return StreamStatus(
            opening=look.opening, reader="r", state="playing", age_s=1.0, t=1.0, report=StreamReport()
        )

    serving = [
        await bus.serve(subjects.reader_ctl(f"status.{opened.opening}"), Look, status),
        await bus.serve(subjects.ask(opened.opening), Ask, route),
    ]
    try:
        yield Known("x", opened, 0.0)
    finally:
        for one in serving:
            await one.close()


async def answer(bus: Bus, asked: Ask) -> None:
    question = asked.question
    await bus.publish_answer(
        Answer(
            opening=question.opening,
            key=question.key,
            path=Path.S1,
            t_ask=question.t_ask,
            route=RouteStamp(route="force-s1"),
        )
    )


async def test_the_question_is_the_root_of_its_trace(nats_url: str) -> None:
    exporter, traces = InMemorySpanExporter(), list[str]()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def route(asked: Ask, meta: Meta) -> AskReply:
        traces.append(asked.trace)
        await answer(bus, asked)
        return AskReply(status="accepted", paths=(Path.S1,))

    async with connected(nats_url) as bus, playing(bus, route) as stream:
        tracing.use(provider)
        try:
            replies = ask(bus, stream, "What?", options=[], route="force-s1", wait_s=20)
            assert [reply.answer.path async for reply in replies] == [Path.S1]
        finally:
            tracing.use(None)
    [root] = [span for span in exporter.get_finished_spans() if span.name == "question"]
    assert root.parent is None
    assert [trace.split("-")[1] for trace in traces] == [f"{root.context.trace_id:032x}"]


async def test_a_question_that_was_accepted_and_given_up_is_sent_again(nats_url: str) -> None:
    heard = list[str]()

    async def route(asked: Ask, meta: Meta) -> AskReply:
        heard.append(asked.question.key)
        if len(heard) > 1:
            await answer(bus, asked)
        return AskReply(status="accepted", paths=(Path.S1,))

    async with connected(nats_url) as bus, playing(bus, route) as stream:
        replies = ask(bus, stream, "What?", options=[], route="force-s1", wait_s=60)
        assert [reply.answer.path async for reply in replies] == [Path.S1]
    assert len(heard) == 2
    assert len(set(heard)) == 1
