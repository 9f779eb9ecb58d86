from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from bench_kit import quick
from hypothesis import given
from hypothesis import strategies as st
from official_kit import alert_turn, choice_turn, make, text_turn

from bench.data.dataset import Dataset
from bench.data.schema import AnswerForm, AnswerSpec, Gold, Sample, Turn
from bench.scoring.official import Prediction
from bench.scoring.predictions import Predictions
from shared.errors import DataError


def data(*samples: Sample) -> Dataset:
    return Dataset(Path("all.json"), "kit", samples)


def write(folder: Path, lines: Iterable[Any]) -> Path:
    """Objects become lines of JSON; bytes stand as they are."""
    path = folder / "preds.jsonl"
    path.write_bytes(
        b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
    )
    return path


def opened(folder: Path, dataset: Dataset, *lines: Any, partial: bool = False) -> Predictions:
    return Predictions(write(folder, lines), dataset, partial=partial)


CHAIN = make("omnimmi.md@1", text_turn("one"), text_turn("two"), name="c", task="MD")
ALERT = make("omnimmi.pa@1", alert_turn(5, 9), name="p", task="PA")
ONE = make("ovo.epm@1", choice_turn("A"), name="e", task="EPM", native_id="7")
OTHER = make("ovo.hld@1", choice_turn("A"), name="h", task="HLD", native_id="7")
ALL = data(CHAIN, ALERT, ONE, OTHER)


def steps() -> Sample:
    """Two steps of OVO-Bench, whose probes stand mixed in `test_info`."""
    order = ["cut", "mix", "cut", "mix", "cut"]
    times = {"cut": (1.0, 3.0, 5.0), "mix": (2.0, 4.0)}
    answer = AnswerSpec(form=AnswerForm.YES_NO, gold=(Gold(value=True),))
    turns = [Turn(question=s, ask_s=1, probe_s=times[s], answer=answer) for s in ("cut", "mix")]
    native = {"task": "SSR", "test_info": [{"step": s, "realtime": 1, "type": 1} for s in order]}
    return make("ovo.ssr@1", *turns, name="s", task="SSR", native=native, native_id="9")


def test_a_prediction_goes_to_its_sample_turn_and_probe(tmp_path: Path) -> None:
    held = opened(
        tmp_path, ALL, {"sample_id": "c", "turn": 1, "text": "two"}, {"sample_id": "e", "text": "A"}
    )
    assert held.of(0, 1, 0) == (Prediction("two"),)
    assert held.of(0, 0, 0) == ()
    assert held.of(2, 0, 0) == (Prediction("A"),)
    assert (held.owed, held.answered, held.lines) == (5, 2, 2)


@pytest.mark.parametrize("text", ["a", "", None, ["a", None], 3, 2.5, True, {"label": "A"}, "ü\u2028\n"])
def test_the_text_is_any_json_value(tmp_path: Path, text: Any) -> None:
    assert opened(tmp_path, ALL, {"sample_id": "e", "text": text}).of(2, 0, 0) == (Prediction(text),)


def test_a_free_question_takes_several_in_the_order_of_the_file(tmp_path: Path) -> None:
    lines = [{"sample_id": "p", "t_emit": t, "text": str(t)} for t in (7, 3.5)]
    held = opened(tmp_path, ALL, *lines, {"sample_id": "p", "probe": 4, "text": "Yes"})
    assert held.of(1, 0, 0) == (Prediction("7", 7.0), Prediction("3.5", 3.5), Prediction("Yes", None, 4))


def test_a_source_s_own_name_and_task_stand_for_the_id(tmp_path: Path) -> None:
    held = opened(
        tmp_path,
        ALL,
        {"native_id": 7, "task": "epm", "text": "A"},
        {"native_id": "7", "task": "HLD", "text": "B"},
    )
    assert (held.of(2, 0, 0)[0].text, held.of(3, 0, 0)[0].text) == ("A", "B")


def test_where_the_source_has_no_name_its_place_in_the_file_does(tmp_path: Path) -> None:
    assert opened(tmp_path, ALL, {"native_id": "/p", "task": "PA", "t_emit": 6}).answered == 1


@pytest.mark.parametrize("name", [{"native_id": 9}, {"native_id": 9, "turn": 0}, {"sample_id": "s"}])
def test_without_a_turn_probes_of_steps_count_through_the_file_s_own_list(
    tmp_path: Path, name: dict[str, Any]
) -> None:
    lines = [{**name, "task": "SSR", "probe": n, "text": str(n)} for n in range(5)]
    held = opened(tmp_path, data(steps()), *lines)
    assert [held.of(0, 0, probe)[0].text for probe in range(3)] == ["0", "2", "4"]
    assert [held.of(0, 1, probe)[0].text for probe in range(2)] == ["1", "3"]


def test_with_a_turn_probes_of_steps_count_within_it(tmp_path: Path) -> None:
    held = opened(tmp_path, data(steps()), {"sample_id": "s", "turn": 1, "probe": 1, "text": "x"})
    assert held.of(0, 1, 1)[0].text == "x"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"sample_id": "nobody", "text": ""}, "sample_id 'nobody' is not in the data set"),
        ({"native_id": "1", "text": ""}, "native_id '1' is not in the data set"),
        ({"native_id": 7, "text": ""}, "stands for 2 samples: give its task"),
        ({"native_id": 7, "task": "OCR", "text": ""}, "native_id '7' of task 'OCR' is not"),
        ({"sample_id": "c", "turn": 2, "text": ""}, "has 2 turns, none is 2"),
        ({"sample_id": "e", "probe": 1, "text": ""}, "turn 0 has 1 probes, none is 1"),
        ({"sample_id": "e", "probe": -1, "text": ""}, "probe is -1: need a whole number"),
        ({"sample_id": "e", "turn": 0.0, "text": ""}, "turn is 0.0: need a whole number"),
        ({"sample_id": "e", "turn": True, "text": ""}, "turn is True: need a whole number"),
        ({"sample_id": 5, "text": ""}, "sample_id is 5: need a string"),
        ({"text": "A"}, "has neither sample_id nor native_id"),
        ({"sample_id": "e"}, "has no text"),
        ({"sample_id": "p", "t_emit": -1}, "t_emit is -1: need seconds"),
        ({"sample_id": "p", "t_emit": "5"}, "t_emit is '5': need seconds"),
        (b'{"sample_id":"p","t_emit":1e999}\n', "t_emit is inf: need seconds"),
        (b'{"sample_id":"e","text":NaN}\n', "NaN is not a JSON number"),
        ([1], r"is \[1\]: need an object"),
        (b'{"sample_id": "e", "te\n', "is not JSON"),
        (b"\xff\xfe\x00\n", "is not JSON"),
        (b"[" * 100_000 + b"\n", "is not JSON"),
    ],
)
def test_a_line_that_can_not_be_used_is_told_with_file_and_line(tmp_path: Path, line: Any, told: str) -> None:
    with pytest.raises(DataError, match=rf"preds\.jsonl:2: .*{told}"):
        opened(tmp_path, ALL, {"sample_id": "e", "text": "A"}, line)


def test_a_second_answer_is_a_duplicate(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"preds\.jsonl:3: sample 'e' turn 0 probe 0 was already answered"):
        opened(
            tmp_path,
            ALL,
            *[{"sample_id": "e", "text": t} for t in "A"],
            b"\n",
            {"sample_id": "e", "text": "B"},
        )


def test_many_faults_are_one_line_with_counts(tmp_path: Path) -> None:
    lines = [{"sample_id": f"x{n}", "text": ""} for n in range(40)] + [{"sample_id": "e"}]
    with pytest.raises(DataError) as told:
        opened(tmp_path, ALL, *lines)
    assert "(in all: 1 malformed, 40 unknown); mend these lines, or leave them out with --partial" in str(
        told.value
    )
    assert len(str(told.value).splitlines()) == 1
    assert "x2" in str(told.value)
    assert "x3" not in str(told.value)


def test_partial_counts_them_and_keeps_the_first_answer(tmp_path: Path) -> None:
    lines = [{"sample_id": "e", "text": "A"}, {"sample_id": "e", "text": "B"}, {"sample_id": "x", "text": ""}]
    held = opened(tmp_path, ALL, *lines, b'{"cut', partial=True)
    assert dict(held.faults.counts) == {"duplicate": 1, "unknown": 1, "malformed": 1}
    assert held.of(2, 0, 0) == (Prediction("A"),)


def test_an_empty_file_answers_nothing(tmp_path: Path) -> None:
    assert opened(tmp_path, ALL).answered == 0


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file or directory"):
        Predictions(tmp_path / "none.jsonl", ALL)


def test_windows_line_ends_are_line_ends(tmp_path: Path) -> None:
    assert opened(tmp_path, ALL, b'{"sample_id":"e","text":"A"}\r\n\r\n').of(2, 0, 0) == (Prediction("A"),)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "sample_id": st.sampled_from(["c", "p", "e", "x"]) | anything,
        "native_id": st.sampled_from(["7", 7, "/p"]) | anything,
        "task": st.sampled_from(["EPM", "md"]) | anything,
        "turn": st.integers(-1, 3) | anything,
        "probe": st.integers(-1, 3) | anything,
        "text": anything,
        "t_emit": st.floats() | anything,
    },
)


@quick
@given(st.lists(fields | anything, max_size=4), st.binary(max_size=20))
def test_whatever_a_file_holds_it_is_read_or_told_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Any], end: bytes
) -> None:
    path = write(tmp_path_factory.mktemp("fuzz"), [*lines, end])
    with Predictions(path, ALL, partial=True) as held:
        found = [held.of(number, turn, 0) for number, turn in ((0, 0), (0, 1), (1, 0), (2, 0), (3, 0))]
    assert sum(map(len, found)) + sum(held.faults.counts.values()) == held.lines
    assert len(str(held.faults).splitlines()) <= 1
