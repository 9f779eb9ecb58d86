from __future__ import annotations

from pathlib import Path

import bench_kit
from typer.testing import CliRunner

from bench.cli.app import app
from bench.data.dataset import save_dataset
from bench.data.schema import Sample
from bench.run.config import RunConfig, config_of
from bench.run.plan import plan
from bench.run.spending import Spending, spending


def estimated(config: RunConfig, *samples: Sample) -> list[Spending]:
    return spending(config, plan(bench_kit.dataset(Path("d"), samples), config.ask_rules()))


def paid(**more: object) -> RunConfig:
    model = {"backend": "openai", "path": "gpt-4o-mini"}
    return config_of({"model": {"s2": model}, "video": {"width": 256, "height": 256}, **more})


def test_frames_are_those_of_the_windows_and_notes_those_of_the_grid() -> None:
    s1, s2 = estimated(paid(), bench_kit.sample("a", ask_s=10.5), bench_kit.sample("b", ask_s=2.0))
    # S1: windows of 5 (frames 6 to 10) and 3; notes at 0, 5 and 10 s. S2 (every fifth, and the newest): 3 and 2.
    assert (s1.requests, s1.frames) == (2 + 3, 5 + 3 + 3)
    assert (s2.requests, s2.frames) == (2, 3 + 2)


def test_what_memory_is_told_to_do_is_what_is_counted() -> None:
    def of(**memory: object) -> tuple[Spending, Spending]:
        s1, s2 = estimated(paid(memory=memory), bench_kit.sample("a", ask_s=10.5))
        return s1, s2

    (plain, read), (silent, alone) = of(), of(mode="none")
    assert (plain.requests, silent.requests) == (1 + 3, 1)
    assert alone.prompt_tokens < read.prompt_tokens
    assert of(mode="both")[1].prompt_tokens > read.prompt_tokens
    assert of(frames=4)[1].frames == read.frames + 4


def test_cost_is_of_paid_models_only_and_by_the_table() -> None:
    s1, s2 = estimated(paid(), bench_kit.sample("a"))
    assert (s1.paid, s1.cost_usd) == (False, 0.0)
    assert s2.prompt_tokens > 3 * 255
    assert s2.cost_usd == round((s2.prompt_tokens * 0.15 + 64 * 0.6) / 1e6, 8)


def test_a_model_without_a_price_costs_what_nobody_knows() -> None:
    unknown = {"backend": "google", "path": "gemini-x"}
    assert estimated(config_of({"model": {"s1": unknown}}), bench_kit.sample("a"))[0].cost_usd is None


def test_a_dry_run_prints_the_cost_and_writes_nothing(tmp_path: Path) -> None:
    save_dataset(bench_kit.dataset(tmp_path, [bench_kit.sample("a"), bench_kit.sample("b")]))
    config = tmp_path / "run.yaml"
    config.write_text(
        f"dataset: {{path: {tmp_path}/all.json}}\n"
        f"output: {{dir: {tmp_path}/runs}}\n"
        "model: {s2: {backend: anthropic, path: claude-haiku-4-5}}\n",
        encoding="utf-8",
    )
    done = CliRunner().invoke(app, ["run", str(config), "--dry-run"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "anthropic" in done.output
    assert "total about $0.00" in done.output
    assert not (tmp_path / "runs").exists()
