from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench_kit import quick
from hypothesis import given
from hypothesis import strategies as st
from native_kit import bring, bring_text, cg, choice, entry, ovo, prompt, pvqa, rec, rtv, same, sequel, write

from bench.data.importers.choices import letter, read_choices
from bench.data.importers.clock import read_interval, read_stamp
from bench.data.importers.fields import Node
from bench.data.lint import CODES
from shared.errors import DataError


@pytest.mark.parametrize(
    ("text", "s", "code"),
    [
        ("00:03:10", 190, None),
        ("0:04:28", 268, None),
        ("00:24", 24, "ts_odd_form"),
        ("00:00:8", 8, "ts_odd_form"),
        ("00:12450", 12450, "ts_unparseable"),
        ("05:11:00", 18660, None),
        ("01:75", 135, "ts_unparseable"),
        (" 00:03:10.5 ", 190.5, None),
    ],
)
def test_time_stamps_are_read_in_every_form_that_occurs(text: str, s: float, code: str | None) -> None:
    stamp = read_stamp(Node(text, "/0/time_stamp"))
    assert (stamp.s, [issue.code for issue in stamp.issues]) == (s, [code] if code else [])


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("[0:00:00 - 0:00:10]", (0, 10)),
        ("9.0 -- 13.0", (9, 13)),
        ("[1:02:03 - 1:02:04.5]", (3723, 3724.5)),
        ("soon", None),
        ("1 - 2 - 3", None),
        ("[1:2:3:4 - 5]", None),
    ],
)
def test_intervals_are_read_or_are_none(text: str, ends: tuple[float, float] | None) -> None:
    assert read_interval(text) == ends


@pytest.mark.parametrize(
    ("options", "keys", "texts", "codes"),
    [
        (["A. a", "B. b"], "AB", ["a", "b"], []),
        (["(A) a", "(B) b"], "AB", ["a", "b"], []),
        (["one", "two", "three", "four", "five"], "ABCDE", ["one", "two", "three", "four", "five"], []),
        (["A. Smith came", "Jones came"], "AB", ["A. Smith came", "Jones came"], []),
        (["A. a", "B. b", "B. c", "D. d"], "ABCD", ["a", "b", "c", "d"], ["option_labels_malformed"]),
        (["A. a", "C. c", "B. b"], "ACB", ["a", "c", "b"], ["option_labels_malformed"]),
        (
            ["A. a", "", "B. b", "and b", "C. c"],
            "ABC",
            ["a", "b and b", "c"],
            ["empty_option", "option_split"],
        ),
        (["A. a", "B. b", "C c", "D. d"], "ABCD", ["a", "b", "C c", "d"], ["option_labels_malformed"]),
        (["A. a", "B. b", "C. c", "D. d", "D. d"], "ABCDE", [*"abcd", "d"], ["option_labels_malformed"]),
        (["A. a", "B. b", "C. c", "and c", "D. d"], "ABCD", ["a", "b", "c and c", "d"], ["option_split"]),
        (["A. a", None, "B. b"], "AB", ["a", "b"], ["empty_option"]),
        (["A. a", "", "B. b"], "AB", ["a", "b"], ["empty_option"]),
        (["one", "", "two"], "ABC", ["one", "", "two"], ["empty_option"]),
        ([1, 2.5], "AB", ["1", "2.5"], ["option_not_text", "option_not_text"]),
    ],
)
def test_options_of_every_shape_get_keys_in_order(
    options: list[Any], keys: str, texts: list[str], codes: list[str]
) -> None:
    made = read_choices(Node(options, "/options"))
    assert "".join(option.key for option in made.options) == keys
    assert [option.text for option in made.options] == texts
    assert [issue.code for issue in made.issues] == codes


def test_letters_go_on_after_z() -> None:
    assert [letter(place) for place in (0, 25, 26, 27, 51, 52)] == ["A", "Z", "AA", "AB", "AZ", "BA"]


@quick
@given(st.lists(st.text(max_size=8), min_size=1, max_size=9))
def test_no_option_is_lost_whatever_the_texts(texts: list[str]) -> None:
    if not any(text.strip() for text in texts):
        return
    made = read_choices(Node(texts, "/options"))
    shown = " ".join(option.text for option in made.options)
    assert len({option.key for option in made.options}) == len(made.options)
    assert sum(map(len, shown.split())) >= sum(len(w) for t in texts for w in t.split()) - 3 * len(texts)


@pytest.mark.parametrize(
    ("bench", "record", "codes"),
    [
        ("streamingbench", entry(choice("00:00:8")), {"ts_odd_form", "interval_mismatch"}),
        ("streamingbench", entry(choice(answer="E")), {"gold_not_in_options"}),
        ("streamingbench", entry(choice(answer="blue")), {"gold_odd_form"}),
        ("streamingbench", entry(choice(answer="(c).")), {"gold_odd_form"}),
        ("streamingbench", entry(choice(answer="B. green")), {"gold_odd_form"}),
        ("streamingbench", entry(choice(answer=None)), {"gold_missing"}),
        ("streamingbench", entry(choice(question="")), {"question_empty"}),
        ("ovo-bench", ovo(realtime="00:00:8"), {"ts_odd_form"}),
        ("ovo-bench", rec(start_times=[0]), {"spans_uneven"}),
        ("rtv-bench", rtv(answer=""), {"gold_missing"}),
        ("omnimmi", {"video": "m", "qa": [{"question": "?", "answer": "a", "timestamp": "later"}]},
         {"ts_unparseable"}),
        ("streamingbench", entry(choice(options=["A. x", "B. x"], answer="A")), {"duplicate_option"}),
        ("streamingbench", entry(prompt("00:03:10", "00:03:10")), {"gold_at_ask"}),
        ("streamingbench", [sequel(3, video="s"), sequel(1, video="s")], {"times_unsorted", "interval_mismatch"}),
        ("ovo-bench", ovo(gt=9), {"gold_not_in_options"}),
        ("ovo-bench", ovo(options=["a bell"], gt=0), {"single_option"}),
        ("rtv-bench", rtv(options={"x": "1", "y": "2"}), {"option_labels_malformed"}),
        ("rtv-bench", rtv(questionID="q7"), {"id_malformed"}),
        ("omnimmi", {"video": "m", "question": "?", "answer": "no", "vocab": ["a", "b"]},
         {"gold_not_in_options", "ts_unknown"}),
        ("omnimmi", {"video": "m", "qa": [{"question": "##ANSWER##?", "answer": "a", "timestamp": "2 -- 1"}]},
         {"slot_without_turn", "times_unsorted"}),
        ("proactivevideoqa", pvqa(answer=[]), {"gold_missing"}),
        ("proactivevideoqa", pvqa(duration=8.0), {"ts_out_of_video"}),
        ("cg-bench", cg(clue_intervals=[[12, 10]]), {"times_unsorted"}),
    ],
)  # fmt: skip
def test_each_kind_of_dirt_has_its_code(tmp_path: Path, bench: str, record: Any, codes: set[str]) -> None:
    imported = bring(tmp_path, bench, [record])
    assert codes <= imported.codes() <= codes | {"interval_mismatch"}
    assert imported.codes() <= CODES.keys()


def test_a_question_that_is_there_twice_is_noted_on_the_second(tmp_path: Path) -> None:
    imported = bring(tmp_path, "ovo-bench", [ovo(), ovo(number=8), ovo(number=9, gt=0, answer="a bow")])
    assert [imported.codes(n) & {"duplicate", "gold_conflict"} for n in range(3)] == [
        set(),
        {"duplicate"},
        {"duplicate", "gold_conflict"},
    ]


@pytest.mark.parametrize(
    ("bench", "record", "said"),
    [
        ("ovo-bench", ovo(realtime="soon"), "/1/realtime: expected a time such as 00:03:10, found 'soon'"),
        ("ovo-bench", ovo(realtime=-1), "/1/realtime: -1.0 is before the start"),
        ("ovo-bench", ovo(realtime=10**400), "/1/realtime: 1000"),
        ("ovo-bench", ovo(realtime=1e300), "/1/realtime: 1e+300 is beyond"),
        ("ovo-bench", ovo(realtime=float("nan")), "/1/realtime: nan is not a JSON number"),
        ("ovo-bench", ovo(realtime=True), "/1/realtime: expected a number, found true or false"),
        ("ovo-bench", ovo(task="XYZ"), "/1/task: 'XYZ' is no task of this benchmark"),
        ("ovo-bench", ovo(options=None), "/1/options: expected a list, found null"),
        ("ovo-bench", ovo(options=[]), "/1/options: holds 0 items"),
        ("ovo-bench", ovo(options=["", " "]), "/1/options: holds no option"),
        ("ovo-bench", ovo(options=[{}, []]), "/1/options/0: expected text, found an object"),
        ("ovo-bench", ovo(video=""), "/1/video: is empty"),
        ("ovo-bench", ovo(question="\ud800"), "/1/question: holds half of a surrogate pair"),
        ("ovo-bench", {"id": 1, "task": "OCR"}, "/1/options: is missing"),
        ("ovo-bench", None, "/1: expected an object, found null"),
        ("streamingbench", entry({"task_type": "x"}), "/1/questions/0/options: is missing"),
        ("streamingbench", {"questions": 4}, "/1/questions: expected a list"),
        ("streamingbench", [], "/1: holds 0 items"),
        ("streamingbench", entry(choice("a:b")), "/1/questions/0/time_stamp: expected a time such as 00:03:10"),
        ("rtv-bench", rtv(options="AB"), "/1/options: expected an object, found text"),
        ("omnimmi", {"video": "m", "question": "?", "answer": [1]}, "/1/answer: holds 1 numbers, a span has two"),
        ("proactivevideoqa", pvqa(conversation=[{"role": "a", "content": "b"}]), "holds no question of a user"),
        ("cg-bench", cg(clue_intervals=None), "/1/clue_intervals: expected a list, found null"),
        ("svbench", {"chain": {"questions": ["a"], "answers": []}, "qac_timestamps_start": 0,
                     "qac_timestamps_end": 1}, "/1/chain/answers: 1 questions, 0 answers"),
    ],
)  # fmt: skip
def test_a_record_that_can_not_be_mapped_stops_the_import_with_its_place_or_is_kept_aside(
    tmp_path: Path, bench: str, record: Any, said: str
) -> None:
    good = {"streamingbench": entry(choice()), "ovo-bench": ovo(number=99), "rtv-bench": rtv(),
            "omnimmi": {"video": "m", "question": "?", "answer": [1, 2]}, "proactivevideoqa": pvqa(),
            "cg-bench": cg(), "svbench": {"questions": ["a"], "answers": ["b"], "timestamps": [[0, 1]]}}  # fmt: skip
    write(tmp_path, [good[bench], record])
    with pytest.raises(DataError) as stopped:
        bring_text(tmp_path, bench)
    assert said in str(stopped.value)
    assert "\n" not in str(stopped.value)
    assert not (tmp_path / "out/all.json").exists()
    made = bring_text(tmp_path, bench, keep_going=True)
    assert [reject.pointer.split("/")[1] for reject in made.rejects] == ["1"]
    assert made.written.samples == 1
    assert same(tmp_path)


def test_the_first_of_several_faults_is_told_with_their_number(tmp_path: Path) -> None:
    records = [ovo(), ovo(number=1, gt="x"), ovo(number=2, video=None), ovo(number=3, task=3)]
    with pytest.raises(DataError, match=r"a\.json: /1/gt: .* \(3 records can't be mapped\); mend it"):
        bring(tmp_path, "ovo-bench", records)
