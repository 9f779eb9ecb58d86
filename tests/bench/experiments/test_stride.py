"""`dsb experiment stride`: cells are measured once, and what is reported is what was found."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bench.cli.experiment import app
from bench.data import Dataset
from bench.data.synth import Recipe, build
from bench.experiments import Cell, Found, Grid, cells_of, measured, plot, rows, write_tables
from bench.run.config import RunConfig
from bench.run.plan import plan
from shared.errors import ConfigError
from shared.vlm import ModelSpec, Prefills, load_vlm

PLAIN = Found(cell=Cell(frames=4, hop=1, stride=None), asked=3, answers=["A", "B", "C"], accuracy=1.0)
REUSED = Found(
    cell=Cell(frames=4, hop=1, stride=2), asked=3, answers=["A", "B", "D"], accuracy=2 / 3, low=0.5, high=0.8,
    frames=9, ingest_mean_s=0.012, ingest_cpu_s=0.02, answer_p50_s=0.003, answer_p95_s=0.004,
    answer_cpu_s=0.005, reused=0.75,
    cache_mb=1.5,
)  # fmt: skip
BROKEN = Found(cell=Cell(frames=99, hop=33, stride=2), error="prompt of 9000 tokens | too long")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("set")
    return build(folder, Recipe(videos=1, parts=("realtime",), per_video=3, duration_s=(14.0, 14.0)))


def ran(data: Dataset, out: Path, *more: str) -> Result:
    words = ["stride", "--set", f"dataset.path={data.path}", "--out", str(out), "--no-plot", *more]
    return CliRunner().invoke(app, words)


def test_every_window_meets_every_stride_and_the_hop_keeps_its_share() -> None:
    cells = cells_of(RunConfig(), [4, 6, 16, 4], [None, 2])
    assert [(cell.frames, cell.hop, cell.stride) for cell in cells] == [
        (4, 1, None), (4, 1, 2), (6, 2, None), (6, 2, 2), (16, 5, None), (16, 5, 2),
    ]  # fmt: skip


def test_a_cell_sets_window_and_reuse_and_nothing_else() -> None:
    base = RunConfig()
    reused = Cell(frames=8, hop=3, stride=4).applied(base).profile()
    assert (reused.s1.frames, reused.s1.hop, reused.cache.prefill_stride, reused.cache.kv_reuse) == (
        8,
        3,
        4,
        True,
    )
    assert not Cell(frames=8, hop=3, stride=None).applied(base).profile().cache.kv_reuse
    assert reused.video == base.profile().video


def test_each_measurement_is_made_once_and_an_experiment_goes_on(data: Dataset, tmp_path: Path) -> None:
    first = ran(data, tmp_path, "--windows", "4", "--strides", "none")
    assert first.exit_code == 0, first.output
    kept = (tmp_path / "pieces.jsonl").read_bytes()
    second = ran(data, tmp_path, "--windows", "4", "--strides", "none,2")
    assert second.exit_code == 0, second.output
    now = (tmp_path / "pieces.jsonl").read_bytes()
    assert now.startswith(kept)
    assert [json.loads(line)["cell"]["stride"] for line in now.splitlines()] == [None, 2]
    assert "2 of 2: video 0, window 4, stride 2: " in second.output
    held = list(csv.DictReader((tmp_path / "stride.csv").open()))
    assert [(row["asked"], row["stride"]) for row in held] == [("3", ""), ("3", "2")]


def test_a_prefix_that_is_computed_ahead_is_reused_and_changes_no_answer(data: Dataset) -> None:
    vlm = load_vlm(ModelSpec(path="tiny-s1"))
    [play] = plan(data)
    plain, ahead = (measured(RunConfig(), play, vlm, Cell(frames=6, hop=2, stride=n)) for n in (None, 2))
    assert plain.answers == ahead.answers
    assert (plain.reused_tokens, plain.prefix_bytes) == (0, 0)
    assert ahead.reused_tokens > ahead.prompt_tokens / 4
    assert isinstance(vlm, Prefills)
    assert vlm.kept_bytes("stride_0") == 0


def test_a_folder_with_another_experiment_is_refused(data: Dataset, tmp_path: Path) -> None:
    assert ran(data, tmp_path, "--windows", "4", "--strides", "none").exit_code == 0
    other = ran(data, tmp_path, "--windows", "4", "--strides", "none", "--set", "video.fps=2")
    assert isinstance(other.exception, ConfigError)
    assert "choose another folder with --out" in str(other.exception)


def test_a_cell_that_cannot_be_measured_says_why_in_one_line(data: Dataset) -> None:
    vlm = load_vlm(ModelSpec(path="tiny-s1"))
    [play] = plan(data)
    piece = measured(RunConfig(), play._replace(uri="gone.mp4"), vlm, Cell(frames=4, hop=1, stride=None))
    assert "gone.mp4" in piece.error
    assert "\n" not in piece.error
    assert piece.right == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--windows", "4,x"), "'x' is not allowed"),
        (("--windows", "none"), "'none' is not allowed"),
        (("--strides", "0"), "'0' is not allowed"),
        (("--strides", ","), "--strides is empty"),
        (("--set", "video.fps"), "write KEY=VALUE"),
        (("--set", "video.fsp=2"), "did you mean video.fps"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    words: tuple[str, ...], said: str, data: Dataset, tmp_path: Path
) -> None:
    result = ran(data, tmp_path, *words)
    assert isinstance(result.exception, ConfigError)
    assert said in str(result.exception)


def test_a_line_that_was_torn_is_measured_again(tmp_path: Path) -> None:
    grid = Grid(tmp_path, {"a": 1})
    grid.add({"cell": 1})
    with (tmp_path / "pieces.jsonl").open("a") as file:
        file.write('{"cell": 2')
    grid.add({"cell": 3})
    assert [cell["cell"] for cell in Grid(tmp_path, {"a": 1}).done()] == [1, 3]


def test_the_table_counts_answers_that_a_stride_changed_and_says_why_a_cell_is_empty() -> None:
    plain, reused, broken = rows([PLAIN, REUSED, BROKEN])
    assert plain[2:7] == ("none", "3", "100.0 %", "–", "0")
    assert reused[2:] == (
        "2", "3", "66.7 %", "[50.0, 80.0]", "1", "12.0", "20.0", "3.0", "4.0", "5.0", "75.0 %", "1.5",
    )  # fmt: skip
    assert broken == ("99", "33", "2", "prompt of 9000 tokens | too long")


def test_tables_are_written_as_csv_and_markdown(tmp_path: Path) -> None:
    table, page = write_tables([REUSED, BROKEN], tmp_path)
    [first, second] = csv.DictReader(table.open())
    assert (first["window"], first["ingest_mean_s"], second["error"]) == ("4", "0.012", BROKEN.error)
    assert "\\|" in page.read_text()


def test_the_plot_is_the_same_file_for_the_same_cells(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    vector, picture = plot([PLAIN, REUSED, BROKEN], tmp_path)
    again, _ = plot([PLAIN, REUSED, BROKEN], tmp_path / "again")
    assert vector.read_bytes() == again.read_bytes()
    assert picture.read_bytes().startswith(b"\x89PNG")
