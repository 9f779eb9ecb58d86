"""Whatever stands in the file: an import succeeds and gives it back, or says in one line where the fault is."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench_kit import quick
from hypothesis import given
from hypothesis import strategies as st
from native_kit import Native, bring_text, everything, same

from shared.errors import DataError

NATIVE = everything()
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**3), 10**20)
    | st.just(10**400)
    | st.floats()
    | st.text(st.characters(), max_size=12)
    | st.sampled_from(["00:12450", "99:99:99", "\ud800", "##ANSWER##", "A. x", "1e999", "-1", "nan", "３"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    fields = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in fields:
        yield from places(inner, (*path, key))


@st.composite
def spoiled(draw: st.DrawFn) -> Native:
    """A native file in which a few values are replaced, or left out."""
    native = draw(st.sampled_from(NATIVE))
    value = copy.deepcopy(native.value)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([path for path in places(value) if path]))
        holder = value
        for key in path[:-1]:
            holder = holder[key]
        if draw(st.integers(0, 4)) == 0:
            del holder[path[-1]]
        else:
            holder[path[-1]] = draw(ANY)
        if not value:
            break
    return native._replace(value=value)


def attempt(folder: Path, bench: str, **options: Any) -> str:
    """Import; the fault, which must be one line that names the file, or nothing."""
    try:
        bring_text(folder, bench, **options)
    except DataError as error:
        return str(error)
    return ""


def one_line(fault: str) -> bool:
    return "a.json: " in fault and "\n" not in fault


@quick
@given(spoiled())
def test_a_spoiled_file_is_imported_whole_or_its_fault_is_told_and_nothing_is_lost(native: Native) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.json").write_text(json.dumps(native.value))
        stopped = attempt(folder, native.bench)
        assert not stopped or one_line(stopped)
        fault = attempt(folder, native.bench, keep_going=True)
        assert same(folder) if not fault else stopped and "holds no record" in fault


@quick
@given(ANY, st.sampled_from(sorted({native.bench for native in NATIVE})))
def test_any_json_value_is_a_fault_in_one_line(value: Any, bench: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "a.json").write_text(json.dumps(value))
        assert one_line(attempt(Path(name), bench))


@quick
@given(st.binary(max_size=40), st.data())
def test_bytes_in_the_middle_of_a_file_never_make_a_traceback(noise: bytes, data: st.DataObject) -> None:
    native = data.draw(st.sampled_from(NATIVE))
    text = json.dumps(native.value).encode()
    cut = data.draw(st.integers(0, len(text)))
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "a.json").write_bytes(text[:cut] + noise + text[cut + len(noise) :])
        fault = attempt(Path(name), native.bench, keep_going=True)
        assert one_line(fault) if fault else same(Path(name))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[", "ends too early"),
        ("{}", "expected a list of records"),
        ("7", "expected a list of records"),
        ("[" * 100_000, "nested too deeply"),
        ("\ufeff[]", "byte order mark"),
        ("[]", "holds no record"),
        ('[{"id": 1e999}]', "/0/id: inf is not a JSON number"),
        ('[{"id": NaN}]', "/0/id: nan is not a JSON number"),
        ('[{"id": 1, "id": 2}]', "key 'id' stands twice"),
        ('[{"a/b~": [Infinity]}]', "/0/a~1b~0/0: inf is not a JSON number"),
        ("[" + '{"a":' * 80 + "1" + "}" * 80 + "]", "is nested deeper than 64"),
        ("[" + "9" * 5000 + "]", "not JSON"),
    ],
)
def test_broken_json_is_one_line_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as stopped:
        bring_text(tmp_path, "ovo-bench")
    assert said in str(stopped.value)
    assert str(tmp_path / "a.json") in str(stopped.value)
