from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench_kit import answered, asked, dataset, failed, run_folder, sample

from bench.data import Sample, save_dataset
from bench.data.schema import AnswerForm, AnswerSpec, Part, Trigger, Turn
from bench.run.check import Checked, check_folder
from bench.run.config import load_config
from bench.run.folder import RunFolder
from bench.run.preparing import whole_run
from bench.run.records import Play, Record, record_of
from shared.messages import Answer, Draft, RouteStamp, Status
from shared.messages import Path as Way

CONFIG = load_config(None, {"system.route": "force-s1"})
ITEM = sample("a")


def _standing() -> Sample:
    """To be looked at each second from 10 s to 60 s, where the video ends."""
    answer = AnswerSpec(form=AnswerForm.ALERT)
    turn = Turn(question="Say when a star is there.", ask_s=10, answer=answer, trigger=Trigger(gold_s=(14,)))
    return sample("w").model_copy(update={"part": Part.PROACTIVE, "turns": (turn,)})


def _emission(number: int, /, **changes: Any) -> Record:
    item = asked(_standing())
    t = 10.0 + number
    draft = Draft(raw="yes", speak=True, frames_ts=(t - 1, t), frames_idx=(int(t) - 1, int(t)))
    answer = Answer(
        opening="r_0_1", key=item.key, path=Way.S1, n=str(number), t_ask=10, draft=draft,
        route=RouteStamp(route="force-s1"),
    )  # fmt: skip
    made = record_of(answer, item, play=Play("r", "r_0_1", 0, 1), t_emit=t)
    return made.model_copy(update=changes)


def _checked(folder: Path, item: Sample, *records: Record) -> Checked:
    return check_folder(run_folder(folder / "run", dataset(folder, [item]), records, config=CONFIG))


def _rules(found: Checked) -> list[str]:
    return [problem.rule for problem in found.problems]


def test_a_whole_run_has_no_problem(tmp_path: Path) -> None:
    found = _checked(tmp_path, ITEM, answered(ITEM, "A"))
    assert found.problems == ()
    assert (found.audit.finals, found.audit.owed, found.set_found) == (1, 1, False)


def test_lines_that_are_no_records_are_named_with_line_and_field_and_the_others_are_still_checked(
    tmp_path: Path,
) -> None:
    good = answered(ITEM, "A").to_line()
    folder = run_folder(tmp_path / "run", dataset(tmp_path, [ITEM]), config=CONFIG)
    bad = [good.replace(b'"turn":0', b'"turn":"x"'), b"{\n", good.replace(b'"run"', b'"rum"'), good, good]
    folder.records_path.write_bytes(b"".join(bad))
    said = [str(problem) for problem in check_folder(folder).problems]
    assert said[0].startswith("records.jsonl:1: schema: /turn: ")
    assert said[1].startswith("records.jsonl:2: schema: /: ")
    assert said[2].startswith("records.jsonl:3: schema: /run: ")
    assert said[3] == "records.jsonl:5: unique: a on s1: a second final; the first is on line 4"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    found = _checked(tmp_path, ITEM)
    assert [str(problem) for problem in found.problems] == ["missing: a on s1: turn 0, probe 0 has no final"]
    assert found.as_json()["problems"][0]["rule"] == "missing"


def test_emissions_are_held_to_their_tick(tmp_path: Path) -> None:
    final = failed(_standing(), Status.ERROR)
    fine = _checked(tmp_path / "fine", _standing(), _emission(0), _emission(4), final)
    assert (fine.problems, fine.audit.emissions) == ((), 2)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"frames_ts": (13.0, 15.0), "frames_idx": (13, 15)}, "causality"),
        ({"t_emit": 13.0}, "causality"),
        ({"t_emit": 15.0}, "causality"),
        ({"tick": 51}, "identity"),
        ({"tick": None}, "identity"),
    ],
)
def test_an_emission_that_knows_too_much_or_has_no_tick_is_found(
    tmp_path: Path, changes: dict[str, Any], rule: str
) -> None:
    final = failed(_standing(), Status.ERROR)
    assert _rules(_checked(tmp_path, _standing(), _emission(4, **changes), final)) == [rule]


def test_a_tick_is_recorded_once(tmp_path: Path) -> None:
    final = failed(_standing(), Status.ERROR)
    found = _checked(tmp_path, _standing(), _emission(4), _emission(4), final)
    assert [str(problem) for problem in found.problems] == [
        "records.jsonl:2: unique: w on s1: a second emission of tick 4; the first is on line 1"
    ]


def test_an_emission_in_live_mode_may_be_late_and_not_early(tmp_path: Path) -> None:
    final = failed(_standing(), Status.ERROR)
    late = _emission(4, mode="live", t_emit=15.5)
    early = _emission(5, mode="live", t_emit=14.5)
    assert _rules(_checked(tmp_path, _standing(), late, early, final)) == ["causality"]


def test_samples_and_data_sets_that_were_changed_are_told(tmp_path: Path) -> None:
    data = dataset(tmp_path / "set", [ITEM])
    save_dataset(data)
    folder = run_folder(tmp_path / "run", data, [answered(ITEM, "A")], config=CONFIG)
    assert check_folder(folder).problems == ()
    assert check_folder(folder).set_found
    save_dataset(dataset(tmp_path / "set", [sample("a", gold="B")]))
    (problem,) = check_folder(folder).problems
    assert problem.rule == "data"
    assert "all.json has changed since" in problem.text
    file = folder.path / "samples.json"
    file.write_text(file.read_text().replace('"value":"A"', '"value":"C"'))
    assert [("samples.json" in p.text) for p in check_folder(folder).problems] == [True, False]


def test_shards_that_are_not_merged_are_told(tmp_path: Path) -> None:
    save_dataset(dataset(tmp_path / "set", [sample("a"), sample("b", video="v1.mp4")]))
    settings = {"dataset.path": str(tmp_path / "set"), "output.dir": str(tmp_path), "output.name": "run"}
    whole = whole_run(load_config(None, settings), 2)
    told = [problem.text for problem in check_folder(whole.folder).problems if problem.rule == "shards"]
    assert told == ["shard 001-of-002 is not begun", "shard 002-of-002 is not begun"]


def test_a_play_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", dataset(tmp_path, [ITEM]), [answered(ITEM, "A")], config=CONFIG)
    (RunFolder(folder.path).path / "plays.jsonl").write_text("[]\n")
    assert _rules(check_folder(folder)) == ["schema"]
