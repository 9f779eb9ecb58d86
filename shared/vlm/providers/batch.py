"""Batch modes of providers: many requests handed in at once, answered within a day, for less.

A batch carries a marker of ours, so that whoever was interrupted between handing it in and writing that down can
find it again, and never pays for it twice. Results come by request id, in any order, and not all need be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

from shared.errors import ModelError
from shared.vlm.base import Vlm
from shared.vlm.providers.prices import Price, batch_share, price_of
from shared.vlm.providers.wire import Backend, Passing, Reply, Request
from shared.vlm.spec import ModelSpec

__all__ = [
    "BatchBackend",
    "Item",
    "Look",
    "Outcome",
    "Sought",
    "Unclear",
    "batch_backend",
    "batch_price",
    "batched_vlm",
    "failed",
]


class Item(NamedTuple):
    """One request of a batch."""

    id: str
    """At most 64 letters, digits, `-` and `_`; one of its kind in a run."""
    request: Request


class Outcome(NamedTuple):
    """What became of one request."""

    id: str
    reply: Reply | None
    error: str = ""
    final: bool = False
    """A failure that no repetition mends."""
    counts: bool = True
    """A failure that counts as a try; one that was called off does not."""


class Look(NamedTuple):
    """How a batch stands."""

    state: Literal["running", "ended", "failed"]
    """`failed`: nothing of it was answered."""
    told: str
    """The provider's own word for it, or why it failed."""
    total: int = 0
    answered: int = 0
    failed: int = 0
    called_off: bool = False


class Sought(NamedTuple):
    """A batch that may have been handed in."""

    marker: str
    ids: Sequence[str]
    """Of its requests."""
    since: float
    """When it was handed in at the earliest, Unix seconds by our clock."""
    known: Sequence[str] = ()
    """Ids of other batches of this run, which it can't be."""


class Unclear(Exception):
    """Whether a batch was handed in can't be told yet; the text says when it can."""


class BatchBackend(Protocol):
    """One provider's batch API. Its methods block, and raise `Passing` or `ModelError`."""

    most_requests: int
    """Of one batch."""
    most_bytes: int
    """Of one batch, as requests are kept on disk."""

    def create(self, marker: str, items: Sequence[Item]) -> str:
        """Hand in a batch; gives the provider's id for it. After `Passing` it may have been taken: `find` it."""
        ...

    def find(self, sought: Sought) -> str | None:
        """The id of a batch that was handed in, if it was; raises `Unclear` too."""
        ...

    def look(self, id_: str) -> Look:
        """How it stands."""
        ...

    def fetch(self, id_: str, items: Sequence[Item]) -> Iterator[Outcome]:
        """What it brought, once it has ended; `Passing` when not all of that arrived. Who is left out got nothing."""
        ...

    def cancel(self, id_: str) -> None:
        """Call it off; what is answered by then stays, and is paid."""
        ...


def batch_backend(spec: ModelSpec) -> BatchBackend:
    """The batch API of a model's provider; raises `ModelError` for one that is none."""
    match spec.backend:
        case "openai":
            from shared.vlm.providers.batch_openai import OpenAiBatches

            return OpenAiBatches(spec)
        case "anthropic":
            from shared.vlm.providers.batch_anthropic import AnthropicBatches

            return AnthropicBatches(spec)
        case "google":
            from shared.vlm.providers.batch_google import GoogleBatches

            return GoogleBatches(spec)
    raise ModelError(f"model backend {spec.backend!r} has no batches: use openai, anthropic or google")


def batch_price(spec: ModelSpec) -> Price | None:
    """What a model costs in a batch: a share of `price_of`; null when that is not known."""
    price, share = price_of(spec), batch_share(spec.backend)
    return price and Price(price.prompt * share, price.output * share)


def batched_vlm(spec: ModelSpec, answers: Backend) -> Vlm:
    """The model by answers that are there already, at the price of a batch; nothing is sent."""
    from shared.vlm.providers.vlm import ProviderVlm

    return ProviderVlm(
        spec.model_copy(update={"rpm": None, "tpm": None, "price": batch_price(spec)}), answers
    )


def failed(id_: str, error: Exception) -> Outcome:
    """The outcome of a request whose answer is an error."""
    return Outcome(id_, None, str(error), final=not isinstance(error, Passing))
