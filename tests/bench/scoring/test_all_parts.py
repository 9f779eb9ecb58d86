"""What holds of the scores of every part, whatever was answered."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from bench_kit import dataset, quick, run_folder, sample
from hypothesis import given
from hypothesis import strategies as st
from scoring_kit import RULES, chain, clue_sample, judged, line, spoke, watch_sample

from bench.data.schema import AnswerForm, Gold, Part, Sample
from bench.run.config import load_config
from bench.run.lines import ScoredLine
from bench.scoring import score_run
from bench.scoring.log import question_lines
from bench.scoring.scores import Baseline, Row, Score, ScoreTable

BOTH = RULES._replace(owes=("s1", "s2"))
_WORDS = ("A", "B", "yes", "no", "wait", "3", "two", "", "A or B", "???", "READY: B")


def _samples(videos: int) -> list[Sample]:
    made: list[Sample] = []
    for v in range(videos):
        video = f"v{v}.mp4"
        seen = (Gold(to_s=10, value=False), Gold(from_s=10, value=True))
        found = (Gold(to_s=12, value="WAIT"), Gold(from_s=12, value="READY", text="B"))
        made += [
            sample(f"{v}-now", video=video),
            sample(f"{v}-past", video=video, part=Part.REASONING, span=(1, 2), ask_s=50.5),
            clue_sample(f"{v}-seen", AnswerForm.YES_NO, seen, probes=(5, 15), video=video),
            clue_sample(
                f"{v}-find", AnswerForm.SUFFICIENCY, found, probes=(5, 15), video=video, options=True
            ),
            clue_sample(f"{v}-count", AnswerForm.COUNT, (Gold(value=3),), video=video, task="count"),
            watch_sample(f"{v}-watch", [20.0 + v], video=video),
            chain(f"{v}-chain", "ABA", video=video),
        ]
    return made


def _answers(samples: list[Sample], seed: int) -> list[ScoredLine]:
    rng = Random(seed)
    lines: list[ScoredLine] = []
    for item in samples:
        for path in ("s1", "s2"):
            if item.part is Part.PROACTIVE:
                lines += spoke(
                    item.id, sorted(rng.uniform(0, 60) for _ in range(rng.randrange(3))), path=path
                )
                continue
            for turn, asked in enumerate(item.turns):
                for probe in range(len(asked.asks)):
                    status = rng.choice(("ok", "ok", "ok", "timeout"))
                    said = rng.choice(_WORDS)
                    lines.append(line(item.id, said, turn=turn, probe=probe, path=path, status=status))
    return lines


def _scores(table: ScoreTable) -> list[Score]:
    holders: list[Row | Baseline] = [
        holder for part in table.parts for holder in (*part.rows, *part.baselines)
    ]
    return [score for holder in holders for score in (holder.primary, *holder.scores)]


@quick
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_shares_lie_between_0_and_1_with_their_intervals_around_them(seed: int, videos: int) -> None:
    samples = _samples(videos)
    table = judged(samples, _answers(samples, seed), BOTH).table
    for score in _scores(table):
        found = score.estimate
        if score.unit == "share" and found.value is not None:
            assert 0 <= found.value <= 1
        if found.low is not None and found.high is not None and found.value is not None:
            assert found.clusters > 1
            assert found.low <= found.high


@quick
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_the_order_of_records_changes_nothing(seed: int, shuffle: Random) -> None:
    samples = _samples(2)
    lines = _answers(samples, seed)
    turned = lines[:]
    shuffle.shuffle(turned)
    one, two = judged(samples, lines, BOTH), judged(samples, turned, BOTH)
    assert one.table == two.table
    assert list(question_lines(one.parts)) == list(question_lines(two.parts))


def test_one_video_gives_no_interval_and_no_test() -> None:
    samples = _samples(1)
    table = judged(samples, _answers(samples, 1), BOTH).table
    assert all(score.estimate.low is None for score in _scores(table))
    assert all(part.pair is not None and part.pair.p_sign_flip is None for part in table.parts)


def test_every_part_has_its_primary_score_and_its_baselines() -> None:
    samples = _samples(3)
    table = judged(samples, _answers(samples, 3), BOTH).table
    assert {part.part: (part.metric, tuple(b.name for b in part.baselines)) for part in table.parts} == {
        "realtime": ("accuracy", ("constant", "text-only")),
        "reasoning": ("accuracy", ("constant", "text-only")),
        "clue": ("balanced accuracy", ("always", "never", "constant", "text-only", "timer-k")),
        "proactive": ("F1", ("timer-k", "always", "never")),
        "sequential": ("turn accuracy", ("constant", "text-only", "no-history")),
    }
    assert table.complete


def test_who_is_always_right_has_skill_one_on_every_part() -> None:
    samples = _samples(3)
    lines = []
    for item in samples:
        if item.part is Part.PROACTIVE:
            lines += spoke(item.id, item.turns[0].trigger.gold_s)  # type: ignore[union-attr]
            continue
        for turn, asked in enumerate(item.turns):
            for probe, t in enumerate(asked.asks):
                gold = asked.answer.gold_at(t)
                assert gold is not None
                said = {True: "yes", False: "no", "READY": gold.text}.get(gold.value, str(gold.value))  # type: ignore[call-overload]
                lines.append(line(item.id, said, turn=turn, probe=probe))
    for part in judged(samples, lines).table.parts:
        row = part.rows[0]
        assert row.primary.estimate.value == 1.0, part.part
        best = part.best_blind
        assert best is not None
        assert row.skill == (1.0 if best < 1 else None), part.part


def test_the_chance_of_a_part_is_told_only_where_all_is_choice() -> None:
    samples = _samples(2)
    table = judged(samples, [], BOTH).table
    assert [part.chance for part in table.parts] == [0.25, 0.25, None, None, 0.25]


def test_tasks_are_told_by_the_score_that_suits_them() -> None:
    samples = _samples(2)
    part = judged(samples, _answers(samples, 5), BOTH).table.part("clue")
    assert part is not None
    tasks = part.rows[0].tasks
    assert tasks["count"].metric == "mean relative accuracy"
    assert tasks["seen"].metric == "balanced accuracy"
    told = [task.score for task in tasks.values() if task.score is not None]
    assert part.rows[0].task_macro == pytest.approx(sum(told) / len(told), abs=1e-6)


def test_official_figures_stand_in_the_scores_when_asked_for(tmp_path: Path) -> None:
    samples = [
        item.model_copy(update={"scoring": item.scoring.model_copy(update={"profile": "rtv@1"})})
        for item in _samples(1)[:1]
    ]
    config = load_config(None, {"system.route": "force-s1"})
    folder = run_folder(tmp_path / "run", dataset(tmp_path, samples), config=config)
    scores = score_run(folder, profile="official")
    assert scores.profile == "official"
    written = json.loads((folder.path / "scores.json").read_text())
    assert written["profile"] == "official"
    assert written["schema_version"] == "dsb.scores/2"
    assert score_run(folder).official is None
