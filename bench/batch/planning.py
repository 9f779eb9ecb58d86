"""What is to be handed in next: what brought no answer, or the next round; and the end, when nothing is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bench.batch.answers import Answers
from bench.batch.desk import Desk, Outbox
from bench.batch.gather import Pass
from bench.batch.sending import Say
from bench.batch.state import Batch, Stage, State, Store
from bench.run.folder import RunWriter
from bench.run.plan import Play
from bench.run.planting import planter
from bench.run.preparing import Prepared, left
from shared.errors import ConfigError
from shared.memory import Memory, open_memory
from shared.vlm import ModelSpec, Vlm, load_vlm
from shared.vlm.providers.batch import BatchBackend, batch_price, batched_vlm

__all__ = ["Planner"]


class Planner:
    """Plans batches of one run; each method gives the state as it then stands on disk."""

    def __init__(
        self, prepared: Prepared, store: Store, apis: Mapping[str, BatchBackend], *, say: Say
    ) -> None:
        self._prepared, self._store, self._apis, self._say = prepared, store, apis, say
        models = prepared.config.model
        self._specs: dict[str, ModelSpec] = {"s1": models.s1, "s2": models.s2}
        self._local: dict[str, Vlm] = {}

    def left(self) -> list[Play]:
        """The plays that lack a record."""
        return left(self._prepared.config, self._prepared.folder, self._prepared.plays)

    def plan(self, state: State, writer: RunWriter) -> State:
        """The next batches, when none is open; records the plays that lack nothing any more. Blocks."""
        answers = self._answers(state)
        again = {id_ for batch in state.batches for id_ in batch.ids if not answers.settled(id_)}
        return self._again(state, again) if again else self._round(state, answers, writer)

    def _answers(self, state: State) -> Answers:
        done = (batch for batch in state.batches if batch.stage is Stage.COLLECTED)
        outcomes = (outcome for batch in done for outcome in self._store.outcomes(batch))
        return Answers(outcomes, attempts=state.attempts)

    def _outbox(self, state: State) -> Outbox:
        return Outbox(self._store, state, self._apis, run=self._prepared.run)

    def _again(self, state: State, wanted: set[str]) -> State:
        """What brought no answer, as new batches of the same round."""
        self._say(f"{len(wanted)} requests brought no answer and are handed in again")
        outbox = self._outbox(state)
        for batch in state.batches:
            if wanted.isdisjoint(batch.ids):
                continue
            for id_, line in zip(batch.ids, self._store.item_lines(batch.marker), strict=True):
                if id_ in wanted:
                    wanted.discard(id_)
                    outbox.add(batch.system, id_, line)
        return self._planned(state, outbox.close())

    def _round(self, state: State, answers: Answers, writer: RunWriter) -> State:
        plays = self.left()
        state = state.model_copy(update={"round": state.round + bool(plays)})
        outbox, recorded = self._outbox(state), 0
        if plays:
            desks = {system: Desk(system, answers, outbox, run=self._prepared.run) for system in self._apis}
            with self._memory() as memory:
                models = self._models(desks)
                plants = planter(self._prepared.config, self._prepared.plays)
                over = Pass(self._prepared, desks, models, memory, plants=plants, writer=writer)
                recorded = over.over(plays)
        batches = outbox.close()
        self._tell(state, batches, recorded, len(plays))
        if not batches:
            self._finish(state)
        return self._planned(state, batches)

    def _planned(self, state: State, batches: Sequence[Batch]) -> State:
        return self._store.save(state.model_copy(update={"batches": (*state.batches, *batches)}))

    def _tell(self, state: State, batches: Sequence[Batch], recorded: int, plays: int) -> None:
        count = sum(len(batch.ids) for batch in batches)
        if count:
            self._say(f"round {state.round}: {count} requests in {len(batches)} batches")
        if plays:
            self._say(f"{recorded} of {plays} videos are answered and recorded")

    @contextmanager
    def _memory(self) -> Iterator[Memory | None]:
        config = self._prepared.config
        if not config.profile().recall.reads:
            yield None
            return
        with open_memory(store="memory:", encoder=config.memory.encoder) as memory:
            yield memory

    def _models(self, desks: Mapping[str, Desk]) -> dict[str, Vlm]:
        models = {system: batched_vlm(self._specs[system], desk) for system, desk in desks.items()}
        for system, spec in self._specs.items():
            if system not in desks:
                models[system] = self._local.setdefault(system, self._local.get(system) or load_vlm(spec))
        manifest = self._prepared.folder.manifest()
        told = {name: {"model": vlm.name, "fingerprint": vlm.fingerprint} for name, vlm in models.items()}
        if manifest.models and manifest.models != told:
            raise ConfigError(
                f"can't go on: the models were {manifest.models} and are {told}; use the same, or begin anew"
            )
        self._prepared.folder.write_manifest(manifest.model_copy(update={"models": told}))
        return models

    def _finish(self, state: State) -> None:
        manifest = self._prepared.folder.manifest()
        rounds = max((batch.round for batch in state.batches), default=0)
        told = {**manifest.batch, "rounds": rounds, **self._totals(state)}
        self._prepared.folder.write_manifest(
            manifest.model_copy(update={"batch": told, "status": "complete"})
        )

    def _totals(self, state: State) -> dict[str, Any]:
        """What was paid for, notes included; each answer once."""
        told: dict[str, Any] = {"batches": {batch.marker: batch.id for batch in state.batches}}
        for system in self._apis:
            mine = [batch for batch in state.batches if batch.system == system]
            replies = [o.reply for batch in mine for o in self._store.outcomes(batch) if o.reply]
            prompt = sum(reply.prompt_tokens for reply in replies)
            output = sum(reply.output_tokens for reply in replies)
            price = batch_price(self._specs[system])
            told[system] = {
                "answers": len(replies),
                "prompt_tokens": prompt,
                "output_tokens": output,
                "cost_usd": price.of(prompt, output) if price else None,
            }
        return told
