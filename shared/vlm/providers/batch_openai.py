"""OpenAI's batches: a file of requests goes up, files of answers and of failures come down."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from shared.errors import ModelError
from shared.vlm.providers.batch import Item, Look, Outcome, Sought, failed
from shared.vlm.providers.openai_chat import body_of, connect, reply_of
from shared.vlm.providers.sdk_errors import failure_of
from shared.vlm.providers.wire import Passing, failure, one_line
from shared.vlm.spec import ModelSpec

__all__ = ["OpenAiBatches"]

_ENDPOINT = "/v1/chat/completions"
_MARK = "dsb"
"""Name of the marker in a batch's metadata."""


class OpenAiBatches:
    """A `BatchBackend`."""

    most_requests = 50_000
    most_bytes = 100 << 20

    def __init__(self, spec: ModelSpec) -> None:
        self._to = connect(spec)

    def create(self, marker: str, items: Sequence[Item]) -> str:
        """Upload the file, which costs nothing, then hand it in."""
        body = b"".join(map(self._line, items))
        client = self._to.client
        with self._errors():
            file = client.files.create(file=(f"{marker}.jsonl", body), purpose="batch")
            made = client.batches.create(
                completion_window="24h", endpoint=_ENDPOINT, input_file_id=file.id, metadata={_MARK: marker}
            )
        return str(made.id)

    def find(self, sought: Sought) -> str | None:
        """By the marker."""
        with self._errors():
            for batch in self._to.client.batches.list(limit=100):
                if (batch.metadata or {}).get(_MARK) == sought.marker:
                    return str(batch.id)
        return None

    def look(self, id_: str) -> Look:
        """How it stands."""
        batch = self._batch(id_)
        counts = batch.request_counts
        total, answered, lost = (counts.total, counts.completed, counts.failed) if counts else (0, 0, 0)
        if batch.status == "failed":
            errors = (batch.errors.data if batch.errors else None) or []
            told = "; ".join(f"{error.code}: {error.message}" for error in errors[:3]) or "failed"
            return Look("failed", one_line(told, self._to.key), total, answered, lost)
        over = batch.status in ("completed", "expired", "cancelled")
        called_off = batch.status == "cancelled"
        return Look("ended" if over else "running", batch.status, total, answered, lost, called_off)

    def fetch(self, id_: str, items: Sequence[Item]) -> Iterator[Outcome]:
        """Both files; the one of answers must hold as many as the batch says."""
        batch, asked = self._batch(id_), {item.id: item for item in items}
        answers = self._lines(batch.output_file_id)
        counted = batch.request_counts.completed if batch.request_counts else 0
        if len(answers) < counted:
            raise Passing(f"{len(answers)} of {counted} answers of batch {id_} arrived")
        for line in (*answers, *self._lines(batch.error_file_id)):
            item = asked.get(line.get("custom_id", ""))
            if item is not None:
                yield self._outcome(item, line)

    def cancel(self, id_: str) -> None:
        """Call it off."""
        with self._errors():
            self._to.client.batches.cancel(id_)

    def _line(self, item: Item) -> bytes:
        body = body_of(self._to.spec, item.request)
        line = {"custom_id": item.id, "method": "POST", "url": _ENDPOINT, "body": body}
        return json.dumps(line, separators=(",", ":")).encode() + b"\n"

    def _batch(self, id_: str) -> Any:
        with self._errors():
            return self._to.client.batches.retrieve(id_)

    def _lines(self, file: str | None) -> list[dict[str, Any]]:
        if not file:
            return []
        with self._errors():
            body: bytes = self._to.client.files.content(file).read()
        try:
            return [json.loads(line) for line in body.splitlines() if line.strip()]
        except ValueError as error:
            raise Passing(f"file {file} did not arrive whole") from error

    def _outcome(self, item: Item, line: dict[str, Any]) -> Outcome:
        what, error, came = f"openai model {self._to.spec.path!r}", line.get("error"), line.get("response")
        if error or not came:
            code = (error or {}).get("code") or "no_answer"
            told = one_line(f"{code}: {(error or {}).get('message') or ''}", self._to.key)
            return Outcome(item.id, None, f"{what}: {told}", counts=code != "batch_cancelled")
        if came["status_code"] != 200:
            told = one_line((came["body"].get("error") or {}).get("message") or came["body"], self._to.key)
            return failed(item.id, failure(what, status=came["status_code"], told=told))
        done = self._to.sdk.types.chat.ChatCompletion.construct(**came["body"])
        try:
            return Outcome(item.id, reply_of(self._to.spec, done, item.request))
        except (Passing, ModelError) as nothing:
            return failed(item.id, nothing)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        to = self._to
        try:
            yield
        except to.sdk.OpenAIError as error:
            raise failure_of(to.sdk, to.spec, error, key=to.key) from error
