"""What a run by batch knows, on disk: nothing is handed in before it stands here.

    batch/state.json             the batches, and how far each has come; replaced atomically
    batch/outbox/<marker>.jsonl  the requests of a batch, as they were asked
    batch/replies/<marker>.jsonl what became of them; written whole, once its batch has ended

A batch goes `planned`, `sending`, `sent`, `collected`. One that is `sending` may have been taken: it is looked for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.files import canonical, open_atomic, read_json, write_atomic
from shared.errors import DataError
from shared.vlm.providers.batch import Item, Outcome
from shared.vlm.providers.wire import Reply, Request

__all__ = ["Batch", "Stage", "State", "Store", "item_line"]

_REMEDY = "restore it, or begin anew with `dsb batch submit --clean`"


class Stage(StrEnum):
    """How far a batch has come."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    COLLECTED = "collected"


class Batch(BaseModel):
    """One batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    marker: str
    system: Literal["s1", "s2"]
    round: int
    """Requests of a round need no answer of the same round."""
    ids: tuple[str, ...]
    """Of its requests."""
    stage: Stage = Stage.PLANNED
    id: str = ""
    """The provider's, once it is known."""
    since: float = 0.0
    """When it was handed in at the earliest, Unix seconds."""
    told: str = ""
    """What was last heard of it."""


class State(BaseModel):
    """The whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal["dsb.batch/1"] = "dsb.batch/1"
    attempts: int = 3
    """Batches that a request may fail in."""
    cancelled: bool = False
    round: int = 0
    batches: tuple[Batch, ...] = ()

    @property
    def open(self) -> tuple[Batch, ...]:
        """Those that have not brought what they can."""
        return tuple(batch for batch in self.batches if batch.stage is not Stage.COLLECTED)

    def named(self, marker: str) -> Batch:
        """One of them."""
        return next(batch for batch in self.batches if batch.marker == marker)

    def having(self, changed: Batch) -> State:
        """With one batch as it is now."""
        batches = tuple(changed if batch.marker == changed.marker else batch for batch in self.batches)
        return self.model_copy(update={"batches": batches})


class Store:
    """The folder. One process writes it at a time: who does holds the run folder's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: dict[str, tuple[Outcome, ...]] = {}

    @property
    def exists(self) -> bool:
        """Whether anything was planned."""
        return (self.path / "state.json").is_file()

    def load(self) -> State:
        """The state as it was last saved; raises `DataError`."""
        file = self.path / "state.json"
        if not file.is_file():
            return State()
        try:
            return State.model_validate(read_json(file, remedy=_REMEDY))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = "/".join(map(str, first["loc"]))
            raise DataError(f"{file}: /{where}: {first['msg']}; {_REMEDY}") from error

    def save(self, state: State) -> State:
        """Make it durable."""
        write_atomic(self.path / "state.json", canonical(state.model_dump(mode="json")).encode() + b"\n")
        return state

    def write_items(self, marker: str, lines: Iterable[bytes]) -> None:
        """The requests of a batch, by `item_line`."""
        with open_atomic(self.path / "outbox" / f"{marker}.jsonl") as file:
            file.writelines(lines)

    def items(self, batch: Batch) -> list[Item]:
        """Its requests; raises `DataError`."""
        return [_item(line) for line in self.item_lines(batch.marker)]

    def item_lines(self, marker: str) -> Iterator[bytes]:
        """As they were written."""
        file = self.path / "outbox" / f"{marker}.jsonl"
        try:
            with file.open("rb") as opened:
                yield from opened
        except OSError as error:
            raise DataError(f"{file}: can't be read ({error.strerror}); {_REMEDY}") from error

    def write_outcomes(self, batch: Batch, outcomes: Iterable[Outcome]) -> None:
        """What became of its requests."""
        body = b"".join(canonical(_outcome_json(outcome)).encode() + b"\n" for outcome in outcomes)
        write_atomic(self.path / "replies" / f"{batch.marker}.jsonl", body)

    def outcomes(self, batch: Batch) -> tuple[Outcome, ...]:
        """What became of the requests of a collected batch; raises `DataError`."""
        if batch.marker not in self._read:
            file = self.path / "replies" / f"{batch.marker}.jsonl"
            try:
                lines = file.read_bytes().splitlines()
                self._read[batch.marker] = tuple(_outcome(json.loads(line)) for line in lines)
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise DataError(f"{file}: can't be read ({error}); {_REMEDY}") from error
        return self._read[batch.marker]


def item_line(item: Item) -> bytes:
    """A request as a line of the outbox."""
    request = item.request
    content = [
        {"text": part} if isinstance(part, str) else {"jpeg": base64.b64encode(part).decode()}
        for part in request.content
    ]
    body = {"id": item.id, **request._asdict(), "content": content}
    return (
        json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"
    )


def _item(line: bytes) -> Item:
    body: dict[str, Any] = json.loads(line.decode("utf-8", "surrogatepass"))
    content = tuple(
        part["text"] if "text" in part else base64.b64decode(part["jpeg"]) for part in body["content"]
    )
    id_ = body.pop("id")
    return Item(id_, Request(**{**body, "content": content, "labels": tuple(body["labels"])}))


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    if outcome.reply is not None:
        return {"id": outcome.id, "reply": {**outcome.reply._asdict(), "probs": dict(outcome.reply.probs)}}
    return {key: value for key, value in outcome._asdict().items() if key != "reply"}


def _outcome(body: dict[str, Any]) -> Outcome:
    reply = body.pop("reply", None)
    return Outcome(reply=Reply(**reply) if reply else None, **body)
