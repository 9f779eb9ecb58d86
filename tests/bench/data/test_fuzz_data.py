from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_kit import quick, sample
from hypothesis import given
from hypothesis import strategies as st

from bench.data import Dataset, load_dataset, save_dataset
from bench.data.info import info_of
from bench.data.schema import Gold, Part, Trigger
from bench.data.validate import validate
from shared.errors import DataError

_text = st.text(st.characters(exclude_categories=()), max_size=8)
_numbers = (
    st.sampled_from([0, -1, 10**400, 2**64, 1e308, -0.0, float("nan"), float("inf"), True]) | st.floats()
)
_json = st.recursive(
    st.none() | st.booleans() | _numbers | _text | st.sampled_from(["A", "main", "realtime", "mcq", "count"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=8,
)


def _whole() -> list[dict[str, Any]]:
    """A valid set that has something in every field."""
    first = sample("a", span=(1, 2))
    turn = first.turns[0].model_copy(
        update={
            "trigger": Trigger(gold_s=(20.0,)),
            "answer": first.turns[0].answer.model_copy(
                update={"gold": (Gold(from_s=1, to_s=50, value="A"),)}
            ),
        }
    )
    chain = sample("b", part=Part.SEQUENTIAL, span=(1, 2)).model_dump(mode="json")
    chain["turns"].append({**chain["turns"][0], "depends_on": [{"turn": 0, "mode": "history", "slot": ""}]})
    chain["events"] = [{"t": 1.0, "kind": "subtitle", "role": "", "content": "x"}]
    chain["source"]["native"] = {"a": [1, "x"]}
    return [first.model_copy(update={"turns": (turn,)}).model_dump(mode="json"), chain]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in _places(item, (*path, key)))]


_PLACES = _places(_whole())[1:]


def _changed(place: tuple[Any, ...], how: str, new: Any) -> Any:
    whole: Any = _whole()
    holder = whole
    for key in place[:-1]:
        holder = holder[key]
    if how == "remove":
        del holder[place[-1]]
    elif how == "key" and isinstance(holder, dict):
        holder[str(new)[:9]] = holder.pop(place[-1])
    else:
        holder[place[-1]] = new
    return whole


def _loaded(file: Path) -> tuple[Dataset | None, str]:
    try:
        return load_dataset(file), ""
    except DataError as error:
        return None, str(error)


def _told_or_taken(file: Path, body: bytes) -> None:
    """It loads and is saved and counted, or one line says why not; validate never raises."""
    file.write_bytes(body)
    report = validate([file])
    for fault in report.faults:
        line = fault.line()
        assert line.startswith(str(file))
        assert "\n" not in line
        assert line.encode()
    loaded, told = _loaded(file)
    if loaded is None:
        assert told.startswith(f"{file}: ")
        assert "\n" not in told
        assert report.errors
        return
    save_dataset(loaded)
    again = load_dataset(file)
    assert again.hash == loaded.hash == info_of(file).hash


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "all.json"


@quick
@given(value=_json)
def test_any_json_whatever_is_a_set_or_is_told(file: Path, value: Any) -> None:
    _told_or_taken(file, json.dumps(value).encode())


@quick
@given(
    value=st.lists(_json, max_size=3),
    key=st.sampled_from(["schema", "name", "errata", "root", "x"]),
    head=_json,
)
def test_any_samples_and_any_head_are_told(file: Path, value: list[Any], key: str, head: Any) -> None:
    _told_or_taken(file, json.dumps({"samples": value, key: head}).encode())
    _told_or_taken(file, json.dumps({"samples": _whole(), key: head}).encode())


@quick
@given(
    place=st.sampled_from(_PLACES), how=st.sampled_from(["replace", "replace", "remove", "key"]), new=_json
)
def test_a_valid_set_with_one_thing_changed_is_taken_or_told(
    file: Path, place: tuple[Any, ...], how: str, new: Any
) -> None:
    _told_or_taken(file, json.dumps(_changed(place, how, new)).encode())


@quick
@given(data=st.data())
def test_a_valid_file_with_some_bytes_changed_is_taken_or_told(file: Path, data: st.DataObject) -> None:
    body = bytearray(json.dumps(_whole(), ensure_ascii=False).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    _told_or_taken(file, bytes(body))


@quick
@given(body=st.binary(max_size=40))
def test_any_bytes_are_told(file: Path, body: bytes) -> None:
    _told_or_taken(file, body)


def test_the_set_that_is_mutated_is_valid(file: Path) -> None:
    file.write_text(json.dumps(_whole()))
    assert validate([file]).errors == 0


_LINE = json.dumps(_whole()[0])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"null",
        b"\xef\xbb\xbf[]",
        "[]".encode("utf-16"),
        "[]".encode("utf-32"),
        b"[" * 200_000,
        b'[{"id":' + b"[" * 10_000 + b"]" * 10_000 + b"}]",
        (
            '{"samples":[' + _LINE.replace('"native": null', '"native": ' + "[" * 900 + "]" * 900) + "]}"
        ).encode(),
        (
            '{"samples":[' + _LINE.replace('"native": null', '"native": ' + "[" * 90 + "]" * 90) + "]}"
        ).encode(),
        ("[" + _LINE.replace('"ask_s": 10.5', '"ask_s": 1' + "0" * 6000) + "]").encode(),
        ("[" + _LINE.replace('"ask_s": 10.5', '"ask_s": 1e999') + "]").encode(),
        ("[" + _LINE.replace('"ask_s": 10.5', '"ask_s": 10.5, "ask_s": 11') + "]").encode(),
        ("[" + _LINE.replace('"native": null', '"native": 1e999') + "]").encode(),
        ("[" + _LINE.replace('"native": null', '"native": "\\ud800"') + "]").encode(),
        ("[" + _LINE.replace('"native": null', '"native": 1' + "0" * 4000) + "]").encode(),
        ("[" + _LINE.replace('"task": "colour"', '"task": "\\udfff"') + "]").encode(),
    ],
    ids=range(17),
)
def test_the_known_horrors_are_taken_or_told(file: Path, body: bytes) -> None:
    _told_or_taken(file, body)


@pytest.mark.parametrize("links", [[(0, 1), (1, 0)], [(0, 0)], [(1, 5)], [(1, 2**70)], [(1, -1)]])
def test_links_to_later_turns_and_cycles_are_told(file: Path, links: list[tuple[int, int]]) -> None:
    whole = _whole()
    for turn, to in links:
        whole[1]["turns"][turn]["depends_on"] = [{"turn": to}]
    file.write_text(json.dumps(whole))
    with pytest.raises(DataError, match=r"/1.*(earlier turns only|greater than or equal)"):
        load_dataset(file)
    assert validate([file]).errors
