"""The engine of local models: prompts assembled from cached units, run from cached prefixes, and answered.

It knows no family: that is the adapter's. It always passes explicit positions, and all it keeps of a stream is
a prefix that is looked up by frame identity, so calls of different streams can be interleaved. Batch size is 1:
no answer depends on another.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from shared.errors import DeviceLost, ModelError, OutOfMemory
from shared.telemetry import counter
from shared.vlm import prompt as wording
from shared.vlm.adapter import FamilyAdapter
from shared.vlm.answers import Answerer, Begun
from shared.vlm.base import Choice, Generated, Image, PromptParts, Unit
from shared.vlm.checkpoint import Checkpoint, fingerprint
from shared.vlm.growing import growing
from shared.vlm.loading import Parts
from shared.vlm.placement import out_of_memory
from shared.vlm.prefix import Held, PrefixStore, cuts, fork, identity, nbytes
from shared.vlm.spec import ModelSpec

__all__ = ["LocalVlm", "Prompt"]

_ENCODED = counter("encoder_calls_total", "Runs of a vision tower, warming up included", "model")


@dataclass(frozen=True)
class Prompt:
    """An assembled prompt of `s` tokens."""

    ids: Tensor
    """`[1, s]`; a unit's rows stand as so many placeholder tokens."""
    positions: Tensor
    """`[1, s]`, or `[3, 1, s]` in some families."""
    units: Sequence[Unit]
    """In the order of their placeholders, the family's tail included."""
    key: Tensor
    """`[s]`: the ids, with each visual row named by its frame."""

    @property
    def length(self) -> int:
        """Tokens."""
        return int(self.ids.shape[1])

    def part(self, tokens: slice, units: slice) -> Prompt:
        """The tokens of a stretch that begins and ends between units."""
        return Prompt(self.ids[:, tokens], self.positions[..., tokens], self.units[units], self.key[tokens])


class _Started(NamedTuple):
    """A prompt that has been run."""

    prompt: Prompt
    cache: Any
    logits: Tensor
    """`[vocabulary]` behind its last token."""
    reused: int
    """Tokens that were not run for it."""
    reused_s: float
    """Seconds that running those had taken."""


class LocalVlm:
    """A `Vlm` that runs here, through transformers."""

    def __init__(self, checkpoint: Checkpoint, spec: ModelSpec, parts: Parts, adapter: FamilyAdapter) -> None:
        self.name = checkpoint.name
        self.fingerprint = fingerprint(checkpoint, spec, wording=wording.SYSTEM + wording.DESCRIBE)
        self.unit_frames = adapter.unit_frames
        self.adapter = adapter
        self.label_logits, self.structured = spec.answering == "logits", spec.structured
        self.model, self._tokenizer = parts.model, parts.tokenizer
        self._limit = int(self.model.config.get_text_config().max_position_embeddings)
        self._answers = Answerer(checkpoint, spec, parts, limit=self._limit)
        self.prefixes = PrefixStore(spec.prefix_budget_mb << 20)

    def encode(self, frames: Sequence[Image], times: Sequence[float], index: int) -> Unit:
        """Run the vision tower once on `unit_frames` frames (RGB, `[h, w, 3]`), batch size 1."""
        if len(frames) != self.unit_frames or len(times) != self.unit_frames:
            raise ModelError(
                f"{len(frames)} frames for a unit of model {self.name!r}: it takes {self.unit_frames}"
            )
        with self._working("encoding a frame"):
            unit = self.adapter.encode(frames, times, index)
            self._settle()
        _ENCODED.labels(self.name).inc()
        return unit

    def choose(self, parts: PromptParts) -> Choice:
        """Answer by the logits of `parts.choices`: in one forward pass, or behind a thought."""
        parts = self._answers.settled(parts)
        with self._working("choosing an option"):
            return self._answers.choose(parts, self._begun(parts, goes_on=bool(parts.think)))

    def generate(self, parts: PromptParts, *, max_new_tokens: int) -> Generated:
        """Answer in writing, as the settings say: greedily unless they name a sampling temperature.

        Ends with an end token, a stop text, complete JSON, `max_new_tokens` (or the settings' limit), or the context.
        """
        parts = self._answers.settled(parts)
        with self._working("generating text"):
            begun = self._begun(parts, goes_on=True)
            return self._answers.written(parts, begun, max_new_tokens=max_new_tokens)

    def prefill(self, parts: PromptParts) -> None:
        """Compute the prefix of `parts.reuse` as far as its units close a stride; done already, it costs nothing."""
        with self._working("prefilling a prefix"):
            prompt = self.assemble(parts)
            self._grown(prompt, parts, self._found(prompt, parts))

    def forget(self, stream: str) -> None:
        """Let go of a stream's prefix."""
        self.prefixes.forget(stream)

    def kept_bytes(self, stream: str) -> int:
        """Bytes of a stream's prefix."""
        return self.prefixes.size_of(stream)

    def logits(self, parts: PromptParts) -> Tensor:
        """Logits `[vocabulary]` behind a whole prompt; by the stream's prefix where `parts.reuse` asks for it."""
        return self._start(parts, goes_on=False).logits

    def _begun(self, parts: PromptParts, *, goes_on: bool) -> Begun:
        """A prompt that was run, with what puts tokens behind it at the positions that follow."""
        started = self._start(parts, goes_on=goes_on)
        ids, last = started.prompt.ids, started.prompt.positions[..., -1:]

        def run(tokens: Sequence[int]) -> Tensor:
            nonlocal last
            positions = last + torch.arange(1, len(tokens) + 1, device=last.device)
            last = positions[..., -1:]
            given = torch.tensor([list(tokens)], device=ids.device)
            return self.forward(Prompt(given, positions, (), given[0]), started.cache)

        return Begun(ids[0].tolist(), started.logits, run, started.reused, started.reused_s)

    def _start(self, parts: PromptParts, *, goes_on: bool) -> _Started:
        """The prompt up to its last token: from the stream's prefix, or in one plain forward pass."""
        prompt = self.assemble(parts)
        found = self._found(prompt, parts)
        held = self._grown(prompt, parts, found)
        if held is None:
            cache = self._empty() if goes_on else None
            return _Started(prompt, cache, self.forward(prompt, cache), 0, 0.0)
        rest = prompt.part(slice(len(held.key), None), slice(held.units, None))
        cache = fork(held.cache)
        before, took_s = (len(found.key), found.took_s) if found else (0, 0.0)
        return _Started(prompt, cache, self.forward(rest, cache), before, took_s)

    def _found(self, prompt: Prompt, parts: PromptParts) -> Held | None:
        """What is held of the stream's prefix."""
        if parts.reuse is None:
            return None
        return self.prefixes.find(parts.reuse.stream, prompt.key, prompt.positions)

    def _grown(self, prompt: Prompt, parts: PromptParts, held: Held | None) -> Held | None:
        """The stream's prefix, extended chunk by chunk as far as the prompt's units close a stride."""
        if parts.reuse is None:
            return None
        for units, tokens in cuts(prompt.ids, self.adapter.placeholder, parts.units, parts.reuse):
            if held is None or units > held.units:
                held = self._extended(prompt, held, units, tokens)
                self.prefixes.keep(parts.reuse.stream, held)
        return held

    def _empty(self) -> DynamicCache:
        return growing(self.model.config.get_text_config())

    def _extended(self, prompt: Prompt, held: Held | None, units: int, tokens: int) -> Held:
        done, before, took_s = (held.units, len(held.key), held.took_s) if held else (0, 0, 0.0)
        started = time.perf_counter()
        cache = fork(held.cache) if held else self._empty()
        self.forward(prompt.part(slice(before, tokens), slice(done, units)), cache)
        newest = prompt.units[units - 1].index
        key, positions = prompt.key[:tokens], prompt.positions[..., :tokens]
        self._settle()
        took_s += time.perf_counter() - started
        return Held(key, positions, units, newest, cache, nbytes(cache), took_s)

    def _settle(self) -> None:
        """Wait until what was asked of a GPU is done: whoever times it wants that."""
        if self.model.device.type == "cuda":
            torch.cuda.synchronize(self.model.device)

    def assemble(self, parts: PromptParts) -> Prompt:
        """Render and tokenise a prompt, with each placeholder widened to its unit's rows."""
        units = [*parts.units, *self.adapter.tail()]
        widths = iter([len(unit.feats) for unit in units])
        with self._answers.lock:
            raw = self._tokenize(self._answers.opened(self.adapter.prompt(parts), parts))
        ids = [
            i for token in raw for i in [token] * (next(widths) if token == self.adapter.placeholder else 1)
        ]
        if len(ids) > self._limit:
            raise ModelError(
                f"prompt of {len(ids)} tokens, model {self.name!r} takes {self._limit}: "
                "lower the window's frames or the number of recalled notes"
            )
        tensor = torch.tensor([ids], device=self.model.device)
        key = identity(tensor, self.adapter.placeholder, units)
        return Prompt(tensor, self.adapter.positions(tensor, parts.units), units, key)

    def forward(self, prompt: Prompt, cache: Any = None) -> Tensor:
        """Logits `[vocabulary]` behind the last token; extends `cache` when one is given."""
        rows = {self.adapter.modality: self.adapter.pack(prompt.units)} if prompt.units else None
        out = self.model(
            input_ids=prompt.ids,
            position_ids=prompt.positions,
            past_key_values=cache,
            use_cache=cache is not None,
            logits_to_keep=1,
            mm_encoder_outputs=rows,
        )
        logits: Tensor = out.logits[0, -1]
        return logits

    def _tokenize(self, text: str) -> list[int]:
        # As transformers' processors do: special tokens are added unless the template wrote them.
        bos = self._tokenizer.bos_token
        ids: list[int] = self._tokenizer(text, add_special_tokens=not (bos and text.startswith(bos)))[
            "input_ids"
        ]
        return ids

    @contextmanager
    def _working(self, doing: str) -> Iterator[None]:
        try:
            with torch.inference_mode():
                yield
        except (RuntimeError, ValueError, MemoryError) as error:
            if not out_of_memory(error):
                reason = " ".join(str(error).split())[:300]
                what = f"model {self.name!r} failed at {doing}: {reason}"
                if isinstance(error, torch.AcceleratorError):
                    raise DeviceLost(f"{what}: its device is lost to this process: start it again") from error
                raise ModelError(what) from error
            self.prefixes.clear()  # they can be computed again
            raise OutOfMemory(
                f"model {self.name!r} failed at {doing}: out of memory: use a smaller window, dtype or model"
            ) from error
