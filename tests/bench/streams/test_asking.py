"""A question to a live stream begins a trace, as a question of a run does."""

from __future__ import annotations

import pytest
from bus_kit import connected, fresh_opening
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bench.streams import Known, ask
from shared import subjects, tracing
from shared.bus import Meta
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


async def test_the_question_is_the_root_of_its_trace(nats_url: str) -> None:
    opened = Open(opening=fresh_opening(), run="live-x", uri="v.mp4", profile=Profile(), kept=True)
    exporter, traces = InMemorySpanExporter(), list[str]()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def status(look: Look, meta: Meta) -> StreamStatus:
        return StreamStatus(
            opening=look.opening, reader="r", state="playing", age_s=1.0, t=1.0, report=StreamReport()
        )

    async def route(asked: Ask, meta: Meta) -> AskReply:
        traces.append(asked.trace)
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
        return AskReply(status="accepted", paths=(Path.S1,))

    async with connected(nats_url) as bus:
        serving = [
            await bus.serve(subjects.reader_ctl(f"status.{opened.opening}"), Look, status),
            await bus.serve(subjects.ask(opened.opening), Ask, route),
        ]
        tracing.use(provider)
        try:
            stream = Known("x", opened, 0.0)
            replies = ask(bus, stream, "What?", options=[], route="force-s1", wait_s=20)
            assert [reply.answer.path async for reply in replies] == [Path.S1]
        finally:
            tracing.use(None)
        for one in serving:
            await one.close()
    [root] = [span for span in exporter.get_finished_spans() if span.name == "question"]
    assert root.parent is None
    assert [trace.split("-")[1] for trace in traces] == [f"{root.context.trace_id:032x}"]
