"""The ladder as people read it: accuracy by condition, the pair of gain and tax, accuracy by the age of evidence."""

from __future__ import annotations

import io
from pathlib import Path

from pydantic import ValidationError

from bench.files import read_json, write_atomic
from bench.forms import Form
from bench.memory.measures import FEW_VIDEOS, Ladder, Rung
from bench.report.html.charts import Dot
from bench.report.sheet import Sheet, write_sheets
from bench.scoring.stats import Estimate
from shared.errors import DataError

__all__ = ["ladder_dots", "read_ladder", "sheets", "write_ladder"]

_COLUMNS = (
    "condition",
    "reasoning %",
    "memory gain",
    "p",
    "realtime %",
    "perception tax",
    "clue recovery",
    "recall@k",
    "over last frames",
    "progress",
)


def sheets(ladder: Ladder) -> list[Sheet]:
    """The tables; shares in per cent, intervals of 95 % by video."""
    return [_ladder(ladder), *([_ages(ladder)] if any(rung.by_age for rung in ladder.rungs) else [])]


def ladder_dots(ladder: Ladder) -> list[Dot]:
    """Each condition's accuracy where the evidence is over, and where it is there to be seen, with its interval."""
    rows = []
    for rung in ladder.rungs:
        for part, kind, one in (("reasoning", "s2", rung.reasoning), ("realtime", "s1", rung.realtime)):
            rows.append(_dot(f"{rung.name}: {part}", kind, one))
    return rows


def _dot(name: str, kind: str, one: Estimate) -> Dot:
    few = one.clusters < FEW_VIDEOS
    return Dot(name, kind, one.value, None if few else one.low, None if few else one.high)


def write_ladder(ladder: Ladder, out: Path) -> list[Path]:
    """Write `ladder.json`, `ladder.md` and `ladder.csv`; gives their paths."""
    made = [out / f"ladder.{ending}" for ending in ("json", "md", "csv")]
    write_atomic(made[0], (ladder.model_dump_json(indent=2) + "\n").encode())
    for path, form, shown in (
        (made[1], Form.MARKDOWN, sheets(ladder)),
        (made[2], Form.CSV, sheets(ladder)[:1]),
    ):
        text = io.StringIO()
        write_sheets(shown, form, file=text)
        write_atomic(path, text.getvalue().encode())
    return made


def read_ladder(out: Path) -> Ladder:
    """The ladder of a folder, as it was measured; raises `DataError`."""
    file = out / "ladder.json"
    remedy = "name the --out folder of a `dsb memory ablate`"
    if not file.is_file():
        raise DataError(f"{out} holds no ladder.json: {remedy}")
    try:
        return Ladder.model_validate(read_json(file, remedy=remedy))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise DataError(f"{file}: /{'/'.join(map(str, first['loc']))}: {first['msg']}; {remedy}") from error


def _ladder(ladder: Ladder) -> Sheet:
    rows = [_row(rung) for rung in ladder.rungs]
    own = {part: _percent(found) for part, found in ladder.s1.items()}
    rows.append(["S1 itself", own.get("reasoning", "–"), "–", "–", own.get("realtime", "–"), *["–"] * 5])
    asked = ", ".join(f"{count} {part}" for part, count in ladder.questions.items())
    notes = [
        f"{ladder.data}: {asked}; k {ladder.k}, recent {ladder.recent}, a note every {ladder.every_s:g} s. "
        "Answers of S2; [95 % interval by video]; gain, tax and difference in points, paired with no memory "
        "or with S2's model on the last frames.",
        "Progress: better than the same model with the last frames, the interval above zero.",
    ]
    if few := _too_few(ladder):
        notes.append(few)
    if ladder.missing:
        notes.append(f"Not played: {', '.join(ladder.missing)}.")
    return Sheet("The memory ladder", _COLUMNS, rows, notes=notes)


def _too_few(ladder: Ladder) -> str:
    """Why there are no intervals; empty where there are some."""
    videos = max((max(rung.reasoning.clusters, rung.realtime.clusters) for rung in ladder.rungs), default=0)
    if videos >= FEW_VIDEOS or not videos:
        return ""
    of = "1 video is" if videos == 1 else f"{videos} videos are"
    return (
        f"{of} too few for intervals, and for saying whether there is progress: take {FEW_VIDEOS} at least."
    )


def _row(rung: Rung) -> list[str]:
    return [
        rung.name,
        _percent(rung.reasoning),
        _points(rung.gain),
        "–" if rung.p_sign_flip is None else f"{rung.p_sign_flip:.3f}",
        _percent(rung.realtime),
        _points(rung.tax),
        _share(rung.clue_recovery),
        _share(rung.recall.share if rung.recall else None),
        _points(rung.over_last_frames),
        {None: "–", True: "yes", False: "no"}[rung.progress],
    ]


def _ages(ladder: Ladder) -> Sheet:
    bands = list(dict.fromkeys((band.from_s, band.to_s) for rung in ladder.rungs for band in rung.by_age))
    counts = {(b.from_s, b.to_s): b.accuracy.n for rung in ladder.rungs for b in rung.by_age}
    columns = ["condition", *(f"{_band(*band)} (n {counts[band]})" for band in bands)]
    rows = []
    for rung in ladder.rungs:
        held = {(band.from_s, band.to_s): band.accuracy for band in rung.by_age}
        rows.append([rung.name, *(_percent(held.get(band)) for band in bands)])
    return Sheet("Reasoning % by the age of the evidence at the ask", columns, rows)


def _band(from_s: float, to_s: float | None) -> str:
    return f"{from_s:g} s and more" if to_s is None else f"{from_s:g}–{to_s:g} s"


def _percent(found: Estimate | None) -> str:
    if found is None or found.value is None:
        return "–"
    return f"{100 * found.value:.1f}{_interval(found, '.0f')}"


def _points(found: Estimate | None) -> str:
    if found is None or found.value is None:
        return "–"
    return f"{100 * found.value:+.1f}{_interval(found, '+.0f')}"


def _interval(found: Estimate, form: str) -> str:
    if found.low is None or found.high is None or found.clusters < FEW_VIDEOS:
        return ""
    return f" [{100 * found.low:{form}}, {100 * found.high:{form}}]"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
