"""Where questions are put in a run by batch: what is answered is told, what is not is put down for the next batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

from bench.batch.answers import Answers, request_id
from bench.batch.state import Batch, State, Store, item_line
from shared.errors import ModelError
from shared.vlm.providers.batch import BatchBackend, Item
from shared.vlm.providers.wire import Reply, Request

__all__ = ["Desk", "NotYet", "Outbox"]


class NotYet(ModelError):
    """The answer is still to come."""


class Outbox:
    """Requests on their way into batches, each as large as its provider takes."""

    def __init__(self, store: Store, state: State, limits: Mapping[str, BatchBackend], *, run: str) -> None:
        self._store, self._limits, self._run, self._round = store, limits, run, state.round
        self._numbers = count(len(state.batches))
        self._held: dict[str, list[tuple[str, bytes]]] = {system: [] for system in limits}
        self._bytes = dict.fromkeys(limits, 0)
        self._made: list[Batch] = []

    def add(self, system: str, id_: str, line: bytes) -> None:
        """Take a request, as a line of the outbox."""
        limits, held = self._limits[system], self._held[system]
        if held and (
            len(held) >= limits.most_requests or self._bytes[system] + len(line) > limits.most_bytes
        ):
            self._close(system)
        self._held[system].append((id_, line))
        self._bytes[system] += len(line)

    def close(self) -> Sequence[Batch]:
        """The batches that were made; their requests are on disk."""
        for system in self._held:
            self._close(system)
        return self._made

    def _close(self, system: str) -> None:
        held = self._held[system]
        if not held:
            return
        marker = f"dsb-{self._run}-{next(self._numbers):03d}"
        self._store.write_items(marker, (line for _, line in held))
        ids = tuple(id_ for id_, _ in held)
        made = {"marker": marker, "system": system, "round": self._round, "ids": ids}
        self._made.append(Batch.model_validate(made))
        self._held[system], self._bytes[system] = [], 0


class Desk:
    """A provider's `Backend` of one system, that answers from batches."""

    missed: int
    """How often there was no answer yet."""

    def __init__(self, system: str, answers: Answers, outbox: Outbox, *, run: str) -> None:
        self._system, self._answers, self._outbox, self._run = system, answers, outbox, run
        self._put_down = set[str]()
        self.missed = 0

    def send(self, request: Request) -> Reply:
        """The answer; raises `NotYet`, or `ModelError` where there will be none."""
        id_ = request_id(self._run, self._system, request)
        if reply := self._answers.reply(id_):
            return reply
        if why := self._answers.given_up(id_):
            raise ModelError(why)
        self.missed += 1
        if id_ not in self._put_down:
            self._put_down.add(id_)
            self._outbox.add(self._system, id_, item_line(Item(id_, request)))
        raise NotYet(f"request {id_} is answered by a batch still to come")
