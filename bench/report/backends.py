"""The table of models: what each system of some runs scored, how fast, and for how much."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.report.sheet import Sheet
from bench.report.words import interval, percent, seconds
from bench.run.folder import RunFolder
from bench.run.lines import ScoredLine, counted_lines
from bench.run.manifest import Manifest
from bench.scoring import score_run
from bench.scoring.scores import Scores

__all__ = ["Backend", "backend_sheet", "backends"]


@dataclass
class _Spent:
    """Of one path, over all its answers and looks."""

    answers: int = 0
    tokens: int = 0
    cost_usd: float | None = None
    seconds: list[float] = field(default_factory=list)


class Backend(NamedTuple):
    """One system of one run."""

    run: str
    path: str
    model: str
    scores: Scores
    answers: int
    """Finals that came."""
    tokens: float | None
    """Prompt and reply, a final; of standing questions all looks are counted in."""
    cost_usd: float | None
    """Of the run; null where nothing is paid, or no price is known."""
    latency_s: Sequence[float]


def backends(folders: Iterable[RunFolder]) -> list[Backend]:
    """The systems that answered in some runs, run by run."""
    found = []
    for folder in folders:
        scores, manifest = score_run(folder, write=False), folder.manifest()
        for path, spent in sorted(_spent(folder).items()):
            told = spent.tokens / spent.answers if spent.answers and spent.tokens else None
            name, model = folder.path.resolve().name, _model(manifest, path)
            found.append(
                Backend(name, path, model, scores, spent.answers, told, spent.cost_usd, spent.seconds)
            )
    return found


def backend_sheet(found: Sequence[Backend]) -> Sheet:
    """A row a system: the primary score of each part with its interval, latency, tokens and cost."""
    parts = list(dict.fromkeys(part.part for one in found for part in one.scores.scores.parts))
    columns = ("run", "path", "model", *parts, "p50 s", "p95 s", "tokens", "US$")
    return Sheet(
        "Models, by the primary score of each part",
        columns,
        [_row(one, parts) for one in found],
        text=3,
        notes=("Latency is from the ask to the answer; tokens are prompt and reply, a final.",),
    )


def _row(one: Backend, parts: Sequence[str]) -> tuple[str, ...]:
    from numpy import percentile

    cells = []
    for name in parts:
        part = one.scores.scores.part(name)
        row = part.row(one.path) if part else None
        score = row.primary.estimate if row and one.scores.headline else None
        cells.append(f"{percent(score.value)} {interval(score)}" if score else "–")
    p50, p95 = percentile(one.latency_s, [50, 95]).tolist() if one.latency_s else (None, None)
    tokens = "–" if one.tokens is None else f"{one.tokens:.0f}"
    cost = "–" if one.cost_usd is None else f"{one.cost_usd:.4f}"
    return (one.run, one.path, one.model, *cells, seconds(p50), seconds(p95), tokens, cost)


def _spent(folder: RunFolder) -> dict[str, _Spent]:
    found: dict[str, _Spent] = defaultdict(_Spent)
    for line in counted_lines(folder.records_path, ScoredLine):
        of, usage = found[line.path], line.usage
        of.tokens += usage.prompt_tokens + usage.output_tokens
        if usage.cost_usd is not None:
            of.cost_usd = (of.cost_usd or 0.0) + usage.cost_usd
        if line.kind == "final" and line.status == "ok":
            of.answers += 1
            if line.latency_s is not None:
                of.seconds.append(line.latency_s)
    return found


def _model(manifest: Manifest, path: str) -> str:
    """Who answered, as its worker said: a stack that was there before may serve another model than was set."""
    spec = manifest.settings.get("model", {}).get(path, {})
    set_name = str(spec.get("path", "")).rstrip("/").rpartition("/")[2]
    served = str(manifest.models.get(path, {}).get("model", ""))
    if served and served.rstrip("/").rpartition("/")[2] != set_name:
        return served
    name = f"{spec.get('backend', '')} {set_name}".strip()
    small = spec.get("quantization", "none")
    return name if small in ("none", None) else f"{name} {small}"
