from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench_kit import dataset, quick, sample
from hypothesis import given
from hypothesis import strategies as st

import bench.data.dataset as datasets
import bench.data.scan as scan
from bench.data import Dataset, load_dataset, save_dataset
from bench.data.scan import Element, ListScan
from bench.data.schema import Part, Source
from shared.errors import DataError

_text = st.text(st.characters(exclude_categories=()), max_size=12)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=12,
)


def _read(file: Path, key: str = "samples") -> tuple[list[Element], ListScan]:
    held = ListScan(file, key, remedy="look")
    return list(held.elements()), held


@quick
@given(
    items=st.lists(_json, max_size=6),
    head=st.dictionaries(_text.filter(lambda key: key != "samples"), _json, max_size=3),
    indent=st.sampled_from([None, 0, 3]),
    ascii_only=st.booleans(),
    chunk=st.sampled_from([1, 7, 1000]),
)
def test_a_list_is_read_as_the_json_module_reads_it_whatever_its_layout(
    tmp_path_factory: pytest.TempPathFactory,
    items: list[Any],
    head: dict[str, Any],
    indent: int | None,
    ascii_only: bool,
    chunk: int,
) -> None:
    file = tmp_path_factory.mktemp("scan") / "x.json"
    text = json.dumps({**head, "samples": items, "last": 1.5}, indent=indent, ensure_ascii=ascii_only)
    try:
        file.write_bytes(text.encode())
    except UnicodeEncodeError:  # half a surrogate pair can only be written as an escape
        text = json.dumps({**head, "samples": items, "last": 1.5}, indent=indent)
        file.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "_CHUNK", chunk)
        elements, held = _read(file)
    body = file.read_bytes()
    assert [item.value for item in elements] == items
    assert held.head == {**head, "last": 1.5}
    assert [json.loads(body[item.offset : item.offset + item.length]) for item in elements] == items


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "expecting value"),
        (b"[1, 2", "ends too early"),
        (b"[1 2]", "expected a comma"),
        (b"[1,]", "line 1 column 4"),
        (b'{"samples": [\n{"a": 1},\n{"a" 1}]}', "line 3 column 6"),
        (b'{"samples": []} x', "something follows"),
        (b'{"samples": [], "samples": []}', "twice"),
        (b'{"name": "a", "name": "b"}', "twice"),
        (b'{"name": NaN}', "not a JSON number"),
        (b"\xef\xbb\xbf[]", "byte order mark"),
        ("[]".encode("utf-16"), "UTF-16"),
        ("[1]".encode("utf-16-le"), "UTF-16"),
        (b'["\xff"]', "not UTF-8"),
        (b'["\xed\xa0\x80"]', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'[{"a":' * 20_000, "nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "digits"),
        (b'["' + b"x" * 70_000, "unterminated string"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(tmp_path: Path, body: bytes, said: str) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(body)
    with pytest.raises(DataError) as error:
        _read(file)
    assert str(error.value).startswith(f"{file}: not JSON: ")
    assert said.lower() in str(error.value).lower()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("element", "said"),
    [
        ("NaN", "NaN"),
        ("[-Infinity]", "-Infinity"),
        ('{"a": 1e999}', "1e999"),
        ('{"a":1,"a":2}', "'a' stands twice"),
    ],
)
def test_what_strict_json_would_not_have_is_told_with_its_element_and_reading_goes_on(
    tmp_path: Path, element: str, said: str
) -> None:
    file = tmp_path / "x.json"
    file.write_text(f"[1, {element}, 3]")
    elements, _ = _read(file)
    assert [len(item.faults) for item in elements] == [0, 1, 0]
    assert said in elements[1].faults[0]


@pytest.mark.parametrize("name", ["no.json", ".", "file/x.json"])
def test_what_cannot_be_opened_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"no such file|can't be read"):
        _read(tmp_path / name)


@pytest.fixture
def big(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A set that is left in its file, though it is small."""
    monkeypatch.setattr(datasets, "_HELD", 2)
    items = [
        sample(f"ü{n}", part=Part.REASONING if n % 3 else Part.REALTIME, video=f"v{n}") for n in range(7)
    ]
    save_dataset(dataset(tmp_path, items))
    return load_dataset(tmp_path)


def test_a_big_set_says_the_same_from_its_file_as_a_small_one_from_memory(
    big: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "_HELD", 100)
    small = load_dataset(big.path)
    assert isinstance(small.samples, tuple)
    assert not isinstance(big.samples, tuple)
    assert big.samples == small.samples
    assert small.samples == big.samples
    assert big.hash == small.hash
    assert big.samples[-1] == small.samples[-1]
    assert big.samples[1:6:2] == small.samples[1:6:2]
    assert [s.id for s in reversed(big.samples)] == [s.id for s in reversed(small.samples)]
    assert big.samples != small.samples[:-1]


def test_a_choice_from_a_big_set_stays_in_the_file(big: Dataset) -> None:
    chosen = big.select(parts=["reasoning"], max_samples=3)
    assert [s.id for s in chosen.samples] == ["ü1", "ü2", "ü4"]
    assert not isinstance(chosen.samples, tuple)


def test_a_big_set_can_be_read_on_after_its_file_was_replaced(big: Dataset) -> None:
    before = list(big.samples)
    save_dataset(dataset(big.path.parent, [sample("other")]))
    assert list(big.samples) == before


def test_a_file_that_is_written_over_while_in_use_is_told(big: Dataset) -> None:
    big.path.write_bytes(b" " * big.path.stat().st_size)
    with pytest.raises(DataError, match=r"all\.json: sample 0 is not what it was.*leave the file alone"):
        next(iter(big.samples))


def test_a_set_written_for_another_place_still_finds_its_videos(tmp_path: Path) -> None:
    data = dataset(tmp_path / "set", [sample("a", video="v/x.mp4")])
    moved = data.at(tmp_path / "runs" / "r1" / "samples.json")
    save_dataset(moved)
    read = load_dataset(moved.path)
    assert read.uri(read.samples[0]) == str(tmp_path / "set" / "v" / "x.mp4")
    assert read.hash == data.hash


def test_half_a_surrogate_pair_is_kept_in_native_values_and_refused_in_text(tmp_path: Path) -> None:
    kept = sample("a").model_copy(update={"source": Source(bench="b", native={"caption": "x\ud800y"})})
    save_dataset(dataset(tmp_path, [kept]))
    assert load_dataset(tmp_path).samples == (kept,)
    turn = kept.turns[0].model_copy(update={"question": "half \udc00?"})
    save_dataset(dataset(tmp_path, [kept.model_copy(update={"turns": (turn,)})]))
    with pytest.raises(DataError, match="/samples/0: holds half of a surrogate pair"):
        load_dataset(tmp_path)
