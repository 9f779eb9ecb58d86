"""How long it takes to replay routing policies on a big paired table: seconds, and seconds a question.

The table is drawn, not played: outcomes, costs and confidences as a run of that size would have them. Four policies of
five are real (cascades, random, rules) and decide every question; the fifth has its scores at hand, as a classifier
whose embeddings are known. Curves, every metric and every interval are made of each. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import NamedTuple

import numpy as np

from bench.data.schema import Part
from bench.routing.metrics import Chosen, Outcome
from bench.routing.paired import CostUnit, Paired, Row
from bench.routing.replay import Replay, replay
from bench.routing.results import results
from bench.scoring.base import ItemKey
from shared.messages import Question, Status
from shared.routing import First, StreamState

__all__ = ["main", "measure"]

_A_VIDEO = 50
_TEXTS = (
    "What colour is the star now?",
    "What colour was the star that left?",
    "How many times has it happened so far?",
    "Which shape is in the middle?",
)


class Took(NamedTuple):
    """Seconds by the clock, and of this process's work."""

    wall_s: float
    cpu_s: float


def drawn_table(questions: int, seed: int = 0) -> Paired:
    """A table of so many questions, fifty a video; S1 is right on 60 %, S2 on 75 %."""
    rng = np.random.default_rng(seed)
    y1, y2 = (rng.random(questions) < 0.6, rng.random(questions) < 0.75)
    costs = rng.gamma(4.0, 0.05, questions), rng.gamma(4.0, 0.25, questions)
    clusters = np.arange(questions) // _A_VIDEO
    outcome = Outcome(y1.astype(np.float64), y2.astype(np.float64), *costs, clusters)
    confidence = np.round(np.where(y1, rng.beta(6, 2, questions), rng.beta(4, 3, questions)), 4)
    asked = [_question(number) for number in range(questions)]
    rows = [
        Row(
            ItemKey(question.key, 0, 0),
            Part.REALTIME,
            "",
            question,
            StreamState(question.t_ask),
            First(Status.OK, float(confidence[number])),
            True,
            (),
            ("", ""),
        )
        for number, question in enumerate(asked)
    ]
    nothing = np.full(questions, np.nan)
    return Paired("drawn", rows, outcome, CostUnit.SECONDS, (nothing, nothing))


def _question(number: int) -> Question:
    text = _TEXTS[number % len(_TEXTS)]
    return Question(
        opening="replay_0_0", key=f"{number:016x}", sample="", t_ask=float(number % 60), text=text
    )


def one_replay(table: Paired, number: int) -> Replay:
    """The policy of that number: its decisions are part of what is timed."""
    share = 0.05 + 0.9 * (number % 19) / 18
    routes = (f"cascade@{share:.2f}", f"random@{share:.2f}:{number}", f"revise@{share:.2f}", "rule")
    if number % 5 < len(routes):
        return replay(table, routes[number % 5])
    rng = np.random.default_rng(number)
    outcome = table.outcome
    score = 0.5 + 0.1 * (outcome.y2 - outcome.y1) + 0.2 * rng.standard_normal(len(outcome.y1))
    score = np.clip(score, 0.0, 1.0)
    return Replay(f"scores-{number}", Chosen(score >= share, score), (), 0.0, 0, 0)


def measure(questions: int, policies: int) -> Took:
    """What it takes to replay so many policies on so many questions; making the table is no part of it."""
    table = drawn_table(questions)
    started, busy = time.perf_counter(), time.process_time()
    for number in range(policies):
        results(table, one_replay(table, number))
    return Took(time.perf_counter() - started, time.process_time() - busy)


def main() -> None:
    """Measure at a quarter, at half and at the whole size."""
    parser = argparse.ArgumentParser(description="How long replaying routing policies takes.")
    parser.add_argument("--questions", type=int, default=100_000)
    parser.add_argument("--policies", type=int, default=50)
    given = parser.parse_args()
    measure(min(2000, given.questions), 1)  # imports and first calls are no part of it
    took = {}
    for part in (4, 2, 1):
        size = given.questions // part
        took[size] = measure(size, given.policies)
        wall, busy = took[size]
        print(f"{given.policies} policies, {size} questions: {wall:.1f} s, {busy:.1f} s of CPU")
    each = {size: one.cpu_s / size / given.policies for size, one in took.items()}
    told = {
        "policies": given.policies,
        "questions": given.questions,
        "seconds": round(took[given.questions].wall_s, 2),
        "cpu_s": round(took[given.questions].cpu_s, 2),
        "ns_a_question_and_policy": {str(size): round(1e9 * value) for size, value in each.items()},
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
