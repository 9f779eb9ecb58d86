from __future__ import annotations

import io
from pathlib import Path

import pytest
from bench_kit import both, dataset, failed, run_folder, sample
from rich.console import Console
from scoring_kit import chain, judged, line, spoke, watch_sample

from bench.data.schema import Part, Sample
from bench.report import Progress, print_scores, render_scores
from bench.report.words import UNDEFINED
from bench.run.config import load_config
from bench.run.records import Play
from bench.scoring import Scores, score_run
from shared.messages import Path as Way
from shared.messages import Status


def _samples() -> list[Sample]:
    made = []
    for v in range(3):
        video = f"v{v}.mp4"
        made.append(sample(f"{v}-now", video=video))
        made.append(sample(f"{v}-past", part=Part.REASONING, video=video, ask_s=50.5, span=(5, 9)))
    return made


def _scores(tmp_path: Path, *, drop: int = 0, partial: bool = False) -> Scores:
    items = _samples()
    records = both(items, lambda s, way: "A" if way is Way.S2 else "B")
    records[0] = failed(items[0], Status.TIMEOUT, play=Play("r", "r_0_1", 0, 1))
    kept = records[: len(records) - drop]
    return score_run(run_folder(tmp_path / "run", dataset(tmp_path, items), kept), partial=partial)


def _printed(scores: Scores) -> str:
    out = io.StringIO()
    print_scores(scores, file=out)
    return out.getvalue()


def test_the_table_shows_scores_baselines_failures_and_the_gain(tmp_path: Path) -> None:
    text = _printed(_scores(tmp_path))
    lines = [line.split() for line in text.splitlines()]
    (s2,) = [line for line in lines if line[:2] == ["realtime", "s2"]]
    assert s2[2:6] == ["accuracy", "3", "100.0", "%"]
    assert "1 timeout" in text
    assert any(line[:2] == ["reasoning", "text-only"] for line in lines)
    (memory,) = [line for line in text.splitlines() if "in memory only" in line]
    assert "+100.0" in memory


def test_the_table_is_headed_by_the_name_of_the_runs_folder(tmp_path: Path) -> None:
    assert _printed(_scores(tmp_path)).split()[0] == "run"


def test_the_sign_for_no_figure_is_explained(tmp_path: Path) -> None:
    text = " ".join(_printed(_scores(tmp_path)).split())
    assert UNDEFINED in text


def test_off_a_terminal_the_table_is_plain(tmp_path: Path) -> None:
    text = _printed(_scores(tmp_path))
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 120


def test_an_incomplete_run_shows_no_headline_unless_asked(tmp_path: Path) -> None:
    text = _printed(_scores(tmp_path / "x", drop=2))
    assert "Incomplete: 2 answers are missing" in text
    assert _accuracy(text) == "–"
    assert _accuracy(_printed(_scores(tmp_path / "y", drop=2, partial=True))) == "100.0"


def test_on_a_narrow_terminal_the_last_columns_go_first(tmp_path: Path) -> None:
    scores = _scores(tmp_path)
    for width, shown in ((120, "failed"), (80, "p95 s"), (60, "skill")):
        out = io.StringIO()
        Console(file=out, width=width).print(render_scores(scores, width=width))
        text = out.getvalue()
        head = next(line for line in text.splitlines() if line.split()[:1] == ["part"])
        assert head.rstrip().endswith(shown)
        assert "…" not in text
        assert "balanced acc." in text or "accuracy" in text


def test_a_protocol_that_tells_the_answer_is_marked(tmp_path: Path) -> None:
    items = [chain("a", "AB")]
    lines = both(items, lambda s, way: "A")
    config = load_config(None, {"system.history": "oracle"})
    folder = run_folder(tmp_path / "run", dataset(tmp_path, items), lines, config=config)
    assert "told the right answers to earlier turns" in _printed(score_run(folder, partial=True))


def test_what_belongs_to_a_part_alone_is_told_beneath(tmp_path: Path) -> None:
    samples = [watch_sample("w", [10, 30]), chain("c", "AB")]
    lines = [*spoke("w", [10.5, 50]), line("c", "B"), line("c", "B", turn=1)]
    table = judged(samples, lines).table
    text = _printed(Scores(mode="offline", route="force-s1", data="kit", data_hash="0", scores=table))
    assert "1 hits, 0 early, 0 late, 1 missed, 1 spurious; delay of hits p50 0.500 s" in text
    assert "by turn 0.0 %, 100.0 %; 100.0 % of 1 turns after an error" in text


def _accuracy(text: str) -> str:
    return next(line.split()[4] for line in text.splitlines() if line.split()[:2] == ["realtime", "s2"])


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_off_a_terminal_progress_is_a_line_every_few_seconds() -> None:
    out, clock = io.StringIO(), _Clock()
    with Progress(owed=10, streams=2, done=4, file=out, every_s=5, clock=clock) as progress:
        progress.begin("r_0_1", "v0.mp4", owed=6, duration_s=60)
        for second in range(6):
            clock.now += 2
            progress.advance("r_0_1", second)
            progress.answered("r_0_1", failed=second == 0)
        progress.end("r_0_1")
    lines = out.getvalue().splitlines()
    assert 2 <= len(lines) <= 5
    assert lines[-1] == "10/10 answers, 1 failed, 1/2 streams, 0 playing, 0.5 answers/s, 0:12 spent"
    assert "left" in lines[0]


def test_on_a_terminal_every_stream_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: True)
    with Progress(owed=4, streams=1, file=out) as progress:
        progress.begin("r_0_1", "v0.mp4", owed=4, duration_s=60)
        progress.advance("r_0_1", 30)
        progress.notice("r_0_1", "waiting for a reader")
        progress.answered("r_0_1")
    text = out.getvalue()
    assert "v0.mp4" in text
    assert "30.0 of 60 s" in text
    assert "waiting for a reader" in text
