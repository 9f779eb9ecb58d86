from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_kit import dataset, sample
from typer.testing import CliRunner

from bench.cli.app import app
from bench.data import load_dataset, save_dataset
from bench.data.build import build
from bench.data.layout import Recipe
from bench.data.schema import Issue
from bench.data.validate import validate


def _written(folder: Path, *changes: dict[str, Any]) -> Path:
    """A file of samples `s0`, `s1`, … with these changes, some of them deep: `turns/0/ask_s`."""
    items = []
    for number, change in enumerate(changes):
        item = sample(f"s{number}", video=f"v{number}.mp4").model_dump(mode="json")
        for pointer, value in change.items():
            *parents, last = (int(key) if key.isdigit() else key for key in pointer.split("/"))
            place = item
            for key in parents:
                place = place[key]
            place[last] = value
        items.append(item)
    file = folder / "all.json"
    file.write_text(json.dumps({"schema": "dsb.sample/1", "samples": items}))
    return file


_OPTIONS = [{"key": "A", "text": "red"}, {"key": "A", "text": "blue"}]
_TIMED = [{"from_s": 0, "to_s": 5, "value": "A"}, {"from_s": 4, "to_s": 9, "value": "B"}]


@pytest.mark.parametrize(
    ("change", "pointer", "said"),
    [
        ({"turns/0/answer/options": _OPTIONS}, "/turns/0/answer/options", "label A"),
        ({"turns/0/answer/options": []}, "/turns/0/answer/options", "without options"),
        ({"turns/0/answer/gold/0/value": "E"}, "/turns/0/answer/gold/0", "none of A, B, C, D"),
        ({"turns/0/answer/gold": _TIMED}, "/turns/0/answer/gold", "both from 4 s on"),
        (
            {"turns/0/answer/gold": [{"from_s": 5, "to_s": 4, "value": "A"}]},
            "/turns/0/answer/gold/0",
            "holds at no time",
        ),
        ({"turns/0/answer/form": "yes_no"}, "/turns/0/answer/gold/0/value", "not true or false"),
        ({"turns/0/answer/form": "count"}, "/turns/0/answer/gold/0/value", "no count"),
        ({"turns/0/answer/form": "sufficiency+text"}, "/turns/0/answer/gold/0/value", "WAIT or READY"),
        ({"turns/0/probe_s": [3, 2]}, "/turns/0/probe_s", "not in order"),
        (
            {"turns/0/evidence": [{"span": {"from_s": 1, "to_s": 2}, "stream": "x"}]},
            "/evidence/0/stream",
            "'x'",
        ),
        (
            {"turns/0/trigger": {"poll": {"every_s": 1, "from_s": 9, "to_s": 2}}},
            "/trigger/poll",
            "from 9 to 2",
        ),
        ({"streams": [{"uri": "a"}, {"uri": "b"}]}, "/streams/1/id", "stream id 'main'"),
        ({"turns/0/ask_s": -1}, "/turns/0/ask_s", "(is '-1')"),
        ({"turns/0/ask_s": "soon"}, "/turns/0/ask_s", "(is 'soon')"),
        ({"turns/0/depends_on": [{"turn": 0}]}, "", "earlier turns only"),
        ({"id": "s0"}, "/id", "also that of sample 0"),
    ],
)
def test_each_fault_is_one_line_with_its_pointer_and_a_remedy(
    tmp_path: Path, change: dict[str, Any], pointer: str, said: str
) -> None:
    file = _written(tmp_path, {}, change)
    report = validate([file])
    fault = report.faults[0]
    assert report.errors >= 1
    assert fault.pointer.startswith("/samples/1")
    assert fault.pointer.endswith(pointer)
    assert said in fault.line()
    assert fault.line().startswith(f"{file}: /samples/1")
    assert fault.remedy
    assert "\n" not in fault.line()


def test_a_slot_must_be_in_its_question_and_links_must_differ(tmp_path: Path) -> None:
    turn = sample("x").turns[0].model_dump(mode="json")
    slot = {"turn": 0, "mode": "slot", "slot": "##ANSWER##"}
    later = turn | {"question": "Where is it?", "depends_on": [slot, slot]}
    report = validate([_written(tmp_path, {"turns": [turn, later]})])
    assert [(fault.code, fault.pointer) for fault in report.faults if fault.level == "error"] == [
        ("slot_missing", "/samples/0/turns/1/depends_on/0/slot"),
        ("depends_twice", "/samples/0/turns/1/depends_on/1"),
        ("slot_missing", "/samples/0/turns/1/depends_on/1/slot"),
    ]


def test_a_key_of_odd_signs_is_named_by_an_escaped_pointer(tmp_path: Path) -> None:
    file = tmp_path / "odd.json"
    file.write_text(json.dumps([sample("s").model_dump(mode="json") | {"a/b~c\n": 1}]))
    assert "/0/a~1b~0c" in validate([file]).faults[0].line()


def test_all_faults_are_told_up_to_a_number_and_the_rest_are_counted(tmp_path: Path) -> None:
    file = _written(tmp_path, *[{"turns/0/ask_s": None, "part": "x"}] * 4)
    report = validate([file], limit=3)
    assert (len(report.faults), report.errors) == (3, 8)


def test_dirt_that_a_sample_notes_is_a_warning(tmp_path: Path) -> None:
    noted = [Issue(code="gold_not_in_options", text="as in the source").model_dump()]
    change = {"turns/0/answer/gold/0/value": "E"}
    assert validate([_written(tmp_path, change)]).errors == 1
    report = validate([_written(tmp_path, change | {"issues": noted})])
    assert report.errors == 0
    assert set(report.warnings) == {"gold_not_in_options"}


def test_what_the_linter_sees_is_a_warning(tmp_path: Path) -> None:
    report = validate([_written(tmp_path, {"turns/0/ask_s": 99})])
    assert (report.errors, report.warnings) == (0, {"ts_out_of_video": 1})


def test_a_file_that_is_broken_halfway_tells_what_came_before(tmp_path: Path) -> None:
    file = _written(tmp_path, {"part": "x"}, {})
    file.write_text(file.read_text()[:-2])
    report = validate([file])
    assert [fault.code for fault in report.faults] == ["enum", "file"]
    assert "ends too early" in report.faults[1].line()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_dataset(dataset(tmp_path, [sample(f"s{n}", video=f"v{n // 2}.mp4", ask_s=10 + n) for n in range(8)]))
    build(tmp_path, Recipe(shards=2))
    return tmp_path


def test_a_built_folder_is_without_fault(folder: Path) -> None:
    report = validate([folder])
    assert (report.errors, report.warnings, report.samples) == (0, {}, 8)
    assert report.files == 6


def _swap(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_change_of_the_set_is_told_by_the_manifest_and_by_every_copy(folder: Path) -> None:
    _swap(folder / "all.json", '"ask_s":', '"ask_s":1')
    codes = [fault.code for fault in validate([folder]).faults]
    assert codes.count("hash") == 2
    assert codes.count("not_of_set") == 24


def test_a_changed_copy_a_lost_file_and_a_lost_sample_are_told(folder: Path) -> None:
    shard = folder / "shards" / "001-of-002.json"
    data = load_dataset(shard)
    save_dataset(data._replace(samples=data.samples[1:]))
    (folder / "task_sets" / "realtime.json").unlink()
    lines = [fault.line() for fault in validate([folder]).faults]
    assert len(lines) == 3
    assert any("task_sets/realtime.json is not there" in line for line in lines)
    assert any("shards/001-of-002.json was changed" in line for line in lines)
    assert any("1 samples are in none of its files" in line for line in lines)


def test_a_video_in_two_shards_is_told(folder: Path) -> None:
    one, two = (load_dataset(folder / "shards" / f"00{n}-of-002.json") for n in (1, 2))
    save_dataset(one._replace(samples=one.samples[1:]))
    save_dataset(two._replace(samples=(*two.samples, one.samples[0])))
    assert "video_split" in [fault.code for fault in validate([folder]).faults]


@pytest.mark.parametrize(
    "body", ["", "[]", '{"schema": "dsb.layout/1"}', '{"schema":"dsb.layout/1","files":{"x":1}}']
)
def test_a_broken_manifest_is_told(folder: Path, body: str) -> None:
    (folder / "manifest.json").write_text(body)
    report = validate([folder])
    assert report.errors >= 1
    assert all("dsb data build" in fault.remedy for fault in report.faults)


def test_the_command_prints_a_line_a_fault_and_its_exit_code_tells(tmp_path: Path) -> None:
    run = CliRunner()
    file = _written(tmp_path, {"part": "x"}, {"turns/0/ask_s": None})
    told = run.invoke(app, ["data", "validate", str(file), "--max", "1"])
    assert told.exit_code == 1
    assert told.stdout.splitlines()[0].startswith(f"error: {file}: /samples/0/part: ")
    assert told.stdout.splitlines()[1:] == [
        "and 1 more: ask for them with --max",
        "2 errors, 0 warnings in 0 samples, 1 files",
    ]
    as_json = json.loads(run.invoke(app, ["data", "validate", str(file), "--json"]).stdout)
    assert as_json["errors"] == 2
    assert as_json["faults"][0]["pointer"] == "/samples/0/part"
    assert run.invoke(app, ["data", "validate", str(_written(tmp_path, {}))]).exit_code == 0


def test_what_is_not_there_is_a_fault_too(tmp_path: Path) -> None:
    report = validate([tmp_path, tmp_path / "no.json"])
    assert [fault.code for fault in report.faults] == ["file", "file"]
    assert "no such file" in report.faults[0].line()
