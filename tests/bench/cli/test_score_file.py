from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from judge_server import judge_server
from official_kit import alert_turn, choice_turn, make, text_turn
from typer.testing import CliRunner

from bench.cli import main
from bench.cli.app import app
from bench.data.dataset import Dataset, save_dataset
from bench.data.schema import AnswerForm, AnswerSpec, Gold, Part, Sample, Turn


def state_turn() -> Turn:
    """A question of OVO-Bench whose clue comes at 10 s."""
    gold = (Gold(to_s=10, value="WAIT"), Gold(from_s=10, value="READY", text="red"))
    answer = AnswerSpec(form=AnswerForm.SUFFICIENCY, gold=gold)
    return Turn(question="q", ask_s=5, probe_s=(5, 8, 12), answer=answer)


SAMPLES = (
    make("ovo.epm@1", choice_turn("A"), name="e0", task="EPM", part=Part.REASONING),
    make("ovo.epm@1", choice_turn("B"), name="e1", task="EPM", part=Part.REASONING),
    make("ovo.crr@1", state_turn(), name="c", task="CRR", part=Part.CLUE),
    make("streamingbench.real@1", choice_turn("C"), name="r", task="Counting"),
    make("omnimmi.pa@1", alert_turn(20, 30), name="p", task="PA", part=Part.PROACTIVE),
    make("omnimmi.md@1", text_turn("a cat"), text_turn("a dog"), name="m", task="MD", part=Part.SEQUENTIAL),
)
PREDICTIONS: tuple[dict[str, Any], ...] = (
    {"sample_id": "e0", "text": "A"},
    {"sample_id": "e1", "text": "A"},
    *({"sample_id": "c", "probe": n, "text": text} for n, text in enumerate(("No", "Yes", "Yes"))),
    {"sample_id": "r", "text": "C"},
    {"sample_id": "p", "t_emit": 25, "text": ""},
    {"sample_id": "m", "text": "The cat."},
    {"sample_id": "m", "turn": 1, "text": "hound"},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_dataset(Dataset(tmp_path / "set" / "all.json", "mixed", SAMPLES))
    write(tmp_path, PREDICTIONS)
    return tmp_path


def write(folder: Path, lines: tuple[dict[str, Any], ...]) -> None:
    (folder / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def run(folder: Path, *more: str) -> tuple[str, dict[str, Any]]:
    """The table, and what was written."""
    arguments = [
        "score-file",
        str(folder / "set"),
        str(folder / "p.jsonl"),
        "--json",
        str(folder / "out.json"),
    ]
    ended = CliRunner().invoke(app, [*arguments, *more], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.output, json.loads((folder / "out.json").read_text())


def refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *more: str
) -> str:
    """The one line on stderr of a call that the user has to mend."""
    argv = ["dsb", "score-file", str(folder / "set"), str(folder / "p.jsonl"), *more]
    monkeypatch.setattr("sys.argv", argv)
    assert main() == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    return told


def by_profile(out: dict[str, Any]) -> dict[str, Any]:
    return {item["scores"]["profile"]: item["scores"] for item in out["scores"]["profiles"]}


def test_official_rules_give_a_figure_for_each_task(folder: Path) -> None:
    table, out = run(folder, "--profile", "official")
    values = {name: scores["value"] for name, scores in by_profile(out).items()}
    assert values == {
        "streamingbench.real@1": 1.0,
        "ovo.epm@1": 0.5,
        "ovo.crr@1": 0.666667,
        "omnimmi.md@1": 0.0,
        "omnimmi.pa@1": 1.0,
    }
    assert (out["complete"], out["coverage"]["owed"], out["coverage"]["answered"]) == (True, 9, 9)
    assert "66.67 %" in table
    assert "blind: always Yes" in table


def test_causal_rules_give_the_table_of_runs(folder: Path) -> None:
    table, out = run(folder)
    rows = {part["part"]: part["rows"][0] for part in out["scores"]["parts"]}
    assert {name: row["primary"]["estimate"]["value"] for name, row in rows.items()} == {
        "realtime": 1.0,
        "reasoning": 0.5,
        "clue": 0.25,  # WAIT right once of twice, READY never: no text is given
        "proactive": 1.0,
        "sequential": 0.5,
    }
    assert {row["path"] for row in rows.values()} == {"predicted"}
    assert (out["schema_version"], out["profile"], out["scores"]["complete"]) == (
        "dsb.scores/2",
        "causal",
        True,
    )
    assert "text-only" in table


def test_below_full_coverage_there_is_no_headline_unless_asked(folder: Path) -> None:
    write(folder, PREDICTIONS[1:])
    table, out = run(folder, "--profile", "official")
    assert "1 of 9 answers are missing; scores are withheld" in table
    assert re.search(r"ovo\.crr@1 +accuracy +– ", table)
    assert by_profile(out)["ovo.epm@1"]["missing"] == 1
    assert by_profile(out)["ovo.epm@1"]["value"] == 0.0  # no response counts, and is wrong
    table, _ = run(folder, "--profile", "official", "--partial")
    assert re.search(r"ovo\.crr@1 +accuracy +66\.67 % ", table)


def test_causal_coverage_counts_what_is_missing(folder: Path) -> None:
    write(folder, PREDICTIONS[1:])
    table, out = run(folder)
    assert (out["scores"]["complete"], out["scores"]["missing"]) == (False, 1)
    assert "scores are withheld" in table


def test_bad_lines_are_refused_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, (*PREDICTIONS, {"sample_id": "x", "text": "A"}, PREDICTIONS[0]))
    told = refused(folder, monkeypatch, capsys)
    assert "p.jsonl:10: sample_id 'x' is not in the data set" in told
    assert "p.jsonl:11: sample 'e0' turn 0 probe 0 was already answered" in told


def test_with_partial_bad_lines_are_left_out_and_counted(folder: Path) -> None:
    write(folder, (*PREDICTIONS, {"sample_id": "x", "text": "A"}))
    table, out = run(folder, "--profile", "official", "--partial")
    assert out["coverage"]["left_out"] == {"unknown": 1}
    assert "Lines left out: 1 unknown." in table


def test_a_set_without_official_rules_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain: Sample = SAMPLES[0].model_copy(
        update={"scoring": SAMPLES[0].scoring.model_copy(update={"profile": "causal"})}
    )
    save_dataset(Dataset(folder / "set" / "all.json", "own", (plain,)))
    write(folder, PREDICTIONS[:1])
    assert "use --profile causal" in refused(folder, monkeypatch, capsys, "--profile", "official")


def test_a_judge_sees_what_words_do_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with judge_server(lambda prompt: "yes" if "hound" in prompt or "cat" in prompt else "no") as server:
        monkeypatch.setenv("DSB_JUDGE_URL", server.url)
        monkeypatch.setenv("DSB_JUDGE_MODEL", "judge-1")
        monkeypatch.setenv("DSB_JUDGE_CACHE", str(folder / "judge"))
        table, out = run(folder, "--profile", "official", "--text", "judge")
        run(folder, "--profile", "official", "--text", "judge")
        assert len(server.prompts) == 2
    assert by_profile(out)["omnimmi.md@1"]["value"] == 1.0
    assert "compared by judge:judge-1@" in table


def test_clue_predictions_give_the_recovery_of_cg_bench(folder: Path) -> None:
    samples = tuple(make("cg-bench@1", choice_turn("A"), name=f"q{n}", task="x") for n in range(4))
    save_dataset(Dataset(folder / "set" / "all.json", "cg", samples))
    write(folder, tuple({"sample_id": f"q{n}", "text": "A" if n < 1 else "B"} for n in range(4)))
    clue = folder / "clue.jsonl"
    clue.write_text(
        "".join(f'{{"sample_id": "q{n}", "text": "{"A" if n < 2 else "B"}"}}\n' for n in range(4))
    )
    _, out = run(folder, "--profile", "official", "--clue", str(clue))
    assert (out["clue_accuracy"], out["clue_recovery"]) == (0.5, 0.5)


def test_what_is_said_after_the_horizon_is_not_heard(folder: Path) -> None:
    write(folder, (*PREDICTIONS, {"sample_id": "p", "t_emit": 70, "text": ""}))
    _, near = run(folder)
    _, far = run(folder, "--horizon", "100")
    precision = [
        next(
            score["estimate"]["value"] for score in part["rows"][0]["scores"] if score["name"] == "precision"
        )
        for out in (near, far)
        for part in out["scores"]["parts"]
        if part["part"] == "proactive"
    ]
    assert precision == [1.0, 0.5]


def test_the_log_tells_every_verdict(folder: Path) -> None:
    run(folder, "--log", str(folder / "log.jsonl"))
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert len(lines) == 9
    assert {line["sample"]: line["correct"] for line in lines if line["part"] == "reasoning"} == {
        "e0": True,
        "e1": False,
    }


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--clue", "c.jsonl"), "use it with --profile official"),
        (("--log", "l.jsonl", "--profile", "official"), "use it with --profile causal"),
        (("--json", "."), "is a folder"),
    ],
)
def test_options_that_do_not_fit_are_one_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    told: str,
) -> None:
    assert told in refused(folder, monkeypatch, capsys, *more)
