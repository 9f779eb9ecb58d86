"""The final table: part × path, the blind baselines beneath, then what S2 gains and where.

On a terminal it is drawn with colours; elsewhere it is plain text of a fixed width, so that a log can be
read. On a narrow terminal columns stand closer, then the last ones go.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.report.remarks import remarks
from bench.report.sheet import Sheet, drawn
from bench.report.words import SLICES, interval, percent, seconds, shown, signed
from bench.scoring.official import OfficialTable
from bench.scoring.scores import Baseline, Latency, PartScores, Row, Score, Scores, Slice

__all__ = ["print_scores", "render_scores"]

_SHORT = {"mean relative accuracy": "relative acc.", "balanced accuracy": "balanced acc."}
_PLAIN_WIDTH = 118
_COLUMNS = ("n", "value", "95 % interval", "skill", "p50 s", "p95 s", "failed")
_WORDS, _LEAST = 3, 7
"""How many columns hold words, and how many stay however narrow it is; the remarks tell of failures too."""
_GAP = 3


def print_scores(scores: Scores, *, file: IO[str] | None = None) -> None:
    """Print the tables of a run to `file` (standard output)."""
    stream = file or sys.stdout
    width = None if stream.isatty() else _PLAIN_WIDTH
    console = Console(file=stream, width=width, highlight=False)
    console.print(render_scores(scores, width=console.width))


def render_scores(scores: Scores, *, width: int = _PLAIN_WIDTH) -> RenderableType:
    """The tables of a run, for a rich console of `width` characters."""
    parts = scores.scores.parts
    pieces: list[RenderableType] = [_title(scores), _table(scores, parts, width)]
    for part in parts:
        if part.slices:
            pieces += drawn(_gains(scores, part), width)
    if any(part.pair for part in parts):
        pieces += drawn(_pairs(scores, parts), width)
    if scores.official is not None:
        pieces += [_official(scores, scores.official)]
    return Group(*pieces, *remarks(scores))


def _title(scores: Scores) -> Text:
    text = Text()
    text.append(scores.run, style="bold")
    text.append(f"  {scores.data} ({scores.data_hash}) · {scores.mode} · route {scores.route}")
    return text


def _table(scores: Scores, parts: Sequence[PartScores], width: int) -> Table:
    blocks = [(list(_measured(scores, part)), list(_baselines(part))) for part in parts]
    names = ("part", "path", "score", *_COLUMNS)
    rows = [cells for block in blocks for kind in block for cells in kind]
    widths = [max(map(cell_len, column)) for column in zip(names, *rows, strict=True)]
    wide = sum(widths) + _GAP * len(widths) <= width + 1
    shown = len(names)
    while not wide and shown > _LEAST and sum(widths[:shown]) + shown - 1 > width:
        shown -= 1
    # Side by side, without a margin, where there is no room for more.
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=wide, padding=(0, 1) if wide else 0)
    for number, name in enumerate(names[:shown]):
        style = "bold" if name == "path" else None
        table.add_column(name, justify="left" if number < _WORDS else "right", no_wrap=True, style=style)
    for measured, baselines in blocks:
        for cells in measured:
            table.add_row(*cells[:shown])
        for cells in baselines:
            table.add_row(*cells[:shown], style="dim")
        table.add_section()
    return table


def _measured(scores: Scores, part: PartScores) -> Iterator[list[str]]:
    for row in part.rows:
        yield from _row(scores, part, row)


def _baselines(part: PartScores) -> Iterator[list[str]]:
    for baseline in part.baselines:
        yield from _blind(part, baseline)


def _row(scores: Scores, part: PartScores, row: Row) -> Iterator[list[str]]:
    timing = _timing(scores, part.part, row.path)
    clock = (seconds(timing.p50_s if timing else None), seconds(timing.p95_s if timing else None))
    yield [part.part, row.path, *_score(row.primary, told=scores.headline), *clock, _failed(row)]
    for score in row.scores:
        yield ["", "", *_score(score, told=scores.headline), "", "", ""]


def _blind(part: PartScores, baseline: Baseline) -> Iterator[list[str]]:
    yield [part.part, baseline.name, *_score(baseline.primary, told=True), "", "", ""]
    for score in baseline.scores:
        if score.estimate.value is not None and score.name == "mean relative accuracy":
            yield ["", "", *_score(score, told=True), "", "", ""]


def _score(score: Score, *, told: bool) -> list[str]:
    name, found = _SHORT.get(score.name, score.name), score.estimate
    if not told:
        return [name, str(found.n), "–", "–", "–"]
    skill = "" if score.skill is None else signed(score.skill, 2)
    return [name, str(found.n), shown(found.value, score.unit), interval(found, unit=score.unit), skill]


def _gains(scores: Scores, part: PartScores) -> Sheet:
    names = ("n", "s1", "95 % interval", "s2", "95 % interval", "gain", "95 % interval", "text-only")
    rows = [(SLICES.get(item.name, item.name), str(item.n), *_slice(scores, item)) for item in part.slices]
    return Sheet(f"{part.part}: S2 − S1, by where the evidence is", ("evidence", *names), rows)


def _slice(scores: Scores, item: Slice) -> Iterator[str]:
    for value in (item.s1, item.s2):
        yield percent(value.value) if scores.headline else "–"
        yield interval(value) if scores.headline else "–"
    yield signed(item.gain.value, 1, scale=100) if scores.headline else "–"
    yield interval(item.gain, plus=True) if scores.headline else "–"
    yield percent(item.text_only)


def _pairs(scores: Scores, parts: Sequence[PartScores]) -> Sheet:
    names = ("part", "score", "n", "gain", "95 % interval", "p, sign flip", "p, McNemar")
    rows = []
    for part in parts:
        if part.pair is not None:
            pair, told = part.pair, scores.headline
            gain = signed(pair.gain.value, 1, scale=100) if told else "–"
            spread = interval(pair.gain, plus=True) if told else "–"
            tests = [_p(value) if told else "–" for value in (pair.p_sign_flip, pair.p_mcnemar)]
            name = _SHORT.get(pair.metric, pair.metric)
            rows.append((part.part, name, str(pair.n), gain, spread, *tests))
    return Sheet("S2 − S1 on the same questions", names, rows, text=2)


def _official(scores: Scores, paths: Mapping[str, OfficialTable]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title="By the published rules")
    table.title_justify = "left"
    for name in ("profile", "path", "figure"):
        table.add_column(name)
    for name in ("n", "value", "best blind"):
        table.add_column(name, justify="right", no_wrap=True)
    for path, found in paths.items():
        for item in found.profiles:
            held = item.scores
            blind = max((b.value for b in item.blind if b.value is not None), default=None)
            value = percent(held.value) if scores.headline else "–"
            table.add_row(held.profile, path, held.metric, str(held.counted), value, percent(blind))
    return table


def _timing(scores: Scores, part: str, path: str) -> Latency | None:
    return next((item for item in scores.timings if (item.part, item.path) == (part, path)), None)


def _failed(row: Row) -> str:
    counts = {"refused": row.refused, "error": row.error, "timeout": row.timeout}
    missing = row.owed - row.ok - sum(counts.values())
    told = [f"{count} {name}" for name, count in {**counts, "missing": missing}.items() if count]
    return ", ".join(told) or "0"


def _p(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
