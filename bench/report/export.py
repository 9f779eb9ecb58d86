"""A run's answers as tables for other programs: CSV and Parquet, of the same rows.

`answers` has a row for each question and path; `cases` has S1 and S2 side by side, a row for each question
that both have a final for. Rows are written as they are made, in the order of the data set.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.report.rows import Column, Kind, TableWriter, writers
from bench.run.folder import RunFolder
from bench.run.lines import whole_lines
from bench.scoring.score import LOG, score_run
from shared.errors import ConfigError

__all__ = ["export_run"]

_FORMATS = {"csv": ("csv",), "parquet": ("parquet",), "both": ("csv", "parquet")}
_TEXT, _WHOLE, _REAL, _FLAG = Kind.TEXT, Kind.WHOLE, Kind.REAL, Kind.FLAG
_QUESTION = (
    Column("run", _TEXT),
    Column("sample", _TEXT),
    Column("turn", _WHOLE),
    Column("probe", _WHOLE),
    Column("part", _TEXT),
    Column("task", _TEXT),
    Column("video", _WHOLE),
    Column("video_uri", _TEXT),
    Column("t_ask", _REAL),
    Column("slice", _TEXT),
    Column("gold", _TEXT),
)
_ANSWER = (
    Column("path", _TEXT),
    Column("status", _TEXT),
    Column("parsed", _TEXT),
    Column("rung", _TEXT),
    Column("correct", _FLAG),
    Column("correct_at_ask", _FLAG),
    Column("t_emit", _REAL),
    Column("emissions", _WHOLE),
    Column("confidence", _REAL),
    Column("route", _TEXT),
    Column("route_score", _REAL),
    Column("latency_s", _REAL),
    Column("wait_s", _REAL),
)
_OF_A_PATH = ("status", "parsed", "correct", "latency_s")
_CELLS = {(True, True): "both", (True, False): "s1_only", (False, True): "s2_only", (False, False): "neither"}

Slot = tuple[str, int, int, str]


class _Told(NamedTuple):
    """What a final says beside its answer."""

    t_emit: float | None
    confidence: float | None
    route: str
    route_score: float | None
    latency_s: float | None
    wait_s: float | None


def export_run(folder: RunFolder, out: str | Path, form: str = "both") -> list[Path]:
    """Score the run, write its tables to `out`, and give their files; raises `ConfigError` or `DataError`."""
    if form not in _FORMATS:
        raise ConfigError(f"--format {form!r}: choose one of {', '.join(_FORMATS)}")
    scores = score_run(folder)
    blind = sorted({baseline.name for part in scores.scores.parts for baseline in part.baselines})
    by_part = {part.part: [baseline.name for baseline in part.baselines] for part in scores.scores.parts}
    columns = (*_QUESTION, *_ANSWER, *(Column(_blind(name), _FLAG) for name in blind))
    with (
        writers(Path(out), "answers", columns, _FORMATS[form]) as answers,
        writers(Path(out), "cases", _case_columns(), _FORMATS[form]) as cases,
    ):
        for group in _by_question(_rows(folder, folder.manifest().run, by_part)):
            _put(answers, group)
            if case := _case(group):
                _put(cases, [case])
        return [writer.path for writer in (*answers, *cases)]


def _rows(folder: RunFolder, run: str, baselines: Mapping[str, list[str]]) -> Iterator[dict[str, Any]]:
    """The log of verdicts, joined with what the records and the data set say."""
    told, spoken = _told(folder)
    uris = {sample.id: sample.uri for sample in folder.dataset().samples}
    for line in whole_lines(folder.path / LOG):
        row = json.loads(line)
        slot = (row["sample"], row["turn"], row["probe"], row["path"])
        right = set(row.pop("blind", ()))
        row |= {_blind(name): name in right for name in baselines.get(row["part"], ())}
        row |= {"run": run, "video_uri": uris.get(row["sample"], ""), "emissions": spoken.get(slot, 0)}
        row |= {name: _plain(row.get(name)) for name in ("gold", "parsed")}
        yield row | (told[slot]._asdict() if slot in told else {})


def _told(folder: RunFolder) -> tuple[dict[Slot, _Told], dict[Slot, int]]:
    told: dict[Slot, _Told] = {}
    spoken: dict[Slot, int] = {}
    for line in folder.scored():
        slot = (line.sample, line.turn, line.probe, line.path)
        if line.kind == "emission":
            spoken[slot] = spoken.get(slot, 0) + (line.speak is not False)
            continue
        emitted = line.t_emit if line.mode == "live" else None
        about = (line.route, line.route_score, line.latency_s, line.wait_s)
        told.setdefault(slot, _Told(emitted, line.confidence, *about))
    return told, spoken


def _by_question(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The paths of one question stand next to each other in the log."""
    for _, group in itertools.groupby(rows, key=lambda row: (row["sample"], row["turn"], row["probe"])):
        yield list(group)


def _case_columns() -> tuple[Column, ...]:
    kinds = {column.name: column.kind for column in _ANSWER}
    sides = (Column(f"{path}_{name}", kinds[name]) for name in _OF_A_PATH for path in ("s1", "s2"))
    return (*_QUESTION, *sides, Column("gain", _WHOLE), Column("cell", _TEXT))


def _case(group: list[dict[str, Any]]) -> dict[str, Any] | None:
    """S1 and S2 on one question; `gain` is 1 where only S2 is right, -1 where only S1 is."""
    sides = {row["path"]: row for row in group}
    if "s1" not in sides or "s2" not in sides:
        return None
    right = (bool(sides["s1"]["correct"]), bool(sides["s2"]["correct"]))
    case = {column.name: group[0].get(column.name) for column in _QUESTION}
    case |= {f"{path}_{name}": side.get(name) for path, side in sides.items() for name in _OF_A_PATH}
    return case | {"gain": right[1] - right[0], "cell": _CELLS[right]}


def _put(tables: tuple[TableWriter, ...], rows: list[dict[str, Any]]) -> None:
    for table in tables:
        for row in rows:
            table.write(row)


def _blind(name: str) -> str:
    return f"blind_{name.replace('-', '_')}"


def _plain(value: Any) -> str | None:
    """One column holds labels, counts, yes and no: all as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        value
        if value is None or isinstance(value, str)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
