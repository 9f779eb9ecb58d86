"""A run by batch, one step after another: every step starts from what is on disk, and may be repeated.

A round ends when each of its requests is answered or given up; only then is it known what the next one asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from bench.batch.begin import STATE, batched
from bench.batch.planning import Planner
from bench.batch.sending import Say, Sender
from bench.batch.state import Batch, Stage, State, Store
from bench.run.compact import Compactor
from bench.run.folder import RunWriter
from bench.run.preparing import Prepared
from shared.errors import ConfigError
from shared.vlm.providers.batch import Look, batch_backend
from shared.vlm.providers.vlm import Backoff
from shared.vlm.providers.wire import Passing

__all__ = ["BatchRun", "Standing"]


class Standing(NamedTuple):
    """One batch as its provider sees it now."""

    batch: Batch
    look: Look | None
    """Null for one that was not handed in, is collected, or can't be seen now."""
    trouble: str = ""


class BatchRun:
    """A run by batch. Its methods block; they raise `DsbError`, and leave a state to go on from whatever happens."""

    def __init__(
        self,
        prepared: Prepared,
        *,
        say: Say,
        backoff: Backoff = Backoff(),  # noqa: B008
    ) -> None:
        self._prepared = prepared
        self._store = Store(prepared.folder.path / STATE)
        models = {"s1": prepared.config.model.s1, "s2": prepared.config.model.s2}
        self._apis = {system: batch_backend(models[system]) for system in batched(prepared.config)}
        self._sender = Sender(self._store, self._apis, say, backoff)
        self._planner = Planner(prepared, self._store, self._apis, say=say)

    @property
    def state(self) -> State:
        """As it stands on disk."""
        return self._store.load()

    @property
    def complete(self) -> bool:
        """Whether every question has its record."""
        return not self._planner.left()

    def submit(self, *, attempts: int | None = None, again: bool = False) -> None:
        """Hand in what is due, and nothing twice. With `again`, a cancelled run goes on."""
        with self._alone() as writer:
            state = self.state
            if state.cancelled and not again:
                place = self._prepared.folder.path
                raise ConfigError(f"the run was cancelled: go on with `dsb batch resume {place}`")
            update = {"cancelled": False, "attempts": attempts or state.attempts}
            self._advance(self._store.save(state.model_copy(update=update)), writer)

    def collect(self) -> bool:
        """Fetch what has ended, hand in what follows from it; whether there is nothing left to wait for."""
        with self._alone() as writer:
            state = self.state
            for batch in state.open:
                if batch.stage is Stage.SENT:
                    state = self._sender.fetch(state, batch)
            if state.cancelled:
                state = self._called_off(state)
                return all(batch.stage is Stage.PLANNED for batch in state.open)
            return self._advance(state, writer)

    def cancel(self) -> int:
        """Call off what is under way, and hand in nothing more; gives the number of batches called off."""
        with self._alone():
            state = self._store.save(self.state.model_copy(update={"cancelled": True}))
            state = self._called_off(state)
            sent = [batch for batch in state.open if batch.stage is Stage.SENT]
            for batch in sent:
                self._sender.cancel(batch)
            return len(sent)

    def look(self) -> list[Standing]:
        """How every batch stands; changes nothing."""
        return [self._standing(batch) for batch in self.state.batches]

    @contextmanager
    def _alone(self) -> Iterator[RunWriter]:
        plays = self._prepared.left if self._prepared.config.output.compact else None
        shrink = None if plays is None else Compactor(sample for play in plays for sample in play.samples)
        with self._prepared.folder.writer(shrink) as writer:
            yield writer

    def _advance(self, state: State, writer: RunWriter) -> bool:
        if not state.open:
            state = self._planner.plan(state, writer)
        for batch in state.open:
            if batch.stage in (Stage.PLANNED, Stage.SENDING):
                state = self._sender.send(state, batch)
        return not state.open

    def _called_off(self, state: State) -> State:
        """Of a cancelled run, what may have been taken is looked for and called off, too."""
        for batch in state.open:
            if batch.stage is Stage.SENDING:
                state = self._sender.look_for(state, batch)
                if (found := state.named(batch.marker)).stage is Stage.SENT:
                    self._sender.cancel(found)
        return state

    def _standing(self, batch: Batch) -> Standing:
        if batch.stage is not Stage.SENT:
            return Standing(batch, None)
        try:
            return Standing(batch, self._apis[batch.system].look(batch.id))
        except Passing as error:
            return Standing(batch, None, str(error))
