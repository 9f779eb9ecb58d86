"""The numbers of one part: rows by path, baselines beneath them, slices by where the evidence lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench.scoring.base import Item, ItemKey, Judged, PartScorer, Said
from bench.scoring.baselines import BASELINES
from bench.scoring.scores import Baseline, PartScores, Row, Slice, TaskScore
from bench.scoring.stats import Estimate, estimate, paired
from shared.messages import Path, Profile, Status

__all__ = ["PartInput", "part_scores"]


class PartInput(NamedTuple):
    """All that a part's numbers are made of."""

    scorer: PartScorer
    items: Sequence[Item]
    judged: Sequence[Judged]
    owes: tuple[Path, ...] | None
    """Paths that every question owes; null when the router chooses one."""
    missing: int
    without_gold: int
    profile: Profile
    seed: int


Blind = Mapping[str, Mapping[ItemKey, bool]]


def part_scores(given: PartInput) -> PartScores:
    """The numbers of one part."""
    blind = _blind(given)
    baselines = tuple(
        Baseline(name=name, accuracy=_accuracy([hits[i.key] for i in given.items], given.items, given.seed))
        for name, hits in blind.items()
    )
    best = max((b.accuracy.value for b in baselines if b.accuracy.value is not None), default=None)
    sizes = [len(item.answer.options) for item in given.items if item.answer.options]
    return PartScores(
        part=given.scorer.part,
        questions=len(given.items),
        without_gold=given.without_gold,
        chance=round(sum(1 / size for size in sizes) / len(sizes), 6) if sizes else None,
        rows=tuple(_rows(given, best)),
        baselines=baselines,
        slices=tuple(_slices(given, blind)),
    )


def _blind(given: PartInput) -> Blind:
    def judge(item: Item, raw: str) -> bool:
        return given.scorer.judge(item, Said(raw))[2]

    answers = {name: make(given.items, judge) for name, make in BASELINES.items()}
    return {name: {i.key: judge(i, said[i.key]) for i in given.items} for name, said in answers.items()}


def _rows(given: PartInput, best: float | None) -> list[Row]:
    paths = given.owes if given.owes is not None else tuple(Path)
    rows = []
    for path in paths:
        judged = [verdict for verdict in given.judged if verdict.path == path]
        if judged or given.owes is not None:
            rows.append(_row(path, judged, len(given.items) if given.owes else len(judged), given.seed, best))
    if given.owes is None:
        rows.append(_row("system", _first(given.judged), len(given.items), given.seed, best))
    return rows


def _first(judged: Sequence[Judged]) -> list[Judged]:
    """One verdict a question: that of the path it was sent to."""
    return list({verdict.item.key: verdict for verdict in reversed(judged)}.values())[::-1]


def _row(path: str, judged: Sequence[Judged], owed: int, seed: int, best: float | None) -> Row:
    items = [verdict.item for verdict in judged]
    accuracy = _accuracy([verdict.correct for verdict in judged], items, seed)
    tasks = _tasks(judged)
    statuses = Counter(verdict.status for verdict in judged)
    skill = None
    if accuracy.value is not None and best is not None and best < 1:
        skill = round((accuracy.value - best) / (1 - best), 6)
    return Row(
        path=path,
        owed=owed,
        coverage=round(len(judged) / owed, 6) if owed else 1.0,
        accuracy=accuracy,
        accuracy_at_ask=_mean([verdict.correct_at_ask for verdict in judged]),
        task_macro=_mean([task.accuracy for task in tasks.values()]),
        tasks=tasks,
        skill=skill,
        ok=statuses[Status.OK],
        timeout=statuses[Status.TIMEOUT],
        error=statuses[Status.ERROR],
        refused=statuses[Status.REFUSED],
        rungs=dict(sorted(Counter(str(v.rung) for v in judged if v.rung is not None).items())),
    )


def _tasks(judged: Sequence[Judged]) -> dict[str, TaskScore]:
    groups: dict[str, list[bool]] = {}
    for verdict in judged:
        groups.setdefault(verdict.item.task, []).append(verdict.correct)
    return {
        task: TaskScore(n=len(hits), accuracy=_mean(hits) or 0.0) for task, hits in sorted(groups.items())
    }


def _slices(given: PartInput, blind: Blind) -> list[Slice]:
    """For parts that have slices, and only where both paths answered the same questions."""
    names = [str(name) for name in given.scorer.slices]
    both = {path: {v.item.key: v for v in given.judged if v.path == path} for path in Path}
    common = [item for item in given.items if all(item.key in both[path] for path in Path)]
    if not names or not common:
        return []
    where = {item.key: given.scorer.slice_of(item, given.profile) for item in common}
    groups = {"all": common, **{name: [i for i in common if where[i.key] == name] for name in names}}
    return [_slice(name, items, both, blind, given.seed) for name, items in groups.items() if items]


def _slice(
    name: str, items: Sequence[Item], both: Mapping[Path, Mapping[ItemKey, Judged]], blind: Blind, seed: int
) -> Slice:
    s1 = [float(both[Path.S1][item.key].correct) for item in items]
    s2 = [float(both[Path.S2][item.key].correct) for item in items]
    videos = [item.video for item in items]
    return Slice(
        name=name,
        n=len(items),
        s1=estimate(s1, videos, seed=seed),
        s2=estimate(s2, videos, seed=seed),
        gain=paired(s1, s2, videos, seed=seed),
        text_only=_mean([blind["text-only"][item.key] for item in items]),
        constant=_mean([blind["constant"][item.key] for item in items]),
    )


def _accuracy(hits: Sequence[bool], items: Sequence[Item], seed: int) -> Estimate:
    return estimate([float(hit) for hit in hits], [item.video for item in items], seed=seed)


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 6) if values else None
