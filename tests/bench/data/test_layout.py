from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_kit import dataset, sample
from typer.testing import CliRunner

from bench.cli.app import app
from bench.data import Dataset, Sample, load_dataset, save_dataset
from bench.data.build import build, reshard
from bench.data.layout import Recipe, look_back_s
from bench.data.schema import Evidence, Part, Span
from shared.errors import ConfigError, DataError

RECIPE = Recipe(shards=3, mini=6)


def _items(prefix: str = "s") -> list[Sample]:
    parts = [Part.REALTIME, Part.REASONING, Part.REASONING]
    return [
        sample(
            f"{prefix}{n}",
            part=parts[n % 3],
            task=f"t{n % 2}",
            video=f"videos/v{n // 4}.mp4",
            ask_s=10.0 + 10 * n,
            span=(0, 2) if n % 3 else None,
        )
        for n in range(20)
    ]


@pytest.fixture
def made(tmp_path: Path) -> Dataset:
    folder = tmp_path / "set"
    save_dataset(dataset(folder, _items()))
    build(folder, RECIPE)
    return load_dataset(folder)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.json"))}


def _ids(file: Path) -> list[str]:
    return [item.id for item in load_dataset(file).samples]


def test_the_same_samples_and_recipe_give_the_same_bytes(made: Dataset, tmp_path: Path) -> None:
    folder = made.path.parent
    before = _bytes(folder)
    build(folder, RECIPE)
    assert _bytes(folder) == before
    again = tmp_path / "elsewhere" / "set"
    again.mkdir(parents=True)
    text = json.dumps([item.model_dump(mode="json") for item in made.samples], indent=2)
    (again / "all.json").write_text(text)
    build(again, RECIPE)
    named = {name: body.replace(b'"name":"set', b'"name":"kit') for name, body in _bytes(again).items()}
    assert {name for name in named if name != "manifest.json"} == set(before) - {"manifest.json"}
    assert all(named[name] == before[name] for name in before if name != "manifest.json")


def test_shards_hold_every_sample_once_in_order_and_split_no_video(made: Dataset) -> None:
    folder = made.path.parent
    shards = [load_dataset(file) for file in sorted((folder / "shards").iterdir())]
    held = [item.id for data in shards for item in data.samples]
    assert sorted(held) == sorted(item.id for item in made.samples)
    assert [sorted(_ids(data.path), key=lambda i: int(i[1:])) for data in shards] == [
        [item.id for item in data.samples] for data in shards
    ]
    homes = [(item.video, data.path.name) for data in shards for item in data.samples]
    assert len(set(homes)) == len({video for video, _ in homes})


def test_task_sets_hold_one_part_each(made: Dataset) -> None:
    for file in (made.path.parent / "task_sets").iterdir():
        assert {item.part for item in load_dataset(file).samples} == {file.stem}


def test_every_file_is_a_set_of_its_own_that_finds_its_videos(made: Dataset) -> None:
    folder = made.path.parent
    files = [file for file in folder.rglob("*.json") if file.name != "manifest.json"]
    assert len(files) > 10
    for file in files:
        data = load_dataset(file)
        for item in data.samples:
            assert data.uri(item) == str(folder / item.uri)


def test_the_small_set_has_every_part_and_task(made: Dataset) -> None:
    files = sorted((made.path.parent / "shards_mini").iterdir())
    mini = [item for file in files for item in load_dataset(file).samples]
    assert len(mini) == RECIPE.mini
    assert {(s.part, s.task) for s in mini} == {(s.part, s.task) for s in made.samples}


def test_memory_ablation_goes_by_the_age_of_the_evidence_at_the_ask(made: Dataset) -> None:
    folder = made.path.parent / "memory_ablation"
    ages = {item.id: look_back_s(item) for item in made.samples}
    edges = {"age-008-030s": (8, 30), "age-030-120s": (30, 120), "age-120s-up": (120, 1e9)}
    for name, (low, high) in edges.items():
        expected = [i for i, age in ages.items() if age is not None and low <= age < high]
        assert _ids(folder / f"{name}.json") == expected
    older = [i for i, age in ages.items() if age is not None and age >= 8]
    assert _ids(folder / "older-than-8s.json") == older
    assert not (folder / "age-000-008s.json").exists()


def test_look_back_is_from_the_newest_evidence_that_has_begun() -> None:
    spans = [Span(from_s=1, to_s=2), Span(from_s=5, to_s=6), Span(from_s=30, to_s=31)]
    item = sample("a", ask_s=20)
    turn = item.turns[0].model_copy(update={"evidence": tuple(Evidence(span=s) for s in spans)})
    assert look_back_s(item.model_copy(update={"turns": (turn,)})) == 14
    asked = turn.model_copy(update={"probe_s": (8.0, 29.5)})
    assert look_back_s(item.model_copy(update={"turns": (asked,)})) == 23.5
    assert look_back_s(item) is None


def test_dividing_anew_keeps_the_recipe_and_leaves_no_old_shard(made: Dataset) -> None:
    folder = made.path.parent
    build(folder, RECIPE._replace(window_s=30))
    (folder / "shards" / "mine.txt").write_text("kept")
    manifest = reshard(folder, shards=2)
    assert sorted(p.name for p in (folder / "shards").iterdir()) == [
        "001-of-002.json", "002-of-002.json", "mine.txt",
    ]  # fmt: skip
    assert manifest["recipe"]["window_s"] == 30
    assert manifest["recipe"]["mini"] == RECIPE.mini


def test_the_manifest_names_every_file_and_the_sets_hash(made: Dataset) -> None:
    folder = made.path.parent
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["hash"] == made.hash
    assert set(manifest["files"]) == set(_bytes(folder)) - {"manifest.json"}
    assert manifest["videos"] == 5
    assert manifest["parts"] == {"realtime": 7, "reasoning": 13}


def test_joined_sets_keep_apart_two_videos_of_one_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save_dataset(dataset(tmp_path / name, _items(name)))
    sources = [tmp_path / "one", tmp_path / "two"]
    manifest = build(tmp_path / "all", Recipe(), sources=sources)
    joined = load_dataset(tmp_path / "all")
    assert manifest["videos"] == 10
    assert [item["name"] for item in manifest["recipe"]["from"]] == ["kit", "kit"]
    for item in joined.samples:
        assert joined.uri(item).startswith(str(tmp_path / item.id[:3] / "videos"))
    before = _bytes(tmp_path / "all")
    build(tmp_path / "all", Recipe(), sources=sources)
    assert _bytes(tmp_path / "all") == before


def test_sets_that_share_an_id_are_not_joined(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save_dataset(dataset(tmp_path / name, _items()))
    with pytest.raises(DataError, match=r"two/all\.json: id 's0' is also one of .*one/all\.json"):
        build(tmp_path / "all", Recipe(), sources=[tmp_path / "one", tmp_path / "two"])
    assert not (tmp_path / "all").exists()


def test_a_set_that_was_not_built_is_never_written_over(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save_dataset(dataset(tmp_path / name, _items(name)))
    with pytest.raises(ConfigError, match="choose another folder"):
        build(tmp_path / "one", Recipe(), sources=[tmp_path / "two"])


def test_too_many_shards_are_refused_and_can_be_mended_by_another_call(tmp_path: Path) -> None:
    save_dataset(dataset(tmp_path / "one", _items()))
    with pytest.raises(ConfigError, match="choose from 1 to 5"):
        build(tmp_path / "all", Recipe(shards=6), sources=[tmp_path / "one"])
    assert build(tmp_path / "all", Recipe(shards=5), sources=[tmp_path / "one"])["recipe"]["shards"] == 5


def test_the_commands_join_divide_and_say_what_they_made(tmp_path: Path) -> None:
    run = CliRunner()
    for name in ("one", "two"):
        save_dataset(dataset(tmp_path / name, _items(name)))
    out = str(tmp_path / "all")
    sources = ["--from", str(tmp_path / "one"), "--from", str(tmp_path / "two")]
    told = run.invoke(app, ["data", "build", out, *sources, "--mini", "5"]).stdout.splitlines()
    assert told[0].startswith(f"{out}: 40 samples, 40 turns about 10 videos, hash ")
    assert "  task_sets/reasoning.json: 26 samples" in told
    made = json.loads(run.invoke(app, ["data", "shard", out, "--shards", "4", "--json"]).stdout)
    assert made["recipe"]["mini"] == 5
    assert sum(about["samples"] for name, about in made["files"].items() if name.startswith("shards/")) == 40
    assert run.invoke(app, ["data", "validate", out]).exit_code == 0
