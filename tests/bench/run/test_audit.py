from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench_kit import answered, dataset, run_folder, sample

from bench.run.audit import audit_run
from bench.run.config import load_config
from bench.run.folder import RunFolder
from bench.run.records import Play, Record
from shared.messages import Note, Status
from shared.messages import Path as Way

ITEM = sample("a")
CONFIG = load_config(None, {"system.route": "force-s1"})


def _folder(tmp_path: Path, *records: Record) -> RunFolder:
    return run_folder(tmp_path / "run", dataset(tmp_path, [ITEM]), records, config=CONFIG)


def _note(**fields: Any) -> Note:
    base = {"opening": "r_0_1", "run": "r", "seq": 0, "t_start": 5.0, "t_end": 5.0, "text": "red circle"}
    return Note(**{**base, **fields})


def test_a_clean_run_passes(tmp_path: Path) -> None:
    record = answered(ITEM, "A").model_copy(update={"notes": (_note(),)})
    made = audit_run(_folder(tmp_path, record))
    assert (made.records, made.finals, made.superseded, made.violations) == (1, 1, 0, ())


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ({"frames_ts": (10.0, 11.0), "frames_idx": (10, 11)}, "saw a frame of 11 s, asked at 10.5 s"),
        ({"t_ask": 99.0, "frames_ts": (11.0,), "frames_idx": (11,)}, "saw a frame of 11 s, asked at 10.5 s"),
        ({"notes": (_note(t_end=10.6),)}, "read a note of 5 to 10.6 s"),
        ({"notes": (_note(opening="other_0_1"),)}, "a note of another opening"),
    ],
)
def test_a_planted_leak_is_found(tmp_path: Path, planted: dict[str, Any], said: str) -> None:
    record = answered(ITEM, "A").model_copy(update=planted)
    (leak,) = audit_run(_folder(tmp_path, record)).leaks
    assert said in str(leak)
    assert str(leak).startswith("records.jsonl:1: causality: a on s1: ")


def test_a_leak_in_a_superseded_record_is_found_too(tmp_path: Path) -> None:
    leak = answered(ITEM, "A", frames=(11.0,))
    made = audit_run(_folder(tmp_path, leak, answered(ITEM, "A", play=Play("r", "r_0_2", 0, 2))))
    assert (made.superseded, len(made.leaks)) == (1, 1)


@pytest.mark.parametrize(
    ("planted", "rule", "said"),
    [
        ({"t_ask": 9.5}, "identity", "was asked at 9.5 s; the data set says 10.5 s"),
        ({"key": "0" * 16}, "identity", "is not that of its sample"),
        ({"sample": "zzz"}, "identity", "is no question of this run"),
        ({"choice": "E"}, "identity", "'E', which is no option"),
        ({"frames_ts": tuple(map(float, range(7))), "frames_idx": tuple(range(7))}, "window", "shows 6"),
        ({"frames_ts": (1.0, 9.0), "frames_idx": (1, 9)}, "window", "looked back 8 frames"),
        ({"frames_ts": (9.0, 9.0), "frames_idx": (9, 9)}, "window", "do not ascend"),
        ({"frames_idx": (9,)}, "window", "1 frame indices for 2 times"),
        ({"status": Status.ERROR}, "status", "does not say why"),
    ],
)
def test_each_rule_has_a_record_that_breaks_it(
    tmp_path: Path, planted: dict[str, Any], rule: str, said: str
) -> None:
    record = answered(ITEM, "A").model_copy(update=planted)
    made = audit_run(_folder(tmp_path, record), complete=False)
    assert any(v.rule == rule and said in v.text for v in made.violations), made.violations


def test_a_second_final_of_one_attempt_is_found_and_one_of_another_attempt_is_none(tmp_path: Path) -> None:
    again = Play("r", "r_0_2", 0, 2)
    twice = audit_run(_folder(tmp_path / "x", answered(ITEM, "A"), answered(ITEM, "B")))
    assert [(v.rule, v.line) for v in twice.violations] == [("unique", 2)]
    assert (
        audit_run(_folder(tmp_path / "y", answered(ITEM, "A"), answered(ITEM, "B", play=again))).violations
        == ()
    )


def test_a_missing_final_is_found_where_a_whole_run_is_asked_for(tmp_path: Path) -> None:
    folder = _folder(tmp_path, answered(ITEM, "A", path=Way.S2))
    assert [(v.rule, v.path) for v in audit_run(folder).violations] == [("missing", "s1")]
    assert audit_run(folder, complete=False).violations == ()
