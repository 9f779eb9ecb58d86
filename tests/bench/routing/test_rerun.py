"""Runs completed for a policy, runs side by side, and what `dsb route` says of mistakes."""

from __future__ import annotations

import json
from pathlib import Path as FilePath

import pytest
from bench_kit import dataset, sample
from routing_kit import paired_run
from scoring_kit import chain

from bench.cli import main
from bench.data.schema import Part
from bench.routing.compare import compare_routes
from bench.routing.paired import CostUnit
from bench.routing.rerun import rerun, wanted
from bench.run.audit import audit_run
from bench.run.config import load_config
from bench.run.folder import RunFolder
from bench.run.plan import plan
from bench.run.records import Record, effective
from bench.scoring import score_run
from shared.errors import ConfigError, DataError
from shared.messages import Path

OUTCOMES = [(0, 1), (1, 1), (1, 0), (1, 1), (0, 0), (0, 1), (1, 1), (0, 0)]


@pytest.fixture
def both(tmp_path: FilePath) -> RunFolder:
    folder = paired_run(tmp_path, OUTCOMES)
    folder.write_manifest(folder.manifest().model_copy(update={"status": "complete"}))
    return folder


def test_what_is_there_is_copied_and_makes_an_ordinary_run(both: RunFolder, tmp_path: FilePath) -> None:
    made = rerun(both, "rule", tmp_path / "ruled")
    assert (made.complete, made.copied, made.asked) == (True, 8, 0)
    assert audit_run(made.folder).violations == ()
    scores = score_run(made.folder)
    assert scores.route == "rule"
    assert scores.scores.complete
    for record in effective(made.folder.records()):
        past = "left" in next(
            s.turns[0].question for s in made.folder.dataset().samples if s.id == record.sample
        )
        assert record.path == (Path.S2 if past else Path.S1)
        assert record.routed == (record.path,)
        assert record.route == "rule"


def test_a_cascade_is_made_of_the_recorded_confidence(both: RunFolder, tmp_path: FilePath) -> None:
    made = rerun(both, "cascade@0.6", tmp_path / "cascaded")
    assert (made.copied, made.asked) == (8 + 4, 0)
    system = score_run(made.folder).scores.part("reasoning")
    assert system is not None
    row = system.row("system")
    assert row is not None
    assert row.accuracy.value == 1.0  # S2's answers count where both are there


def test_a_run_is_made_once(both: RunFolder, tmp_path: FilePath) -> None:
    rerun(both, "rule", tmp_path / "ruled")
    with pytest.raises(ConfigError, match="--name"):
        rerun(both, "rule", tmp_path / "ruled")


def test_a_run_that_is_not_complete_is_no_ground_to_build_on(both: RunFolder, tmp_path: FilePath) -> None:
    both.write_manifest(both.manifest().model_copy(update={"status": "interrupted"}))
    with pytest.raises(ConfigError, match="--resume"):
        rerun(both, "rule", tmp_path / "ruled")


def test_what_remembers_its_answers_is_played_whole(both: RunFolder, tmp_path: FilePath) -> None:
    manifest = both.manifest()
    settings = load_config(None, {"memory.also": ["answer"]}).masked()
    both.write_manifest(manifest.model_copy(update={"settings": settings}))
    with pytest.raises(ConfigError, match="dsb run … --route rule"):
        rerun(both, "rule", tmp_path / "ruled")


def _only(records: list[Record], path: Path) -> list[Record]:
    return [record for record in records if record.path is path]


def test_what_has_no_record_on_its_path_is_missing(both: RunFolder) -> None:
    config = load_config(None)
    plays = plan(both.dataset())
    s1 = _only(effective(both.records()), Path.S1)
    found = wanted(config, plays, s1, "rule")
    assert {key[0] for key, one in found.items() if one.missing} == {"q0", "q5"}
    assert all(one.missing in ((), (Path.S2,)) for one in found.values())
    with pytest.raises(DataError, match="force-s1"):
        wanted(config, plays, _only(effective(both.records()), Path.S2), "cascade")


def test_a_chain_whose_turns_part_ways_is_asked_from_its_beginning(tmp_path: FilePath) -> None:
    asked = chain("c", "AB")
    words = ("What is there now?", "Where was it before?")
    turns = tuple(t.model_copy(update={"question": w}) for t, w in zip(asked.turns, words, strict=True))
    parting = asked.model_copy(update={"turns": turns})
    alike = chain("d", "AB")
    data = dataset(tmp_path, [parting, alike, sample("alone", part=Part.REALTIME)])
    finals = [
        Record.model_validate(
            {
                "schema": "dsb.record/1",
                "run": "r",
                "mode": "offline",
                "opening": "r_0_1",
                "play": 0,
                "attempt": 1,
                "sample": name,
                "turn": turn,
                "probe": 0,
                "key": "k",
                "form": "mcq",
                "path": path,
                "status": "ok",
                "t_ask": 1.0,
            }
        )
        for name, count in (("c", 2), ("d", 2), ("alone", 1))
        for turn in range(count)
        for path in ("s1", "s2")
    ]
    found = wanted(load_config(None), plan(data), finals, "rule")
    assert {key[:2]: one.missing for key, one in found.items() if one.missing} == {
        ("c", 0): (Path.S1,),
        ("c", 1): (Path.S2,),
    }
    told = load_config(None, {"system.history": "oracle"})
    assert not any(one.missing for one in wanted(told, plan(data), finals, "rule").values())


def test_routed_runs_stand_side_by_side(both: RunFolder, tmp_path: FilePath) -> None:
    folders = [
        rerun(both, route, tmp_path / name).folder for name, route in (("a", "force-s2"), ("b", "rule"))
    ]
    slow, ruled = compare_routes(folders, CostUnit.TOKENS)
    assert (slow.accuracy.value, ruled.accuracy.value) == (5 / 8, 6 / 8)
    assert (slow.rho.value, ruled.rho.value) == (1.0, 0.25)
    assert (slow.cost.value, ruled.cost.value) == (30.0, 15.0)
    assert slow.over_first is None
    assert ruled.over_first is not None
    assert ruled.over_first.value == pytest.approx(1 / 8)
    assert ruled.p_sign_flip == 1.0
    assert ruled.p_mcnemar is None  # two questions a video


@pytest.mark.parametrize("command", ["simulate", "misroutes"])
def test_the_commands_print_tables_and_json(
    both: RunFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    words = ["dsb", "route", command, str(both.path), "--policy", "rule"]
    for more in ([], ["--json"]):
        monkeypatch.setattr("sys.argv", [*words, *more])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        said = capsys.readouterr().out
        if more:
            assert "rule" in json.dumps(json.loads(said))
        else:
            assert "harmful" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["simulate", "RUN", "--policy", "rul"], "'rule'"),
        (["simulate", "RUN", "--cost", "second"], "'seconds'"),
        (["simulate", "RUN", "--part", "real"], "'realtime'"),
        (["simulate", "/nowhere"], "no run folder"),
        (["compare", "RUN"], "two or more"),
        (["train", "RUN", "--out", "x.json", "--kind", "magic"], "learned, semantic"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    both: RunFolder,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    told: str,
) -> None:
    monkeypatch.setattr("sys.argv", ["dsb", "route", *(str(both.path) if w == "RUN" else w for w in words)])
    assert main() == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
