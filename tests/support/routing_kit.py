"""What tests of routing share: paired tables without a run, and a paired run made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bench_kit import answered, dataset, run_folder, sample

from bench.data.schema import Part, Sample
from bench.routing.metrics import Outcome
from bench.routing.paired import CostUnit, Paired, Row
from bench.run.folder import RunFolder
from bench.run.records import Play, Record
from bench.scoring.base import ItemKey
from shared.messages import Draft, Question, Status, Timings, Usage
from shared.messages import Path as Way
from shared.routing import First, StreamState


def table(
    y1: Sequence[int],
    y2: Sequence[int],
    *,
    videos: Sequence[int] | None = None,
    confidence: Sequence[float] | None = None,
    texts: Sequence[str] = (),
    c1: float = 1.0,
    c2: float = 5.0,
) -> Paired:
    """A table of these outcomes; question `n` has the key `k<n>`."""
    n = len(y1)
    rows = [
        Row(
            ItemKey(f"s{at}", 0, 0),
            Part.REALTIME,
            "task",
            Question(
                opening="r_0_0",
                key=f"k{at}",
                sample=f"s{at}",
                t_ask=5.0,
                text=texts[at] if texts else "What is it?",
            ),
            StreamState(5.0, 6, 2),
            First(Status.OK, confidence[at] if confidence else 0.9),
            True,
            (),
            ("A", "B"),
        )
        for at in range(n)
    ]
    outcome = Outcome(
        np.array(y1, np.float64),
        np.array(y2, np.float64),
        np.full(n, c1),
        np.full(n, c2),
        np.array(videos if videos is not None else range(n), np.int64),
    )
    nothing = np.full(n, np.nan)
    return Paired("r", rows, outcome, CostUnit.CALLS, (nothing, nothing))


def paired_run(
    folder: Path, outcomes: Sequence[tuple[int, int]], *, per_video: int = 2, name: str = "run"
) -> RunFolder:
    """A `both` run: of each question, whether S1 and S2 are right; S1 costs 1 s and 10 tokens, S2 three times that.

    S1's confidence is .9 where it is right, else .4. Questions are of `reasoning` where S2 alone is right.
    """
    items, records = [], []
    for at, right in enumerate(outcomes):
        past = right == (0, 1)
        item = sample(
            f"q{at}",
            part=Part.REASONING if past else Part.REALTIME,
            video=f"v{at // per_video}.mp4",
            ask_s=10.5 + at % per_video,
        )
        text = f"What was left {at}?" if past else f"What is there now {at}?"
        item = item.model_copy(update={"turns": (item.turns[0].model_copy(update={"question": text}),)})
        items.append(item)
        video = at // per_video
        play = Play("r", f"r_{video}_1", video, 1, "offline")
        records += [_record(item, way, bool(right[number]), play) for number, way in enumerate(Way)]
    return run_folder(folder / name, dataset(folder, items), records)


def _record(item: Sample, way: Way, right: bool, play: Play) -> Record:
    times = 1 if way is Way.S1 else 3
    said = "A" if right else "B"
    draft = Draft(
        raw=said, choice=said, confidence=0.9 if right else 0.4, usage=Usage(prompt_tokens=10 * times)
    )
    made = answered(item, said, path=way, play=play, draft=draft, latency_s=2.0 * times)
    return made.model_copy(update={"stages": Timings(model=1.0 * times, queue=9.0)})
