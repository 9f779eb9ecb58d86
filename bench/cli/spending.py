"""`dsb run --dry-run`: what would be asked of which model, and about what it would cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import typer

from bench.cli.playing import read
from bench.data.synth import open_dataset
from bench.run.config import RunConfig
from bench.run.plan import plan
from bench.run.spending import Spending, spending
from shared.vlm.providers.prices import table_date

__all__ = ["tell", "tell_spending"]

_HEAD = ("system", "provider", "model", "requests", "frames", "prompt tokens", "reply tokens", "cost")


def tell(config: str, settings: Mapping[str, Any]) -> None:
    """Print the estimate; nothing is sent, and nothing is written."""
    tell_spending(read(config, settings))


def tell_spending(run: RunConfig, *, share: Callable[[str], float] = lambda provider: 1.0) -> None:
    """Print the estimate of a run at a share of the prices, by provider."""
    chosen = run.dataset
    dataset = open_dataset(chosen.path).select(parts=chosen.parts, max_samples=chosen.max_samples)
    found = [_Cost(item, _cost(item, share)) for item in spending(run, plan(dataset, run.ask_rules()))]
    rows = [_HEAD, *map(_row, found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    typer.echo(_total(found))


class _Cost(NamedTuple):
    of: Spending
    usd: float | None


def _cost(item: Spending, share: Callable[[str], float]) -> float | None:
    if item.cost_usd is None or not item.paid:
        return item.cost_usd
    return item.cost_usd * share(item.model.backend)


def _row(cost: _Cost) -> tuple[str, ...]:
    item, usd = cost
    provider = item.model.backend if item.paid else "local"
    told = "no price known" if usd is None else f"${usd:.2f}" if item.paid else "-"
    counts = (item.requests, item.frames, item.prompt_tokens, item.output_tokens)
    return (item.system, provider, item.model.path, *(f"{count:,}" for count in counts), told)


def _total(found: Sequence[_Cost]) -> str:
    paid = [cost.usd for cost in found if cost.of.paid]
    if not paid:
        return "nothing is paid: both models are local"
    known = [usd for usd in paid if usd is not None]
    if len(known) < len(paid):
        return "total unknown: give the model a `price`, US dollars per million prompt and reply tokens"
    return (
        f"total about ${sum(known):.2f}; list prices of {table_date()} where none is set, retries not counted"
    )
