"""A provider's model as a `Vlm`: one request an answer, repeated while a failure may pass, counted and priced.

It has no vision tower here: a unit is the frame's JPEG. Waiting is told apart from the try that succeeded,
so that neither a rate limit nor an outage ever counts as the model's latency or as a wrong answer.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from shared.errors import ModelError
from shared.logs import get_logger
from shared.telemetry import counter
from shared.vlm import prompt as wording
from shared.vlm.base import Choice, Generated, Image, PromptParts, Spent, Unit
from shared.vlm.providers.facts import provider_of
from shared.vlm.providers.limits import Limiter
from shared.vlm.providers.prices import estimate, price_of
from shared.vlm.providers.wire import Backend, Passing, Reply, Request, request_of
from shared.vlm.spec import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Backoff", "ProviderVlm"]

_LONGEST_WAIT_S = 300.0
"""Who asks for a longer pause has run out of something that waiting does not bring back soon."""
_QUALITY = 95

_TRIES = counter("provider_tries_total", "Requests to providers by outcome", "provider", "outcome")
_TOKENS = counter("provider_tokens_total", "Tokens that providers counted", "provider", "kind")
_COST = counter("provider_cost_usd_total", "US dollars by the price table, notes included", "provider")


class Backoff(NamedTuple):
    """Pauses between tries: exponential, with jitter between half and whole."""

    first_s: float = 1.0
    most_s: float = 60.0

    def pause(self, tries: int, after_s: float) -> float:
        """Seconds to wait after so many failed tries; never less than what the provider asks for."""
        grown = min(self.most_s, self.first_s * 2.0 ** min(tries - 1, 30))
        return max(after_s, grown * random.uniform(0.5, 1.0))


class ProviderVlm:
    """A `Vlm` behind an API. Thread-safe; its methods block, wait and spend money."""

    label_logits = False
    unit_frames = 1

    def __init__(self, spec: ModelSpec, backend: Backend, *, backoff: Backoff = Backoff()) -> None:  # noqa: B008
        self._spec, self._backend, self._backoff = spec, backend, backoff
        self._provider = provider_of(spec)
        self.name, self.structured = spec.path, spec.structured
        self.fingerprint = _fingerprint(spec)
        self._limiter = Limiter(concurrency=spec.max_concurrency, rpm=spec.rpm, tpm=spec.tpm)
        self._price = price_of(spec)

    def keep(self, jpeg: bytes, t: float, index: int) -> Unit:
        """A frame as it travelled: it is sent with each request that shows it."""
        # No rows: what the provider's model makes of a frame is counted in its prompt tokens.
        feats = cast("Tensor", np.zeros((0, 0), np.float32))
        return Unit(feats, (), (), (t,), index, jpeg)

    def encode(self, frames: Sequence[Image], times: Sequence[float], index: int) -> Unit:
        """A frame (RGB, `[h, w, 3]`) as JPEG; nothing is sent yet."""
        from shared.video import encode_jpeg

        if len(frames) != 1 or len(times) != 1:
            raise ModelError(f"{len(frames)} frames for a unit of model {self.name!r}: it takes 1")
        return self.keep(encode_jpeg(frames[0], quality=_QUALITY), times[0], index)

    def choose(self, parts: PromptParts) -> Choice:
        """Answer in writing, and take it for a label only if it is one; raises `ModelError` if it is not."""
        said = self.generate(parts, max_new_tokens=8)
        wanted = said.text.strip().strip("().").casefold()
        label = next((label for label in parts.choices if label.casefold() == wanted), None)
        if label is None:
            labels = ", ".join(parts.choices)
            raise ModelError(
                f"{self.name} answered {said.text[:60]!r}, which is none of {labels}: use generate"
            )
        probs = dict(said.probs) or {other: float(other == label) for other in parts.choices}
        return Choice(label, probs, said.prompt_tokens)

    def generate(self, parts: PromptParts, *, max_new_tokens: int) -> Generated:
        """One reply, of `max_tokens` of the settings or else `max_new_tokens`; blocks, raises `ModelError`."""
        spec = self._spec
        request = request_of(
            parts, max_tokens=spec.max_tokens or max_new_tokens, thinking=spec.thinking_tokens
        )
        reply, retries, retry_s = self._persist(request)
        cost = self._price.of(reply.prompt_tokens, reply.output_tokens) if self._price else None
        self._count(reply, cost)
        spent = Spent(cost, retries + reply.tries, retry_s, reply.stop)
        return Generated(
            reply.text.strip(),
            reply.prompt_tokens,
            reply.output_tokens,
            probs=reply.probs,
            spent=spent,
            thought=reply.thought.strip(),
        )

    def _persist(self, request: Request) -> tuple[Reply, int, float]:
        """The reply, how many tries failed before it, and the seconds that went by before its own try."""
        started, tries = time.perf_counter(), 0
        likely = estimate(self._provider.name, request, model=self._spec.path)
        while True:
            with self._limiter.slot(likely) as slot:
                began = time.perf_counter()
                try:
                    reply = self._backend.send(request)
                except Passing as error:
                    failed = error
                except ModelError:
                    self._tried("failed")
                    raise
                else:
                    slot.used(reply.prompt_tokens + reply.output_tokens)
                    self._tried("ok")
                    return reply, tries, round(began - started, 6)
            tries += 1
            self._tried("passing")
            self._give_up_or_sleep(failed, tries)

    def _give_up_or_sleep(self, failed: Passing, tries: int) -> None:
        if failed.after_s > _LONGEST_WAIT_S:
            asked = f"it asks to wait {failed.after_s:.0f} s, the limit is {_LONGEST_WAIT_S:.0f} s"
            raise ModelError(f"{failed}; {asked}: go on later") from failed
        if tries > self._spec.max_retries:
            raise ModelError(
                f"{failed}; failed {tries} times, `max_retries` is {self._spec.max_retries}: "
                "go on later, or lower `rpm`, `tpm` or `max_concurrency`"
            ) from failed
        pause = self._backoff.pause(tries, failed.after_s)
        get_logger().warning("provider_retry", error=str(failed), tries=tries, pause_s=round(pause, 1))
        time.sleep(pause)

    def _tried(self, outcome: str) -> None:
        _TRIES.labels(self._provider.name, outcome).inc()

    def _count(self, reply: Reply, cost: float | None) -> None:
        _TOKENS.labels(self._provider.name, "prompt").inc(reply.prompt_tokens)
        _TOKENS.labels(self._provider.name, "output").inc(reply.output_tokens)
        _COST.labels(self._provider.name).inc(cost or 0.0)


def _fingerprint(spec: ModelSpec) -> str:
    """16 hex digits over the settings that shape an answer; what a provider changes behind a name is not in it."""
    named = ("backend", "path", "base_url", "max_tokens", "sampling_temperature", "seed")
    shaping = [getattr(spec, name) for name in named] + [wording.SYSTEM + wording.DESCRIBE]
    if further := spec.model_dump(include={"structured", "thinking_tokens", "stop"}, exclude_defaults=True):
        shaping.append(further)
    return hashlib.sha256(json.dumps(shaping).encode()).hexdigest()[:16]
