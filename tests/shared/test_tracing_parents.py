"""Spans and their parents, without a stack."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared import tracing
from shared.telemetry import exemplar

TRACE = f"00-{'ab' * 16}-{'cd' * 8}-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    yield exporter
    tracing.use(None)


def test_a_span_goes_on_where_the_header_says(spans: InMemorySpanExporter) -> None:
    with tracing.span("outer", TRACE, kind="server", dsb_worker="w") as outer, tracing.span("inner", TRACE):
        assert outer.split("-")[1] == "ab" * 16
    inner_span, outer_span = spans.get_finished_spans()
    assert outer_span.parent is not None
    assert f"{outer_span.parent.span_id:016x}" == "cd" * 8
    assert inner_span.parent == outer_span.context
    assert dict(outer_span.attributes or {}) == {"dsb.worker": "w"}


def test_a_span_of_another_trace_is_no_child_of_the_one_around_it(spans: InMemorySpanExporter) -> None:
    with tracing.span("outer", TRACE), tracing.span("other", TRACE.replace("ab", "12")):
        pass
    other, _ = spans.get_finished_spans()
    assert f"{other.context.trace_id:032x}" == "12" * 16


@pytest.mark.parametrize(
    "header", ["", "junk", "00-zz-zz-01", f"01-{'ab' * 16}-{'cd' * 8}-01", f"00-{'xy' * 16}-{'cd' * 8}-01"]
)
def test_no_header_or_a_bad_one_makes_no_span(spans: InMemorySpanExporter, header: str) -> None:
    with tracing.span("any", header) as inner:
        assert inner == header
    assert spans.get_finished_spans() == ()


def test_an_error_is_recorded_and_goes_on(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="no"), tracing.span("any", TRACE):
        raise ValueError("no")
    [span] = spans.get_finished_spans()
    assert not span.status.is_ok


def test_a_root_ends_once(spans: InMemorySpanExporter) -> None:
    root = tracing.root("question")
    root.end()
    root.end()
    [span] = spans.get_finished_spans()
    assert span.parent is None
    assert root.trace.startswith(f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-")


def test_nothing_is_started_without_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    tracing.start("s1")
    assert not tracing.on()


def test_without_the_extra_an_endpoint_is_told_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    tracing.start("s1")
    assert not tracing.on()
    assert "dualstreambench[otel]" in "".join(capsys.readouterr())


def test_an_exemplar_is_the_trace_id_alone() -> None:
    assert exemplar(TRACE) == {"trace_id": "ab" * 16}
    assert exemplar("") is None


@pytest.mark.parametrize("found", ["f" * 200, "ab" * 15, "AB" * 16, "xy" * 16, f"{'ab' * 16}\n"])
def test_what_is_no_trace_id_makes_no_exemplar(found: str) -> None:
    assert exemplar(f"00-{found}-{'cd' * 8}-01") is None
