"""Anthropic's message batches: requests go in one call, results are lines.

A batch has no room for a marker. Who was interrupted while handing one in finds it by its time, the number of its
requests and, once results can be had, their ids; until then it is unclear whose it is, and nothing is handed in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from shared.vlm.providers.anthropic_messages import connect, extra_of, params_of, reply_of
from shared.vlm.providers.batch import Item, Look, Outcome, Sought, Unclear, failed
from shared.vlm.providers.sdk_errors import failure_of
from shared.vlm.providers.wire import Passing, failure, one_line
from shared.vlm.spec import ModelSpec

__all__ = ["AnthropicBatches"]

_SKEW_S = 3600.0
"""By which our clock may be ahead of the provider's."""
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class AnthropicBatches:
    """A `BatchBackend`."""

    most_requests = 100_000
    most_bytes = 100 << 20

    def __init__(self, spec: ModelSpec) -> None:
        self._to = connect(spec)

    def create(self, marker: str, items: Sequence[Item]) -> str:
        """Hand it in; the marker has no place in it."""
        spec = self._to.spec
        requests = [
            {"custom_id": item.id, "params": params_of(spec, item.request) | extra_of(spec)} for item in items
        ]
        with self._errors():
            return str(self._to.client.messages.batches.create(requests=requests).id)

    def find(self, sought: Sought) -> str | None:
        """By what can be known of it; batches are listed from the newest on."""
        wanted, running = set(sought.ids), ""
        with self._errors():
            for batch in self._to.client.messages.batches.list(limit=100):
                if batch.created_at.timestamp() < sought.since - _SKEW_S:
                    break
                if batch.id in sought.known or _total(batch) != len(wanted) or batch.archived_at:
                    continue
                if batch.processing_status != "ended":
                    running = batch.id
                elif any(line.custom_id in wanted for line in islice(self._results(batch.id), 1)):
                    return str(batch.id)
        if running:
            text = f"batch {running} of {len(wanted)} requests may be the one that was being handed in"
            raise Unclear(
                f"{text}: that can be told when it has ended, and until then none is handed in again"
            )
        return None

    def look(self, id_: str) -> Look:
        """How it stands."""
        batch = self._batch(id_)
        counts = batch.request_counts
        lost = counts.errored + counts.expired + counts.canceled
        over = batch.processing_status == "ended"
        return Look(
            "ended" if over else "running",
            batch.processing_status,
            _total(batch),
            counts.succeeded,
            lost,
            called_off=over and counts.canceled > 0,
        )

    def fetch(self, id_: str, items: Sequence[Item]) -> Iterator[Outcome]:
        """One line a request; all must be there."""
        asked, total = {item.id: item for item in items}, _total(self._batch(id_))
        with self._errors():
            results = list(self._results(id_))
        if len(results) < total:
            raise Passing(f"{len(results)} of {total} results of batch {id_} arrived")
        for line in results:
            if line.custom_id in asked:
                yield self._outcome(line.custom_id, line.result)

    def cancel(self, id_: str) -> None:
        """Call it off."""
        with self._errors():
            self._to.client.messages.batches.cancel(id_)

    def _batch(self, id_: str) -> Any:
        with self._errors():
            return self._to.client.messages.batches.retrieve(id_)

    def _results(self, id_: str) -> Iterator[Any]:
        try:
            yield from self._to.client.messages.batches.results(id_)
        except ValueError as error:
            raise Passing(f"results of batch {id_} did not arrive whole") from error

    def _outcome(self, id_: str, result: Any) -> Outcome:
        what = f"anthropic model {self._to.spec.path!r}"
        if result.type == "succeeded":
            return Outcome(id_, reply_of(result.message))
        if result.type == "errored":
            error = result.error.error
            status = _STATUS.get(error.type, 500)
            told = one_line(f"{error.type}: {error.message}", self._to.key)
            return failed(id_, failure(what, status=status, told=told))
        return Outcome(id_, None, f"{what}: {result.type} in its batch", counts=result.type != "canceled")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        to = self._to
        try:
            yield
        except to.sdk.AnthropicError as error:
            raise failure_of(to.sdk, to.spec, error, key=to.key) from error


def _total(batch: Any) -> int:
    counts = batch.request_counts
    return int(counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired)
