"""What a run scored: the content of `scores.json`.

`scores` is a function of the answers alone: two runs that answered alike have it byte for byte equal. All
that the clock decided is in `timings`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from bench.scoring.official.table import OfficialTable
from bench.scoring.stats import Estimate

__all__ = [
    "Baseline",
    "CacheUse",
    "Latency",
    "Pair",
    "PartScores",
    "Protocol",
    "Row",
    "Score",
    "ScoreTable",
    "Scores",
    "Slice",
    "TaskScore",
]


class Value(BaseModel):
    """A frozen value."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Score(Value):
    """One score, with its interval."""

    name: str
    """`accuracy`, `balanced accuracy`, `mean relative accuracy`, `F1`, `turn accuracy`, …"""
    unit: str = "share"
    """`share` (0 to 1), or `per hour`."""
    estimate: Estimate
    skill: float | None = None
    """Of shares: (score − best blind) / (1 − best blind); null for baselines."""


class TaskScore(Value):
    """One task of a part."""

    n: int
    accuracy: float | None
    """Right answers over all; null where answers are not right or wrong one by one."""
    metric: str
    score: float | None
    """By `metric`: the part's primary score, or what takes its place for this task."""


class Row(Value):
    """One part on one path."""

    path: str
    """`s1`, `s2`, or `system`: whichever path the router chose."""
    owed: int
    """Questions that this path was to answer."""
    coverage: float
    """Share of them that have a final; below 1 there is no headline."""
    primary: Score
    scores: tuple[Score, ...] = ()
    """The other scores of the part."""
    accuracy: Estimate
    """Right answers over all finals: failures stay in the denominator."""
    accuracy_at_ask: float | None = None
    """Had the same answers come at once; differs from `accuracy` in live mode only."""
    task_macro: float | None = None
    """Mean over tasks of their scores."""
    tasks: dict[str, TaskScore] = {}
    skill: float | None = None
    """Of the primary score: (score − best blind) / (1 − best blind)."""
    ok: int = 0
    timeout: int = 0
    error: int = 0
    refused: int = 0
    rungs: dict[str, int] = {}
    """How answers were read; `unparsed`, `ambiguous` and `empty` ones are wrong."""
    details: dict[str, Any] = {}
    """What belongs to this part alone."""

    def score(self, name: str) -> Score | None:
        """The score of that name."""
        return next((score for score in (self.primary, *self.scores) if score.name == name), None)


class Baseline(Value):
    """What a blind answerer scores."""

    name: str
    primary: Score
    scores: tuple[Score, ...] = ()
    accuracy: Estimate

    def score(self, name: str) -> Score | None:
        """The score of that name."""
        return next((score for score in (self.primary, *self.scores) if score.name == name), None)


class Pair(Value):
    """S2 against S1 on the questions that both have a final for, by the primary score."""

    metric: str
    n: int
    s1: float | None
    s2: float | None
    gain: Estimate
    """S2 − S1, the same videos drawn for both."""
    p_sign_flip: float | None
    """Randomisation test that exchanges the two systems' answers video by video."""
    s1_only: int
    """Questions that only S1 has right."""
    s2_only: int
    p_mcnemar: float | None
    """Exact; null where a video has several questions: those are not independent."""


class Slice(Value):
    """S1, S2 and the baselines where the evidence lies in one place; `all` is the whole part."""

    name: str
    n: int
    """Questions that both paths have a final for."""
    s1: Estimate
    s2: Estimate
    gain: Estimate
    """S2 − S1 on the same questions."""
    text_only: float | None = None
    constant: float | None = None


class PartScores(Value):
    """One part."""

    part: str
    metric: str
    """Name of the primary score."""
    questions: int
    without_gold: int = 0
    """Questions that can't be judged; they are in no score."""
    chance: float | None = None
    """Mean of one over the number of options, where every question has some."""
    rows: tuple[Row, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    pair: Pair | None = None
    slices: tuple[Slice, ...] = ()

    @property
    def best_blind(self) -> float | None:
        """The highest primary score of the baselines."""
        values = [b.primary.estimate.value for b in self.baselines if b.primary.estimate.value is not None]
        return max(values, default=None)

    def row(self, path: str) -> Row | None:
        """The row of a path."""
        return next((row for row in self.rows if row.path == path), None)

    def baseline(self, name: str) -> Baseline | None:
        """The baseline of that name."""
        return next((item for item in self.baselines if item.name == name), None)

    def slice(self, name: str) -> Slice | None:
        """The slice of that name."""
        return next((item for item in self.slices if item.name == name), None)


class ScoreTable(Value):
    """All parts."""

    complete: bool
    """Every question has a final on every path that it owes."""
    missing: int
    text: str = "normalised"
    """How free text was compared."""
    parts: tuple[PartScores, ...]

    def part(self, name: str) -> PartScores | None:
        """The scores of a part."""
        return next((part for part in self.parts if part.part == name), None)


class CacheUse(Value):
    """What had been computed before it was needed, of the answers and emissions that came (`Usage`)."""

    answers: int
    frame_hits: float | None
    """Share of the frames shown whose encoding was there."""
    token_hits: float | None
    """Share of the prompts' tokens that had been run before."""
    frames_encoded: int
    """For an answer; S1 encodes frames as they arrive, before anybody asks."""
    frames_reencoded: int
    """Of those, the ones that the same worker had encoded before."""
    saved_s: float
    """Wall-clock seconds that computing what was reused had taken, summed over answers."""
    most_bytes: int
    """The most that was kept of one stream."""


class Latency(Value):
    """Wall-clock seconds of the answers that came (status ok), by part and path."""

    part: str
    path: str
    n: int
    p50_s: float | None
    p95_s: float | None
    wait_p50_s: float | None = None
    """Waiting for a free slot, which latency leaves out (capacity mode)."""
    stages_p50_s: dict[str, float] = {}
    cache: CacheUse | None = None
    """Null where no answer saw frames."""


class Protocol(Value):
    """How the questions were asked, where there is more than one way."""

    clue: str
    """`probes` or `dense`."""
    proactive: str
    """`push`, or `poll`: asked at set times, with the right answer in the question."""
    history: str
    """`self`, `oracle` (the right answers) or `none`."""


class Scores(Value):
    """`scores.json`."""

    schema_version: str = "dsb.scores/2"
    run: str = ""
    """The name of its folder, for tables; left out of the file, in which runs that answered alike differ in
    `timings` only."""
    mode: str
    route: str
    data: str
    """Name of the data set."""
    data_hash: str
    errata: str = ""
    profile: str = "causal"
    protocol: Protocol | None = None
    """Null for predictions made elsewhere."""
    partial: bool = False
    """Whether headline numbers were asked for below full coverage."""
    scores: ScoreTable
    official: dict[str, OfficialTable] | None = None
    """By path: what the published rules give (profile `official`)."""
    timings: tuple[Latency, ...] = ()

    @property
    def headline(self) -> bool:
        """Whether numbers may stand for the run."""
        return self.scores.complete or self.partial
