"""One trace of one question over all hops, as an OpenTelemetry exporter gets it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from stack_kit import Kit

from bench.run.driver import play, prepare, stack_spec
from shared import tracing

pytestmark = pytest.mark.stack

HOPS = {
    "question": "",
    "request ask": "question",
    "process ask": "request ask",
    "decide": "process ask",
    "request s1": "process ask",
    "process s1": "request s1",
    "s1.model": "process s1",
    "send s2.job": "process ask",
    "process s2.job": "send s2.job",
    "s2.gather": "process s2.job",
    "s2.retrieve": "process s2.job",
    "request mem.search": "s2.retrieve",
    "process mem.search": "request mem.search",
    "s2.model": "process s2.job",
}
"""Each hop, and the span that it begins in."""


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    yield exporter
    tracing.use(None)


def test_a_question_is_one_trace_over_all_hops(kit: Kit, spans: InMemorySpanExporter) -> None:
    prepared = prepare(kit.config("traced", dataset__max_samples=1))
    spec = stack_spec(kit.config(), kit.folder / "traced", in_process=True)
    assert play(prepared, stack=spec)
    records = prepared.folder.records()
    assert {record.path for record in records} == {"s1", "s2"}
    traces: dict[str, list[ReadableSpan]] = {}
    for span in spans.get_finished_spans():
        traces.setdefault(f"{span.context.trace_id:032x}", []).append(span)
    for record in records:
        check(traces[record.trace.split("-")[1]])


def check(trace: list[ReadableSpan]) -> None:
    by_id = {span.context.span_id: span for span in trace}
    roots = [span for span in trace if span.parent is None]
    assert [span.name for span in roots] == ["question"]
    assert [span.name for span in trace if span.parent and span.parent.span_id not in by_id] == []
    for name, inside in HOPS.items():
        found = [span for span in trace if span.name == name]
        assert found, f"no span {name!r}"
        for span in found:
            assert (by_id[span.parent.span_id].name if span.parent else "") == inside, name
    answers = [span for span in trace if span.name == "send answer"]
    assert {by_id[span.parent.span_id].name for span in answers if span.parent} == {
        "process s1",
        "process s2.job",
    }
    workers = {str((span.attributes or {}).get("dsb.worker", "")).split("-")[0] for span in trace}
    assert {"bench", "router", "s1", "s2", "memory"} <= workers


def test_without_tracing_a_question_still_has_a_trace_of_its_own_and_no_span() -> None:
    assert not tracing.on()
    first, second = tracing.root("question"), tracing.root("question")
    assert first.trace != second.trace
    with tracing.span("anything", first.trace) as inner:
        assert inner == first.trace
    first.end()
