from __future__ import annotations

import json
from pathlib import Path

from bench_kit import dataset, sample
from typer.testing import CliRunner

from bench.cli.app import app
from bench.data import Dataset, save_dataset
from bench.data.info import info_of, info_text
from bench.data.schema import Issue, Part, Source


def _set(folder: Path) -> Dataset:
    (folder / "v0.mp4").write_bytes(b"there")
    noted = {"source": Source(bench="ovo", subset="x"), "issues": (Issue(code="duplicate"),)}
    twice = sample("c").turns[0].model_copy(update={"probe_s": (11.0, 12.0, 13.0)})
    data = dataset(
        folder,
        [
            sample("a", video="v0.mp4"),
            sample("b", video="v1.mp4", part=Part.REASONING, span=(0, 1), task="old").model_copy(
                update=noted
            ),
            sample("c", video="synth:seed=1", part=Part.CLUE).model_copy(update={"turns": (twice, twice)}),
        ],
    )
    save_dataset(data)
    return data


def test_everything_is_counted(tmp_path: Path) -> None:
    data = _set(tmp_path)
    info = info_of(tmp_path)
    assert (info.samples, info.turns, info.questions) == (3, 4, 8)
    assert info.hash == data.hash
    assert info.parts == {"clue": 1, "realtime": 1, "reasoning": 1}
    assert info.tasks == {"clue/colour": 1, "realtime/colour": 1, "reasoning/old": 1}
    assert info.sources == {"/": 2, "ovo/x": 1}
    assert info.issues == {"duplicate": 1}
    assert info.evidence_age == {"8 to 30 s": 1, "none given": 2}
    assert info.durations == {"60 to 300 s": 3}
    assert info.stream_s == 180


def test_videos_are_found_missing_or_elsewhere(tmp_path: Path) -> None:
    _set(tmp_path)
    info = info_of(tmp_path / "all.json")
    assert (info.videos, info.videos_found, info.videos_missing, info.videos_elsewhere) == (3, 1, 1, 1)
    assert info.missing == ("v1.mp4",)


def test_the_command_prints_a_table_or_json(tmp_path: Path) -> None:
    _set(tmp_path)
    run = CliRunner()
    text = run.invoke(app, ["data", "info", str(tmp_path)]).stdout
    assert text.rstrip("\n") == info_text(info_of(tmp_path))
    assert "3 samples, 4 turns, 8 questions about 3 videos" in text
    assert "missing v1.mp4" in text
    assert json.loads(run.invoke(app, ["data", "info", str(tmp_path), "--json"]).stdout)["turns"] == 4
