"""The trace of a question through the router and over the bus, to both paths and to memory, by the header alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import pytest
from bus_kit import answer, connected, fresh_opening, question
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.router.service import Service, Settings
from shared import subjects, tracing
from shared.bus import Bus, Meta
from shared.errors import NoResponders
from shared.messages import Ask, AskReply, Done, Open, Path, Profile, S1Ask, Search, SearchReply
from shared.service import Runtime

pytestmark = pytest.mark.nats


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    yield exporter
    tracing.use(None)


async def own(bus: Bus, opening: str) -> None:
    """Answer for a stream as its owner does."""

    async def take(ask: S1Ask, meta: Meta) -> Done:
        await bus.publish_answer(answer(opening).model_copy(update={"trace": ask.trace}))
        return Done()

    await bus.serve(subjects.s1(opening), S1Ask, take)


async def work(bus: Bus, opening: str) -> None:
    """Do the job of a stream as an S2 worker does: search memory, then answer."""
    async with aclosing(bus.jobs(slots=lambda: 1)) as jobs:
        async for job in jobs:
            if job.body is not None and job.body.question.opening == opening:
                trace = job.body.trace
                with job.working():
                    search = Search(opening=opening, text="?", t_max=1.0)
                    await bus.request(subjects.MEM_SEARCH, search, SearchReply, trace=trace)
                    update = {"path": Path.S2, "trace": trace}
                    await bus.publish_answer(answer(opening).model_copy(update=update))
                await job.ack()
                return
            await job.ack()


async def remember(bus: Bus) -> None:
    async def find(search: Search, meta: Meta) -> SearchReply:
        return SearchReply()

    await bus.serve(subjects.MEM_SEARCH, Search, find, queue="memory")


async def test_one_question_is_one_trace_over_all_hops(nats_url: str, spans: InMemorySpanExporter) -> None:
    opening = fresh_opening()
    async with connected(nats_url) as bus:
        stopping = asyncio.Event()
        router = asyncio.create_task(
            Service(Settings(nats_url=nats_url)).run(Runtime(bus, "router", stopping))
        )
        await own(bus, opening)
        await remember(bus)
        working = asyncio.create_task(work(bus, opening))
        root = tracing.root("question")
        ask = Ask(
            question=question(opening),
            route="both",
            open=Open(opening=opening, run="r", uri="synth:", profile=Profile()),
            trace=root.trace,
        )
        async with asyncio.timeout(60):
            while (await asked(bus, ask)).status != "accepted":
                await asyncio.sleep(0.2)
            await working
        root.end()
        stopping.set()
        await router
    trace = [span for span in spans.get_finished_spans() if f"{span.context.trace_id:032x}" in root.trace]
    by_id = {span.context.span_id: span for span in trace}
    inside = {span.name: by_id[span.parent.span_id].name if span.parent else "" for span in trace}
    answers = {
        by_id[span.parent.span_id].name for span in trace if span.name == "send answer" and span.parent
    }
    assert answers == {"process s1", "process s2.job"}
    del inside["send answer"]
    assert inside == {
        "question": "",
        "request ask": "question",
        "process ask": "request ask",
        "decide": "process ask",
        "request s1": "process ask",
        "process s1": "request s1",
        "send s2.job": "process ask",
        "process s2.job": "send s2.job",
        "request mem.search": "process s2.job",
        "process mem.search": "request mem.search",
    }


async def asked(bus: Bus, ask: Ask) -> AskReply:
    try:
        return await bus.request(subjects.ask(ask.open.opening), ask, AskReply, trace=ask.trace)
    except NoResponders:
        return AskReply(status="waiting")
