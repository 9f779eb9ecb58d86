from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from bench_kit import sample

import bench.data.synth as synth
from bench.data.schema_file import FILE, json_schema, schema_text
from bench.files import read_json

CHECK = jsonschema.Draft202012Validator(json_schema())


def test_the_shipped_schema_is_that_of_the_models() -> None:
    assert FILE.read_text(encoding="utf-8") == schema_text(), f"run: dsb data schema > {FILE.name}"


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_a_made_set_is_valid(tmp_path: Path) -> None:
    made = synth.build(tmp_path, synth.Recipe(videos=1, per_video=2, duration_s=(20, 20)))
    assert list(CHECK.iter_errors(read_json(made.path))) == []


@pytest.mark.parametrize(
    "change",
    [
        {"part": "realtme"},
        {"prat": 1},
        {"turns": []},
        {"streams": [{"uri": 3}]},
        {"id": ""},
        {"issues": [{}]},
    ],
)
def test_a_faulty_sample_is_not_valid(change: dict[str, Any]) -> None:
    item = sample("a").model_dump(mode="json")
    assert CHECK.is_valid([item])
    assert not CHECK.is_valid([item | change])
