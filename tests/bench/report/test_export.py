from __future__ import annotations

import builtins
import csv
from pathlib import Path
from typing import Any

import pytest
from bench_kit import both, dataset, failed, run_folder, sample

from bench.data import Sample
from bench.report.export import export_run
from bench.run.folder import RunFolder
from bench.run.records import Play
from shared.errors import ConfigError
from shared.messages import Path as Way
from shared.messages import Status


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Three questions: both right, S2 only, and one on which S1 failed."""
    items = [sample(f"s{i}", video=f"v{i}.mp4", ask_s=10.5 + i) for i in range(3)]

    def say(item: Sample, way: Way) -> str:
        return "B" if (item.id, way) == ("s1", Way.S1) else "A"

    records = both(items, say)
    records[4] = failed(items[2], Status.TIMEOUT, play=Play("r", "r_2_1", 2, 1))
    return run_folder(tmp_path / "run", dataset(tmp_path, items), records)


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_there_is_a_row_for_each_question_and_path(run: RunFolder, tmp_path: Path) -> None:
    answers, _ = export_run(run, tmp_path / "out", "csv")
    rows = _csv(answers)
    assert [(row["sample"], row["path"], row["correct"]) for row in rows] == [
        ("s0", "s1", "true"), ("s0", "s2", "true"),
        ("s1", "s1", "false"), ("s1", "s2", "true"),
        ("s2", "s1", "false"), ("s2", "s2", "true"),
    ]  # fmt: skip
    first, timeout = rows[0], rows[4]
    assert (first["gold"], first["parsed"], first["rung"], first["t_ask"]) == ("A", "A", "label", "10.5")
    assert (first["video_uri"], first["latency_s"], first["route"]) == ("v0.mp4", "0.1", "both")
    assert (first["run"], first["blind_constant"]) == (run.manifest().run, "true")
    assert (timeout["status"], timeout["parsed"], timeout["latency_s"]) == ("timeout", "", "")


def test_cases_have_both_systems_side_by_side(run: RunFolder, tmp_path: Path) -> None:
    _, cases = export_run(run, tmp_path / "out", "csv")
    rows = _csv(cases)
    assert [(row["sample"], row["cell"], row["gain"]) for row in rows] == [
        ("s0", "both", "0"), ("s1", "s2_only", "1"), ("s2", "s2_only", "1"),
    ]  # fmt: skip
    assert (rows[1]["s1_parsed"], rows[1]["s2_parsed"]) == ("B", "A")


def test_parquet_holds_what_csv_holds_with_types(run: RunFolder, tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    made = {path.name: path for path in export_run(run, tmp_path / "out")}
    assert sorted(made) == ["answers.csv", "answers.parquet", "cases.csv", "cases.parquet"]
    for name in ("answers", "cases"):
        table = parquet.read_table(made[f"{name}.parquet"]).to_pylist()
        plain = [{key: _cell(value) for key, value in row.items()} for row in table]
        assert plain == _csv(made[f"{name}.csv"])
    types = parquet.read_schema(made["answers.parquet"])
    assert [str(types.field(name).type) for name in ("correct", "t_ask", "turn")] == [
        "bool",
        "double",
        "int64",
    ]


def _cell(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    return str(value)


def test_without_pyarrow_one_line_says_what_to_do(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def lacking(name: str, *args: Any, **more: Any) -> Any:
        if name.split(".")[0] == "pyarrow":
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(ConfigError, match="pip install pyarrow, or say --format csv"):
        export_run(run, tmp_path / "out", "parquet")
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_an_unknown_format_is_refused(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="choose one of csv, parquet, both"):
        export_run(run, tmp_path / "out", "xls")
