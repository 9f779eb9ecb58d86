"""Google's batches of the Gemini API: requests stand in the call itself, and answers in the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shared.vlm.providers.batch import Item, Look, Outcome, Sought, failed
from shared.vlm.providers.google_gemini import asked_of, connect, errors_told, reply_of
from shared.vlm.providers.wire import failure, one_line
from shared.vlm.spec import ModelSpec

__all__ = ["GoogleBatches"]

_ENDED = frozenset({"SUCCEEDED", "PARTIALLY_SUCCEEDED", "CANCELLED", "EXPIRED"})
_STATUS = {3: 400, 5: 404, 7: 403, 8: 429, 9: 400, 11: 400, 12: 400, 16: 401}
"""HTTP statuses of the codes of google.rpc that are not failures of the server."""
_CANCELLED = 1


class GoogleBatches:
    """A `BatchBackend`."""

    most_requests = 10_000
    most_bytes = 15 << 20
    """A call may be 20 MB."""

    def __init__(self, spec: ModelSpec) -> None:
        self._to = connect(spec)

    def create(self, marker: str, items: Sequence[Item]) -> str:
        """Hand it in, with the marker as its name."""
        to, types = self._to, self._to.sdk.types
        requests = [
            types.InlinedRequest(model=to.spec.path, metadata={"key": item.id}, **asked_of(to, item.request))
            for item in items
        ]
        with errors_told(to):
            made = to.client.batches.create(
                model=to.spec.path, src=requests, config=types.CreateBatchJobConfig(display_name=marker)
            )
        return str(made.name)

    def find(self, sought: Sought) -> str | None:
        """By the marker."""
        with errors_told(self._to):
            for batch in self._to.client.batches.list(config={"page_size": 100}):
                if batch.display_name == sought.marker:
                    return str(batch.name)
        return None

    def look(self, id_: str) -> Look:
        """How it stands; numbers are told at the end only."""
        batch = self._batch(id_)
        state = batch.state.value.removeprefix("JOB_STATE_") if batch.state else "UNSPECIFIED"
        answers = _answers(batch)
        good = sum(answer.response is not None for answer in answers)
        over: Any = "ended" if state in _ENDED else "failed" if state == "FAILED" else "running"
        error = batch.error.message if batch.error and batch.error.message else ""
        told = one_line(f"{state.lower()} {error}".strip(), self._to.key)
        return Look(over, told, len(answers), good, len(answers) - good, called_off=state == "CANCELLED")

    def fetch(self, id_: str, items: Sequence[Item]) -> Iterator[Outcome]:
        """By key, or in the order of the requests where keys did not come back."""
        answers, asked = _answers(self._batch(id_)), {item.id: item for item in items}
        for place, answer in enumerate(answers):
            item = asked.get((answer.metadata or {}).get("key", ""))
            if item is None and not answer.metadata and len(answers) == len(items):
                item = items[place]
            if item is not None:
                yield self._outcome(item, answer)

    def cancel(self, id_: str) -> None:
        """Call it off."""
        with errors_told(self._to):
            self._to.client.batches.cancel(name=id_)

    def _batch(self, id_: str) -> Any:
        with errors_told(self._to):
            return self._to.client.batches.get(name=id_)

    def _outcome(self, item: Item, answer: Any) -> Outcome:
        if answer.response is not None:
            return Outcome(item.id, reply_of(answer.response, item.request))
        code = (answer.error.code if answer.error else None) or 13
        told = one_line((answer.error.message if answer.error else None) or "no answer", self._to.key)
        what = f"google model {self._to.spec.path!r}"
        if code == _CANCELLED:
            return Outcome(item.id, None, f"{what}: cancelled in its batch", counts=False)
        status = code if code >= 400 else _STATUS.get(code, 500)
        return failed(item.id, failure(what, status=status, told=told))


def _answers(batch: Any) -> list[Any]:
    return list((batch.dest.inlined_responses if batch.dest else None) or ())
