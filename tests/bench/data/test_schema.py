from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_kit import dataset, quick, sample
from hypothesis import given
from hypothesis import strategies as st

from bench.data import load_dataset, save_dataset
from bench.data.dataset import parse_samples
from bench.data.schema import Gold, Part
from shared.errors import DataError


def test_a_saved_set_is_loaded_as_it_was_with_the_same_hash_and_bytes(tmp_path: Path) -> None:
    made = dataset(tmp_path, [sample("a"), sample("ü#2", part=Part.REASONING, span=(1, 2))])
    save_dataset(made)
    first = made.path.read_bytes()
    read = load_dataset(tmp_path)
    save_dataset(read)
    assert read.samples == made.samples
    assert read.hash == made.hash
    assert made.path.read_bytes() == first


def test_a_bare_list_of_samples_is_a_data_set_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps([sample("a").model_dump(mode="json")]))
    assert [s.id for s in load_dataset(file).samples] == ["a"]


def test_the_hash_moves_when_gold_moves(tmp_path: Path) -> None:
    assert dataset(tmp_path, [sample("a", gold="A")]).hash != dataset(tmp_path, [sample("a", gold="B")]).hash


def test_gold_holds_from_its_start_up_to_its_end() -> None:
    gold = Gold(from_s=2, to_s=4, value="A")
    assert [gold.holds(t) for t in (1.9, 2, 3.9, 4)] == [False, True, True, False]


def test_videos_are_found_beside_the_file_and_urls_stay_as_they_are(tmp_path: Path) -> None:
    data = dataset(tmp_path, [sample("a", video="v/x.mp4"), sample("b", video="synth:seed=9")])
    assert [data.uri(s) for s in data.samples] == [str(tmp_path / "v/x.mp4"), "synth:seed=9"]


def test_selection_keeps_file_order_and_stops_at_the_maximum(tmp_path: Path) -> None:
    items = [sample("a"), sample("b", part=Part.REASONING), sample("c"), sample("d")]
    chosen = dataset(tmp_path, items).select(parts=["realtime"], max_samples=2)
    assert [s.id for s in chosen.samples] == ["a", "c"]


def _broken(change: dict[str, Any]) -> list[dict[str, Any]]:
    return [sample("a").model_dump(mode="json"), {**sample("b").model_dump(mode="json"), **change}]


def _turn(**change: Any) -> dict[str, Any]:
    return {"turns": [{**sample("b").model_dump(mode="json")["turns"][0], **change}]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"part": "realtme"}, ["/samples/1/part", "realtme"]),
        ({"prat": 1}, ["/samples/1/prat", "remove the key"]),
        ({"turns": []}, ["/samples/1/turns", "at least 1"]),
        (_turn(ask_s=-1), ["/samples/1/turns/0/ask_s", "-1"]),
        (_turn(question=None), ["/samples/1/turns/0/question"]),
        (_turn(evidence=[{"span": {"from_s": 3, "to_s": 1}}]), ["/turns/0/evidence/0/span", "before"]),
        (_turn(depends_on=[{"turn": 0}]), ["earlier turns only"]),
        ({"id": "a"}, ["/samples/1/id", "unique"]),
    ],
)
def test_a_fault_is_told_in_one_line_with_file_pointer_and_remedy(
    tmp_path: Path, change: dict[str, Any], said: list[str]
) -> None:
    file = tmp_path / "all.json"
    file.write_text(json.dumps({"samples": _broken(change)}))
    with pytest.raises(DataError) as error:
        load_dataset(file)
    text = str(error.value)
    assert text.startswith(f"{file}: ")
    assert "\n" not in text
    for words in said:
        assert words in text


@pytest.mark.parametrize(
    "body",
    ["", "{", '{"samples": 3}', "[]", '[{"id": NaN}]', "[" * 100_000, "\ud800".encode("utf-8", "replace")],
)
def test_what_is_no_data_set_is_told_in_one_line(tmp_path: Path, body: str | bytes) -> None:
    file = tmp_path / "all.json"
    file.write_bytes(body.encode() if isinstance(body, str) else body)
    with pytest.raises(DataError) as error:
        load_dataset(file)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_told_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file; .*dsb data synth"):
        load_dataset(tmp_path / "no.json")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


_keys = st.sampled_from(["id", "part", "streams", "turns", "task", "group"]) | st.text(max_size=4)


@quick
@given(st.dictionaries(_keys, _json, max_size=5))
def test_no_value_whatever_makes_the_parser_do_more_than_complain(item: dict[str, Any]) -> None:
    told = ""
    try:
        parse_samples([item], file=Path("all.json"))
    except DataError as error:
        told = str(error)
    assert "\n" not in told
