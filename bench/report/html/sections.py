"""What stands above the questions: one run's scores as a table and as charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from html import escape
from typing import TYPE_CHECKING

from bench.report.html.charts import Dot, Line, bars, dots, lines
from bench.report.sheet import Sheet
from bench.report.timing import deadline_sheet, revision_sheet, staleness_sheet
from bench.report.words import SLICES, UNDEFINED, interval, percent, seconds, shown, signed
from bench.run.config import config_of
from bench.run.folder import RunFolder
from bench.scoring.score import rules_of
from bench.scoring.scores import Baseline, PartScores, Row, Scores
from bench.scoring.text import text_matcher
from shared.errors import DataError
from shared.messages import Route

if TYPE_CHECKING:
    from bench.routing.paired import Paired

__all__ = ["run_sections"]

_CURVE_POINTS = 200
_LEGEND = (
    "Intervals are 95 %, by cluster bootstrap over videos. Skill is over the best blind baseline: 0 is no better than "
    f"blind, 1 is perfect. Failures count as wrong. {UNDEFINED}"
)


def run_sections(folder: RunFolder, scores: Scores) -> Iterator[str]:
    """The HTML of one run."""
    manifest = folder.manifest()
    yield f"<h1>{escape(folder.path.resolve().name)}</h1>"
    data = f"{scores.data} ({scores.data_hash})"
    yield f"<p>{escape(data)} · {escape(scores.mode)} · route {escape(scores.route)} · {escape(manifest.created)}</p>"
    if missing := scores.scores.missing:
        text = f"{missing} answers are missing"
        text += ": these numbers are no result" if scores.headline else "; scores are withheld, see --partial"
        yield f'<p class="warn">{text}</p>'
    if scores.headline:
        yield from _scored(scores)
    yield from _times(folder)
    if scores.headline and scores.route == Route.BOTH:
        yield from _routing(folder)
    yield from _faults(folder)


def _scored(scores: Scores) -> Iterator[str]:
    yield "<h2>Scores</h2>"
    yield sheet_html(score_sheet(scores), blind=_blind_rows(scores))
    yield f"<p>{_LEGEND}</p>"
    yield dots(list(_dots(scores)))
    yield from _slices(scores)


def score_sheet(scores: Scores) -> Sheet:
    """Every score of every part and path, and its blind baselines."""
    times = {(time.part, time.path): time for time in scores.timings}
    rows: list[tuple[str, ...]] = []
    for part in scores.scores.parts:
        for row in part.rows:
            time = times.get((part.part, row.path))
            tail = (
                seconds(time.p50_s if time else None),
                seconds(time.p95_s if time else None),
                str(_failed(row)),
            )
            rows += _rows(part, row.path, row, tail)
        for baseline in part.baselines:
            rows += _rows(part, baseline.name, baseline, ("", "", ""))
    columns = ("part", "path", "score", "n", "value", "95 % interval", "skill", "p50 s", "p95 s", "failed")
    return Sheet("", columns, rows, text=3)


def _rows(
    part: PartScores, name: str, row: Row | Baseline, tail: tuple[str, str, str]
) -> Iterator[tuple[str, ...]]:
    for number, score in enumerate((row.primary, *row.scores)):
        one = score.estimate
        cells = (
            part.part,
            name,
            score.name,
            str(one.n),
            shown(one.value, score.unit),
            interval(one, unit=score.unit),
        )
        yield (
            *cells,
            signed(score.skill, 2) if score.skill is not None else "",
            *(tail if not number else ("", "", "")),
        )


def _failed(row: Row) -> int:
    return row.timeout + row.error + row.refused


def _blind_rows(scores: Scores) -> set[int]:
    """Places of the rows of baselines in the sheet."""
    found, place = set(), 0
    for part in scores.scores.parts:
        place += sum(1 + len(row.scores) for row in part.rows)
        for baseline in part.baselines:
            found |= set(range(place, place := place + 1 + len(baseline.scores)))
    return found


def sheet_html(sheet: Sheet, *, blind: Collection[int] = ()) -> str:
    """A table; rows at the places in `blind` are set back."""
    head = "".join(f"<th{_side(n, sheet)}>{escape(name)}</th>" for n, name in enumerate(sheet.columns))
    body = "".join(
        f"<tr{' class=blind' if place in blind else ''}>"
        + "".join(f"<td{_side(n, sheet)}>{escape(cell)}</td>" for n, cell in enumerate(row))
        + "</tr>"
        for place, row in enumerate(sheet.rows)
    )
    title = f"<h3>{escape(sheet.title)}</h3>" if sheet.title else ""
    notes = "".join(f"<p>{escape(note)}</p>" for note in sheet.notes)
    return f'{title}<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{notes}'


def _side(column: int, sheet: Sheet) -> str:
    return ' class="text"' if column < sheet.text else ""


def _dots(scores: Scores) -> Iterator[Dot]:
    for part in scores.scores.parts:
        for row in part.rows:
            one = row.primary.estimate
            yield Dot(f"{part.part} {row.path}", row.path, one.value, one.low, one.high)
        best = max(part.baselines, key=lambda b: b.primary.estimate.value or 0.0, default=None)
        if best is not None:
            one = best.primary.estimate
            yield Dot(f"best blind: {best.name}", "blind", one.value, one.low, one.high)


def _slices(scores: Scores) -> Iterator[str]:
    for part in scores.scores.parts:
        if not part.slices:
            continue
        rows = [
            (SLICES.get(s.name, s.name), str(s.n), percent(s.s1.value), interval(s.s1),
             percent(s.s2.value), interval(s.s2),
             signed(s.gain.value, 1, scale=100), interval(s.gain, plus=True), percent(s.text_only))
            for s in part.slices
        ]  # fmt: skip
        columns = (
            "evidence",
            "n",
            "s1",
            "95 % interval",
            "s2",
            "95 % interval",
            "gain",
            "95 % interval",
            "text-only",
        )
        yield sheet_html(Sheet(f"{part.part}: by where the evidence is", columns, rows))


def _times(folder: RunFolder) -> Iterator[str]:
    from bench.analysis import answered, revisions, staleness

    config = config_of(folder.manifest().settings)
    rules = rules_of(config, text_matcher(config.scoring.text))
    found = answered(folder.dataset().samples, folder.seen(), rules)
    late = staleness(found, rules, seed=rules.seed)
    if not late:
        return
    yield "<h2>Time</h2>"
    taken: dict[str, list[float]] = defaultdict(list)
    for one in found:
        if one.latency_s is not None:
            taken[one.path].append(one.latency_s)
    yield lines(
        [Line(path, path, _cumulative(values)) for path, values in sorted(taken.items())],
        x_name="seconds from ask to answer", y_name="share of answers", log_x=True,
    )  # fmt: skip
    for sheet in (
        staleness_sheet(late),
        deadline_sheet(late),
        revision_sheet(revisions(found, rules, seed=rules.seed)),
    ):
        if sheet.rows:
            yield sheet_html(sheet)


def _routing(folder: RunFolder) -> Iterator[str]:
    """What each policy would have made of a run that asked both."""
    from bench.report.routers import POLICIES, cost_curves, misroute_bars, replayed, router_sheet

    table = _paired(folder)
    if table is None:
        return
    found = replayed(table, POLICIES)
    yield "<h2>Routing</h2>"
    yield lines(cost_curves(table, found), x_name=f"{table.unit} a question", y_name="accuracy, %")
    yield sheet_html(router_sheet(found))
    yield bars(misroute_bars(found))


def _faults(folder: RunFolder) -> Iterator[str]:
    """What was done to the stack meanwhile, and what came of it."""
    from bench.chaos import read_outcome
    from bench.chaos.table import fault_sheet

    if (outcome := read_outcome(folder.path)) is not None:
        yield "<h2>Faults</h2>"
        yield sheet_html(fault_sheet(outcome)._replace(title=""))


def _paired(folder: RunFolder) -> Paired | None:
    """By seconds of work; by calls where none were measured; null where no question was answered by both."""
    from bench.routing.paired import CostUnit, paired

    for unit in (CostUnit.SECONDS, CostUnit.CALLS):
        with suppress(DataError):
            return paired(folder, unit=unit)
    return None


def _cumulative(values: Sequence[float]) -> list[tuple[float, float]]:
    """Share of answers that took no longer, at some of the times."""
    ordered = sorted(values)
    step = max(1, len(ordered) // _CURVE_POINTS)
    places = sorted({*range(0, len(ordered), step), len(ordered) - 1})
    return [(ordered[place], (place + 1) / len(ordered)) for place in places]
