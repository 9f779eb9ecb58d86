"""`dsb run --dry-run`: what would be asked of which model, and about what it would cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from bench.cli.playing import read
from bench.data.synth import open_dataset
from bench.run.plan import plan
from bench.run.spending import Spending, spending
from shared.vlm.providers.prices import table_date

__all__ = ["tell"]

_HEAD = ("system", "provider", "model", "requests", "frames", "prompt tokens", "reply tokens", "cost")


def tell(config: str, settings: Mapping[str, Any]) -> None:
    """Print the estimate; nothing is sent, and nothing is written."""
    run = read(config, settings)
    chosen = run.dataset
    dataset = open_dataset(chosen.path).select(parts=chosen.parts, max_samples=chosen.max_samples)
    found = spending(run, plan(dataset, run.ask_rules()))
    rows = [_HEAD, *map(_row, found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    typer.echo(_total(found))


def _row(item: Spending) -> tuple[str, ...]:
    provider = item.model.backend if item.paid else "local"
    cost = "no price known" if item.cost_usd is None else f"${item.cost_usd:.2f}" if item.paid else "-"
    counts = (item.requests, item.frames, item.prompt_tokens, item.output_tokens)
    return (item.system, provider, item.model.path, *(f"{count:,}" for count in counts), cost)


def _total(found: list[Spending]) -> str:
    paid = [item for item in found if item.paid]
    if not paid:
        return "nothing is paid: both models are local"
    if any(item.cost_usd is None for item in paid):
        return "total unknown: give the model a `price`, US dollars per million prompt and reply tokens"
    whole = sum(item.cost_usd or 0.0 for item in paid)
    return f"total about ${whole:.2f}; list prices of {table_date()} where none is set, retries not counted"
