"""Handing batches in and fetching what they bring, so that a crash at any moment costs nothing twice.

Nothing is handed in that is not written down as `sending` first, and what is `sending` is looked for before it is
handed in again. What a batch brings is on disk before the batch counts as collected.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from bench.batch.state import Batch, Stage, State, Store
from shared.bus.failpoints import hit
from shared.errors import ModelError
from shared.vlm.providers.batch import BatchBackend, Outcome, Sought, Unclear
from shared.vlm.providers.vlm import Backoff
from shared.vlm.providers.wire import Passing

__all__ = ["Say", "Sender"]

Say = Callable[[str], None]
T = TypeVar("T")
_TRIES = 5
"""Of one call, within one command."""


class Sender:
    """Between a run's state and its providers; each method gives the state as it then stands on disk."""

    def __init__(self, store: Store, apis: Mapping[str, BatchBackend], say: Say, backoff: Backoff) -> None:
        self._store, self._apis, self._say, self._backoff = store, apis, say, backoff

    def send(self, state: State, batch: Batch) -> State:
        """Hand in a batch, unless it was taken already or that can't be told yet; raises `ModelError`."""
        for tries in range(1, _TRIES + 1):
            if batch.stage is Stage.SENDING:
                state = self.look_for(state, batch)
                batch = state.named(batch.marker)
                if batch.stage is not Stage.PLANNED:
                    return state
            began = {"stage": Stage.SENDING, "since": batch.since or time.time(), "told": ""}
            batch = batch.model_copy(update=began)
            state = self._store.save(state.having(batch))
            try:
                id_ = self._apis[batch.system].create(batch.marker, self._store.items(batch))
            except Passing as error:
                self._pause(error, tries)
            except ModelError:
                refused = batch.model_copy(update={"stage": Stage.PLANNED})
                self._store.save(state.having(refused))
                raise
            else:
                hit("batch.accepted", batch.marker)
                return self._taken(state, batch, id_)
        return state

    def look_for(self, state: State, batch: Batch) -> State:
        """A batch that may have been taken: `sent` if it was, `planned` if not, else `sending` still."""
        known = [other.id for other in state.batches if other.id]
        sought = Sought(batch.marker, batch.ids, batch.since, known)
        try:
            id_ = self._persist(lambda: self._apis[batch.system].find(sought))
        except Unclear as why:
            self._say(f"{batch.marker}: {why}")
            return self._store.save(state.having(batch.model_copy(update={"told": str(why)})))
        if id_ is not None:
            return self._taken(state, batch, id_)
        missing = batch.model_copy(update={"stage": Stage.PLANNED, "told": ""})
        return self._store.save(state.having(missing))

    def fetch(self, state: State, batch: Batch) -> State:
        """What a batch brought, once it has ended; a failure that may pass leaves it for the next time."""
        api = self._apis[batch.system]
        try:
            look = api.look(batch.id)
            if look.state == "running":
                return state
            items = self._store.items(batch)
            came = {} if look.state == "failed" else {one.id: one for one in api.fetch(batch.id, items)}
        except Passing as error:
            self._say(f"{batch.marker}: {error}")
            return state
        nothing = f"batch {batch.id} brought no answer: {look.told}"
        outcomes = [
            came.get(id_) or Outcome(id_, None, nothing, counts=not look.called_off) for id_ in batch.ids
        ]
        self._store.write_outcomes(batch, outcomes)
        hit("batch.fetched", batch.marker)
        good = sum(outcome.reply is not None for outcome in outcomes)
        self._say(f"{batch.marker}: {look.told}, {good} of {len(outcomes)} answered")
        done = state.having(batch.model_copy(update={"stage": Stage.COLLECTED, "told": look.told}))
        # Called off elsewhere: whoever did that does not want it handed in again at once.
        return self._store.save(done.model_copy(update={"cancelled": done.cancelled or look.called_off}))

    def cancel(self, batch: Batch) -> None:
        """Call off one that was sent."""
        self._persist(lambda: self._apis[batch.system].cancel(batch.id))

    def _taken(self, state: State, batch: Batch, id_: str) -> State:
        self._say(f"{batch.marker}: {len(batch.ids)} requests handed in as {id_}")
        taken = batch.model_copy(update={"stage": Stage.SENT, "id": id_, "told": ""})
        return self._store.save(state.having(taken))

    def _persist(self, call: Callable[[], T]) -> T:
        tries = 0
        while True:
            try:
                return call()
            except Passing as error:
                tries += 1
                self._pause(error, tries)

    def _pause(self, error: Passing, tries: int) -> None:
        if tries >= _TRIES:
            raise ModelError(f"{error}; tried {tries} times: call `dsb batch resume` later") from error
        self._say(f"{error}; once more")
        time.sleep(self._backoff.pause(tries, error.after_s))
