"""OpenTelemetry spans of one question over all hops; without an endpoint, or without the extra `otel`, nothing.

A trace is known by its W3C `traceparent`, which the bus carries in a header. A span is made where one is given, as the
child of the span that it begins in, if that is of the same trace, else of the one given. Off, it costs a comparison.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

from shared.logs import get_logger

__all__ = ["Root", "on", "root", "span", "start", "use"]

Kind = Literal["internal", "client", "server", "producer", "consumer"]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_tracer: Any = None


def start(service: str) -> None:
    """Send this process's spans to where `OTEL_EXPORTER_OTLP_ENDPOINT` says (OTLP over HTTP); unset: nothing."""
    if not any(os.environ.get(name) for name in _ENDPOINTS) or on():
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        get_logger().warning("tracing_off", missing=error.name, remedy="pip install 'dualstreambench[otel]'")
        return
    name = os.environ.get("OTEL_SERVICE_NAME") or f"dsb-{service}"
    # It sends what is left at the end of the process.
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    use(provider)


def use(provider: Any) -> None:
    """Make spans by an OpenTelemetry `TracerProvider` of the caller's; null: no more spans."""
    global _tracer
    _tracer = provider.get_tracer("dualstreambench") if provider is not None else None


def on() -> bool:
    """Whether spans are made."""
    return _tracer is not None


def span(
    name: str, parent: str, *, kind: Kind = "internal", **attributes: str | int | float
) -> AbstractContextManager[str]:
    """A span in the trace of `parent`, for as long as the context lasts; yields its own `traceparent`.

    Where there is no span (tracing is off, or `parent` is empty) it yields `parent`. An
    exception that goes through is recorded. Attributes are named as keywords, `_` standing for a point.
    """
    if _tracer is None:
        return nullcontext(parent)
    return _spanned(name, parent, kind, attributes)


@contextmanager
def _spanned(name: str, parent: str, kind: Kind, attributes: dict[str, Any]) -> Iterator[str]:
    context = _parent(parent)
    if context is None or _tracer is None:
        yield parent
        return
    from opentelemetry.trace import SpanKind

    with _tracer.start_as_current_span(
        name, context=context, kind=SpanKind[kind.upper()], attributes=_dotted(attributes)
    ) as made:
        yield _written(made.get_span_context())


class Root:
    """The span that a trace begins with; `end` it once, more often does no harm."""

    trace: str
    """Its `traceparent`; without tracing a random one, so that logs, records and exemplars still name a trace."""

    def __init__(self, name: str, **attributes: str | int | float) -> None:
        self._span: Any = None
        if _tracer is None:
            self.trace = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
            return
        from opentelemetry.context import Context

        self._span = _tracer.start_span(name, context=Context(), attributes=_dotted(attributes))
        self.trace = _written(self._span.get_span_context())

    def end(self) -> None:
        """The trace is over."""
        if self._span is not None:
            self._span.end()
            self._span = None


def root(name: str, **attributes: str | int | float) -> Root:
    """Begin a trace."""
    return Root(name, **attributes)


def _parent(trace: str) -> Any:
    """The context that a span begins in; null where no trace is given."""
    from opentelemetry import context as contexts
    from opentelemetry.trace import (
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        get_current_span,
        set_span_in_context,
    )

    version, _, rest = trace.partition("-")
    ids = rest.split("-")
    if version != "00" or [len(one) for one in ids] != [32, 16, 2]:
        return None
    try:
        given = SpanContext(
            int(ids[0], 16), int(ids[1], 16), is_remote=True, trace_flags=TraceFlags(int(ids[2], 16))
        )
    except ValueError:
        return None
    now = get_current_span().get_span_context()
    if now.is_valid and now.trace_id == given.trace_id:
        return contexts.get_current()
    return set_span_in_context(NonRecordingSpan(given))


def _written(context: Any) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _dotted(attributes: dict[str, Any]) -> dict[str, Any]:
    return {key.replace("_", "."): value for key, value in attributes.items()}
