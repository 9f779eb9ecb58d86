from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from native_kit import Native, back, bring, choice, entry, everything, ovo

from bench.data import load_dataset
from bench.data.importers import PROFILES, import_set
from bench.data.native import export_native
from shared.errors import DataError


@pytest.mark.parametrize("native", everything(), ids=lambda native: native.name)
def test_an_imported_file_is_given_back_value_for_value(native: Native, tmp_path: Path) -> None:
    bring(tmp_path, native.bench, native.value, name=native.name)
    assert back(tmp_path) == native.value


@pytest.mark.parametrize("native", everything(), ids=lambda native: native.name)
def test_importing_twice_gives_the_same_bytes(native: Native, tmp_path: Path) -> None:
    for name in ("one", "two"):
        bring(tmp_path / name, native.bench, native.value, name=native.name)
    one, two = (sorted((tmp_path / name / "out").iterdir()) for name in ("one", "two"))
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]


def test_ids_say_where_a_sample_stood_and_every_profile_is_a_published_one(tmp_path: Path) -> None:
    for native in everything():
        imported = bring(tmp_path / native.name, native.bench, native.value, name=native.name)
        for sample in imported.samples:
            assert sample.id.startswith(f"{native.bench}/{sample.source.subset}{sample.source.pointer}#")
            assert sample.scoring.profile in PROFILES


def test_unknown_fields_and_unicode_of_a_record_come_back(tmp_path: Path) -> None:
    value = [ovo(note={"ключ": [None, True, 1e-3, -0.0, "🪁\u2028", {"": {}}]}, big=10**40)]
    bring(tmp_path, "ovo-bench", value)
    assert json.dumps(back(tmp_path), sort_keys=True) == json.dumps(value, sort_keys=True)


def test_numbers_keep_their_kind(tmp_path: Path) -> None:
    bring(tmp_path, "ovo-bench", [ovo(realtime=12.0), ovo(number=8, realtime=12)])
    assert [type(record["realtime"]) for record in back(tmp_path)] == [float, int]


def test_several_files_of_a_folder_come_back_by_their_names(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "real/questions_real.json": [entry(choice())],
        "omni.json": [entry(choice("00:09:00"))],
    }
    for name, value in values.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(json.dumps(value))
    import_set("streamingbench", [tmp_path / "in"], tmp_path / "out")
    export_native(tmp_path / "out", tmp_path / "back")
    assert {name: json.loads((tmp_path / "back" / name).read_text()) for name in values} == values
    with pytest.raises(DataError, match=r"made of 2 files .* give a folder as --out"):
        export_native(tmp_path / "out", tmp_path / "one.json")


def test_a_set_that_lost_a_sample_is_not_exported_as_if_it_were_whole(tmp_path: Path) -> None:
    bring(tmp_path, "ovo-bench", [ovo(), ovo(number=8), ovo(number=9)])
    file = tmp_path / "out/all.json"
    lines = file.read_text().splitlines()
    for gone, said in ((3, "2 records were rebuilt, not the 3"), (2, "record /1 is not there")):
        kept = [line for place, line in enumerate(lines) if place != gone]
        file.write_text("\n".join(kept).replace(",\n]}", "\n]}"))
        with pytest.raises(DataError, match=f"a.json: {said}"):
            back(tmp_path)


def test_a_set_that_was_never_imported_has_nothing_to_export(tmp_path: Path) -> None:
    bring(tmp_path, "ovo-bench", [ovo()])
    file = tmp_path / "out/all.json"
    value = json.loads(file.read_text())
    value["samples"][0]["source"]["native"] = None
    file.write_text(json.dumps(value))
    with pytest.raises(DataError, match="holds no native value; export an imported set"):
        back(tmp_path)


def test_a_source_file_outside_the_folder_is_not_written(tmp_path: Path) -> None:
    bring(tmp_path, "ovo-bench", [ovo()])
    file = tmp_path / "out/all.json"
    file.write_text(file.read_text().replace('"file":"a.json"', '"file":"../../a.json"'))
    with pytest.raises(DataError, match=r"is outside the folder; mend source\.file"):
        back(tmp_path)


_REAL = os.environ.get("DSB_ANNOTATIONS", "")
_BENCHES = {
    "streamingbench": "streamingbench",
    "ovo_bench": "ovo-bench",
    "rtv_bench": "rtv-bench",
    "omnimmi": "omnimmi",
    "proactivevideoqa": "proactivevideoqa",
}


@pytest.mark.skipif(not _REAL, reason="DSB_ANNOTATIONS names no folder of public annotation files")
def test_public_files_are_given_back_value_for_value(tmp_path: Path) -> None:
    seen = 0
    for folder, bench in _BENCHES.items():
        for file in sorted(Path(_REAL, folder).glob("*.json")):
            out = tmp_path / folder / file.stem
            made = import_set(bench, [file], out)
            export_native(out, out / "back.json")
            assert json.loads((out / "back.json").read_text()) == json.loads(file.read_text()), file
            assert len(load_dataset(out).samples) == made.written.samples
            assert not made.rejects, file
            seen += 1
    assert seen
