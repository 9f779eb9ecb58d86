"""A data set is put in another one's place only where that is wanted, and then none of the old one's files stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from native_kit import choice, entry
from typer.testing import CliRunner

from bench.cli.app import app
from bench.data import load_dataset
from bench.data import synth as world
from bench.data.build import build as lay_out
from bench.data.layout import Recipe
from shared.errors import ConfigError

ONE = world.Recipe(videos=1, parts=("realtime",), per_video=1, duration_s=(10, 10))


def names(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"
    }


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A set that was laid out, and a file of somebody's own."""
    folder = tmp_path / "set"
    world.build(folder, ONE)
    lay_out(folder, Recipe())
    (folder / "mine.txt").write_text("mine")
    return folder


def test_another_recipe_is_refused_and_changes_nothing(made: Path) -> None:
    before = names(made)
    with pytest.raises(ConfigError, match="give --overwrite"):
        world.build(made, ONE._replace(seed=5), overwrite=False)
    assert names(made) == before
    assert world.build(made, ONE, overwrite=False).path == made / "all.json"


def test_with_overwrite_nothing_of_the_old_set_stays(made: Path) -> None:
    old = names(made)
    new = world.build(made, ONE._replace(seed=5))
    [video] = {sample.streams[0].uri for sample in new.samples}
    assert names(made) == {"all.json", "recipe.json", "mine.txt", video}
    assert video not in old


def import_into(folder: Path, *more: str) -> tuple[int, str]:
    file = folder.parent / "native.json"
    file.write_text(json.dumps([entry(choice())]))
    words = ("data", "import", "streamingbench", "--annotations", str(file), "--out", str(folder), *more)
    result = CliRunner().invoke(app, words)
    return result.exit_code, str(result.exception)


def test_an_import_over_a_set_is_refused_unless_it_is_to_go(made: Path) -> None:
    old = load_dataset(made)
    code, why = import_into(made)
    assert (code, "give --overwrite" in why) == (1, True)
    assert load_dataset(made).hash == old.hash
    assert import_into(made, "--overwrite")[0] == 0
    assert names(made) <= {"all.json", "import.json", "mine.txt", "rejects.json", "coverage.json"}
    assert load_dataset(made).name == "streamingbench"
