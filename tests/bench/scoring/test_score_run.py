from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_kit import answered, both, dataset, failed, run_folder, sample

from bench.data.schema import Gold, Part, Sample
from bench.report.remarks import remarks
from bench.run.config import load_config
from bench.run.folder import RunFolder
from bench.run.records import Play
from bench.scoring import score_run
from shared.errors import DataError
from shared.messages import Draft, Status, Usage
from shared.messages import Path as Way


def _set() -> list[Sample]:
    """Four videos; each with a question of each task of realtime and one of reasoning, gold A."""
    made = []
    for v in range(4):
        video = f"v{v}.mp4"
        made += [
            sample(f"{v}-colour", video=video),
            sample(f"{v}-shape", video=video, task="shape", ask_s=12.5),
        ]
        span = (40, 44) if v % 2 else (5, 9)
        made.append(sample(f"{v}-past", part=Part.REASONING, video=video, task="past", ask_s=50.5, span=span))
    return made


def _wrong_on_the_past(item: Sample, way: Way) -> str:
    return "A" if way is Way.S2 or item.part is Part.REALTIME else "B"


def test_a_hand_worked_run(tmp_path: Path) -> None:
    items = _set()
    records = both(items, _wrong_on_the_past)
    records[0] = failed(items[0], Status.TIMEOUT, play=Play("r", "r_0_1", 0, 1))
    records[2] = answered(items[1], "no idea", play=Play("r", "r_0_1", 0, 1))
    scores = score_run(run_folder(tmp_path / "run", dataset(tmp_path, items), records))
    part = scores.scores.part("realtime")
    assert part is not None
    row = part.row("s1")
    assert row is not None
    assert (row.accuracy.n, row.accuracy.value, row.coverage) == (8, 0.75, 1.0)
    assert {task: (t.n, t.accuracy) for task, t in row.tasks.items()} == {
        "colour": (4, 0.75),
        "shape": (4, 0.75),
    }
    assert (row.ok, row.timeout, row.error, row.refused) == (7, 1, 0, 0)
    assert row.rungs == {"label": 6, "unparsed": 1}
    assert row.skill is None
    assert part.chance == 0.25
    assert scores.headline


def test_the_gain_is_paired_and_told_by_where_the_evidence_is(tmp_path: Path) -> None:
    items = _set()
    scores = score_run(
        run_folder(tmp_path / "run", dataset(tmp_path, items), both(items, _wrong_on_the_past))
    )
    part = scores.scores.part("reasoning")
    assert part is not None
    assert [(s.name, s.n) for s in part.slices] == [("all", 4), ("s2_window", 2), ("memory", 2)]
    whole = part.slice("all")
    assert whole is not None
    assert (whole.s1.value, whole.s2.value, whole.gain.value) == (0.0, 1.0, 1.0)
    assert (whole.gain.low, whole.gain.high) == (1.0, 1.0)
    assert scores.scores.part("realtime").slices == ()  # type: ignore[union-attr]


def test_skill_is_over_the_best_blind_baseline(tmp_path: Path) -> None:
    items = [sample(f"s{i}", gold=gold, video=f"v{i}.mp4") for i, gold in enumerate("AABB")]
    said = dict(zip((s.id for s in items), "AABA", strict=True))
    scores = score_run(
        run_folder(tmp_path / "run", dataset(tmp_path, items), both(items, lambda s, w: said[s.id]))
    )
    part = scores.scores.parts[0]
    assert part.baseline("constant").accuracy.value == 0.5  # type: ignore[union-attr]
    best = max(b.accuracy.value or 0 for b in part.baselines)
    assert part.rows[0].skill == pytest.approx((0.75 - best) / (1 - best))


def test_below_full_coverage_there_is_no_headline_unless_asked(tmp_path: Path) -> None:
    items = _set()
    folder = run_folder(tmp_path / "run", dataset(tmp_path, items), both(items, lambda s, w: "A")[:-3])
    scores = score_run(folder)
    assert not scores.headline
    assert (scores.scores.complete, scores.scores.missing) == (False, 3)
    assert scores.scores.part("reasoning").row("s1").coverage == 0.75  # type: ignore[union-attr]
    assert score_run(folder, partial=True).headline


def test_only_the_highest_attempt_of_a_play_counts(tmp_path: Path) -> None:
    item = sample("a")
    again = Play("r", "r_0_2", 0, 2)
    records = [
        answered(item, "B"),
        answered(item, "A", path=Way.S2),
        answered(item, "A", play=again),
    ]
    scores = score_run(run_folder(tmp_path / "run", dataset(tmp_path, [item]), records))
    assert scores.scores.parts[0].row("s1").accuracy.value == 1.0  # type: ignore[union-attr]
    assert scores.scores.missing == 1


def test_scoring_again_gives_the_same_bytes(tmp_path: Path) -> None:
    items = _set()
    folder = run_folder(tmp_path / "run", dataset(tmp_path, items), both(items, _wrong_on_the_past))
    score_run(folder)
    first = [(folder.path / name).read_bytes() for name in ("scores.json", "questions.jsonl")]
    score_run(RunFolder.open(folder.path))
    assert first == [(folder.path / name).read_bytes() for name in ("scores.json", "questions.jsonl")]


def test_order_of_arrival_and_speed_change_timings_only(tmp_path: Path) -> None:
    items = _set()
    records = both(items, _wrong_on_the_past)
    slower = [record.model_copy(update={"latency_s": 3.0, "worker": "w9"}) for record in reversed(records)]
    data = dataset(tmp_path, items)
    one, two = (score_run(run_folder(tmp_path / n, data, r)) for n, r in (("one", records), ("two", slower)))
    assert one.scores.model_dump_json() == two.scores.model_dump_json()
    assert one.timings != two.timings


def test_latency_is_told_by_part_and_path_of_answers_that_came(tmp_path: Path) -> None:
    items = [sample(f"s{i}", video=f"v{i}.mp4") for i in range(5)]
    records = [answered(item, "A", latency_s=0.1 * (i + 1)) for i, item in enumerate(items[:4])]
    records.append(failed(items[4], Status.TIMEOUT))
    config = load_config(None, {"system.route": "force-s1"})
    scores = score_run(run_folder(tmp_path / "run", dataset(tmp_path, items), records, config=config))
    (told,) = scores.timings
    assert (told.part, told.path, told.n, told.p50_s) == ("realtime", "s1", 4, 0.25)
    assert told.p95_s == pytest.approx(0.385)


def test_what_was_kept_is_told_by_part_and_path_beside_the_latency(tmp_path: Path) -> None:
    items = [sample(f"s{i}", video=f"v{i}.mp4") for i in range(2)]
    spent = (
        {"frames_encoded": 1, "frames_reused": 5, "reused_tokens": 60, "saved_s": 0.5, "cache_bytes": 900},
        {"frames_encoded": 2, "frames_reencoded": 2, "saved_s": 0.25, "cache_bytes": 300},
    )
    drafts = [Draft(raw="A", choice="A", usage=Usage(prompt_tokens=100, **one)) for one in spent]
    records = [answered(item, "A", draft=draft) for item, draft in zip(items, drafts, strict=True)]
    scores = score_run(run_folder(tmp_path / "run", dataset(tmp_path, items), records))
    (told,) = scores.timings
    assert told.cache is not None
    assert told.cache.model_dump() == {
        "answers": 2,
        "frame_hits": 0.625,
        "token_hits": 0.3,
        "frames_encoded": 3,
        "frames_reencoded": 2,
        "saved_s": 0.75,
        "most_bytes": 900,
    }
    said = [str(line) for line in remarks(scores)]
    assert any(line.startswith("s1: 62.5 % of the frames shown were encoded before") for line in said)


def test_where_the_router_chooses_there_is_a_row_of_the_system_as_a_whole(tmp_path: Path) -> None:
    items = [sample(f"s{i}", video=f"v{i}.mp4") for i in range(4)]
    records = [answered(s, "A", path=Way.S2 if i else Way.S1) for i, s in enumerate(items)]
    config = load_config(None, {"system.route": "rule"})
    scores = score_run(run_folder(tmp_path / "run", dataset(tmp_path, items), records, config=config))
    rows = {row.path: (row.owed, row.accuracy.value) for row in scores.scores.parts[0].rows}
    assert rows == {"s1": (1, 1.0), "s2": (3, 1.0), "system": (4, 1.0)}
    assert scores.scores.complete


def test_a_log_of_verdicts_names_gold_rung_and_slice(tmp_path: Path) -> None:
    items = _set()
    folder = run_folder(tmp_path / "run", dataset(tmp_path, items), both(items, _wrong_on_the_past))
    score_run(folder)
    lines = [json.loads(line) for line in (folder.path / "questions.jsonl").read_text().splitlines()]
    assert len(lines) == 24
    past = next(line for line in lines if line["sample"] == "0-past" and line["path"] == "s1")
    assert (past["gold"], past["parsed"], past["rung"], past["slice"]) == ("A", "B", "label", "memory")
    assert past["correct"] is False


def test_questions_without_gold_are_counted_and_in_no_score(tmp_path: Path) -> None:
    blank = sample("blank", video="v9.mp4")
    answer = blank.turns[0].answer.model_copy(update={"gold": ()})
    turn = blank.turns[0].model_copy(update={"answer": answer})
    items = [sample("a"), blank.model_copy(update={"turns": (turn,)})]
    scores = score_run(run_folder(tmp_path / "run", dataset(tmp_path, items), both(items, lambda s, w: "A")))
    assert scores.scores.parts[0].without_gold == 1
    assert scores.scores.parts[0].rows[0].accuracy.n == 1


def test_samples_changed_after_the_run_are_refused(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", dataset(tmp_path, [sample("a")]))
    file = folder.path / "samples.json"
    file.write_text(file.read_text().replace('"value":"A"', '"value":"B"'))
    with pytest.raises(DataError, match="the file was changed"):
        score_run(folder)


def test_a_live_run_tells_what_lateness_cost(tmp_path: Path) -> None:
    made = sample("a")
    gold = (Gold(from_s=10, to_s=12, value="A"), Gold(from_s=12, value="B"))
    answer = made.turns[0].answer.model_copy(update={"gold": gold})
    item = made.model_copy(update={"turns": (made.turns[0].model_copy(update={"answer": answer}),)})
    late = answered(item, "A", play=Play("r", "r_0_1", 0, 1, "live"), t_emit=12.2)
    config = load_config(None, {"system.route": "force-s1", "stream.mode": "live"})
    scores = score_run(run_folder(tmp_path / "run", dataset(tmp_path, [item]), [late], config=config))
    row = scores.scores.parts[0].rows[0]
    assert (row.accuracy.value, row.accuracy_at_ask) == (0.0, 1.0)
