from __future__ import annotations

from bench_kit import sample
from scoring_kit import RULES, judged, line

ROUTED = RULES._replace(owes=None)
SAMPLES = [sample("q0"), sample("q1"), sample("q2")]
LINES = [
    line("q0", "A", path="s1", latency_s=0.1),
    line("q1", "A", path="s2", latency_s=0.3),
    line("q2", "A", path="s1", latency_s=0.2),
    line("q2", "A", path="s2", latency_s=0.5),
]


def times(rules: object) -> dict[str, tuple[int, float | None]]:
    found = judged(SAMPLES, LINES, rules).stopwatch.latencies()  # type: ignore[arg-type]
    return {one.path: (one.n, one.p50_s) for one in found}


def test_a_routed_system_takes_as_long_as_the_answer_that_counts() -> None:
    assert times(ROUTED)["system"] == (3, 0.3)


def test_where_paths_are_owed_there_is_no_system() -> None:
    assert set(times(RULES._replace(owes=("s1", "s2")))) == {"s1", "s2"}
