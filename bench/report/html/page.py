"""The page: what each run scored, its charts, and its questions; one file, no network, no other file.

Text of data sets and models goes into the page escaped, or as JSON that a script puts there as text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.files import write_atomic
from bench.report.html.cases import Case, cases_of
from bench.report.html.pictures import pictures
from bench.report.html.sections import run_sections
from bench.run.config import config_of
from bench.run.folder import RunFolder
from bench.scoring import score_run
from bench.scoring.scores import Scores
from shared.messages import VideoSpec

__all__ = ["Limits", "asset", "write_report"]

_ASSETS = "bench.report.html"


class Limits(NamedTuple):
    """What bounds the size of the file."""

    cases: int = 500
    """Questions of each run shown one by one."""
    frames: int = 3000
    """Pictures in all; the questions behind them have times only."""


class _Run(NamedTuple):
    folder: RunFolder
    scores: Scores
    cases: Sequence[Case]
    total: int
    video: VideoSpec


def write_report(
    folders: Sequence[RunFolder],
    out: Path,
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    partial: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Score the runs and write the page; gives what could not be shown. `progress(videos read, videos)`."""
    runs = [_run(folder, limits, partial=partial) for folder in folders]
    shots, lost = _shots(runs, limits, progress)
    write_atomic(out, "".join(_page(runs, shots, lost)).encode())
    return lost


def _run(folder: RunFolder, limits: Limits, *, partial: bool) -> _Run:
    scores = score_run(folder, partial=partial)
    cases = cases_of(folder, limits.cases)
    return _Run(folder, scores, cases.held, cases.total, config_of(folder.manifest().settings).video)


def _shots(
    runs: Sequence[_Run], limits: Limits, progress: Callable[[int, int], None] | None
) -> tuple[dict[str, dict[int, str]], list[str]]:
    """Pictures by video, and how two runs that sampled a video in different ways are told apart."""
    found: dict[str, dict[int, str]] = {}
    lost: list[str] = []
    left = limits.frames
    for number, run in enumerate(runs):
        wanted: dict[str, set[int]] = defaultdict(set)
        for case in run.cases:
            for index in _indices(case):
                if left > 0 and index not in wanted[case.video]:
                    wanted[case.video].add(index)
                    left -= 1
        played = {case.video: case.sha256 for case in run.cases}
        made, gone = pictures(wanted, run.video, played=played, progress=progress)
        keys = _keys(number, run)
        found |= {keys[uri]: of for uri, of in made.items()}
        lost += gone
    return found, lost


def _indices(case: Case) -> Iterator[int]:
    for answer in case.shown["answers"].values():
        yield from (index for index, _ in answer.get("frames", ()))


def _keys(number: int, run: _Run) -> dict[str, str]:
    """What each video of a run is called in the page: without its folder, and no two alike."""
    videos = dict.fromkeys(case.video for case in run.cases)
    return {uri: f"{number}:{place}:{uri.rpartition('/')[2]}" for place, uri in enumerate(videos)}


def _page(runs: Sequence[_Run], shots: dict[str, dict[int, str]], lost: Sequence[str]) -> Iterator[str]:
    title = ", ".join(_name(run) for run in runs)
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)} · DualStreamBench</title><style>{asset('report.css')}</style></head><body>"
    for run in runs:
        yield from run_sections(run.folder, run.scores)
    yield "<h2>Questions</h2>"
    for run in runs:
        if run.total > len(run.cases):
            shares = f"{len(run.cases)} of {run.total} questions are in this page"
            text = f"{_name(run)}: {shares}, evenly over parts and outcomes."
            yield f"<p>{escape(text)}</p>"
    yield from (f'<p class="warn">{escape(line)}</p>' for line in lost)
    yield _BROWSER
    yield f'<script type="application/json" id="data">{_json(_data(runs, shots))}</script>'
    yield f"<script>{asset('report.js')}</script></body></html>\n"


_BROWSER = """<div class="filters">
<select id="run" aria-label="run"></select>
<select id="part" aria-label="part"></select>
<select id="outcome" aria-label="outcome"></select>
<input id="find" type="search" placeholder="find" aria-label="find">
</div>
<p id="count"></p>
<div class="cases"><ul id="list" class="list"></ul><div id="detail" class="detail"></div></div>
"""


def _name(run: _Run) -> str:
    """As its folder is called."""
    return run.folder.path.resolve().name


def _data(runs: Sequence[_Run], shots: dict[str, dict[int, str]]) -> dict[str, Any]:
    keys = [_keys(number, run) for number, run in enumerate(runs)]
    return {
        "runs": [
            {
                "name": _name(run),
                "cases": [{**case.shown, "uri": called[case.video]} for case in run.cases],
            }
            for run, called in zip(runs, keys, strict=True)
        ],
        "frames": {key: {str(index): data for index, data in of.items()} for key, of in shots.items()},
    }


def _json(value: Any) -> str:
    """JSON that can stand in a script element: no `<` can end it."""
    return msgspec.json.encode(value).decode().replace("<", "\\u003c")


def asset(name: str) -> str:
    """A file that the page is made of."""
    return (files(_ASSETS) / "assets" / name).read_text(encoding="utf-8")
