"""Routed runs side by side: what each router's system got right and spent, and what it has over the first.

Each question counts once, by the answer that counts (of S1 and S2 that of S2), on the questions that all runs judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.routing.paired import CostUnit, answer_costs, verdicts
from bench.run.config import config_of
from bench.run.folder import RunFolder
from bench.scoring.base import ItemKey
from bench.scoring.measures import Measure, Places, ratio
from bench.scoring.scores import Value
from bench.scoring.stats import Estimate, estimate, mcnemar, paired, sign_flip
from shared.errors import DataError
from shared.messages import Path

__all__ = ["Routed", "compare_routes"]


class Routed(Value):
    """One run of several."""

    run: str
    route: str
    n: int
    videos: int
    rho: Estimate
    """Share of questions whose answer comes from S2."""
    accuracy: Estimate
    cost: Estimate
    """Mean of a question, every answer paid."""
    fallbacks: int
    over_first: Estimate | None = None
    """Accuracy over the first run, the same videos drawn for both; null for the first."""
    p_sign_flip: float | None = None
    """Randomisation test by video."""
    p_mcnemar: float | None = None
    """Exact; only where each video has one question."""


class _System(NamedTuple):
    right: dict[ItemKey, float]
    s2: dict[ItemKey, float]
    cost: dict[ItemKey, float]
    videos: dict[ItemKey, int]
    fallbacks: int
    route: str
    run: str
    seed: int


def compare_routes(folders: Sequence[RunFolder], unit: CostUnit = CostUnit.SECONDS) -> list[Routed]:
    """Compare runs on the same data set; raises `DataError` when they asked other questions."""
    first = folders[0].manifest().data
    for folder in folders[1:]:
        data = folder.manifest().data
        if data.hash != first.hash:
            text = f"{folders[0].path} asked {first.name} ({first.hash}), {folder.path} {data.name} ({data.hash})"
            raise DataError(f"{text}: compare runs on the same data set")
    systems = [_system(folder, unit) for folder in folders]
    keys = [key for key in systems[0].right if all(key in system.right for system in systems)]
    if not keys:
        raise DataError("no question was judged in all of these runs: play them to their end")
    clusters = np.array([systems[0].videos[key] for key in keys], np.int64)
    return [_routed(system, systems[0], keys, clusters) for system in systems]


def _system(folder: RunFolder, unit: CostUnit) -> _System:
    manifest = folder.manifest()
    config = config_of(manifest.settings)
    judged = verdicts(folder, config, folder.dataset().samples)
    costs = answer_costs(folder, unit)
    right: dict[ItemKey, float] = {}
    s2: dict[ItemKey, float] = {}
    for path in Path:
        # S2 comes last: where both answered, its answer counts.
        for (key, of), correct in judged.right.items():
            if of == path:
                right[key], s2[key] = float(correct), float(path is Path.S2)
    cost = {key: sum(costs.get((key, str(path)), 0.0) for path in Path) for key in right}
    fallbacks = {
        ItemKey(line.sample, line.turn, line.probe)
        for line in folder.scored()
        if line.kind == "final" and line.route_fallback
    }
    videos = {key: judged.videos[key] for key in right}
    return _System(
        right, s2, cost, videos, len(fallbacks), config.system.route, manifest.run, config.stream.seed
    )


def _routed(system: _System, first: _System, keys: Sequence[ItemKey], clusters: Places) -> Routed:
    def column(values: dict[ItemKey, float]) -> list[float]:
        return [values[key] for key in keys]

    videos = clusters.tolist()
    made = Routed(
        run=system.run,
        route=system.route,
        n=len(keys),
        videos=len(np.unique(clusters)),
        rho=estimate(column(system.s2), videos, seed=first.seed),
        accuracy=estimate(column(system.right), videos, seed=first.seed),
        cost=estimate(column(system.cost), videos, seed=first.seed),
        fallbacks=system.fallbacks,
    )
    if system is first:
        return made
    before, after = column(first.right), column(system.right)
    alone = made.videos == made.n
    lost = sum(one > two for one, two in zip(before, after, strict=True))
    won = sum(two > one for one, two in zip(before, after, strict=True))
    return made.model_copy(
        update={
            "over_first": paired(before, after, videos, seed=first.seed),
            "p_sign_flip": sign_flip(_measure(before, clusters), _measure(after, clusters), seed=first.seed),
            "p_mcnemar": mcnemar(lost, won) if alone else None,
        }
    )


def _measure(values: Sequence[float], clusters: Places) -> Measure:
    return Measure("accuracy", np.stack([values, np.ones_like(values)], axis=1), clusters, ratio)
