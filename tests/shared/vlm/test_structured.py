from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.vlm.structured import StructuredReply, read_reply, schema

WHOLE = {"answer": "B", "confidence": 0.75, "evidence_times": [1, 2.5], "rationale": "It is red."}


@pytest.mark.parametrize("around", ["{}", " {}\n", "```json\n{}\n```", "Well, {{see}}: {} So it is."])
def test_the_object_is_found_whatever_stands_around_it(around: str) -> None:
    found = read_reply(around.format(json.dumps(WHOLE)))
    assert found == StructuredReply("B", 0.75, (1.0, 2.5), "It is red.")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "B",
        "{",
        '{"answer": ',
        '{"answer": ""}',
        '{"answer": null}',
        '{"answer": [1]}',
        '{"a": 1}',
        "[1, 2]",
    ],
)
def test_without_an_answer_there_is_no_reply(text: str) -> None:
    assert read_reply(text) is None


@pytest.mark.parametrize(
    ("field", "value", "name", "read"),
    [
        ("answer", 3, "answer", "3"),
        ("confidence", 87, "confidence", None),
        ("confidence", "high", "confidence", None),
        ("confidence", True, "confidence", None),
        ("evidence_times", ["now", 4, None, float("nan")], "evidence_times", (4.0,)),
        ("evidence_times", 4, "evidence_times", ()),
        ("rationale", None, "rationale", ""),
    ],
)
def test_what_is_not_of_its_kind_is_left_out_and_the_answer_stays(
    field: str, value: object, name: str, read: object
) -> None:
    found = read_reply(json.dumps(WHOLE | {field: value}))
    assert found is not None
    assert getattr(found, name) == read
    assert found.answer == ("3" if field == "answer" else "B")


@settings(max_examples=50, deadline=None)
@given(st.text() | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(json.dumps))
def test_any_text_is_read_or_not_but_never_fails(text: str) -> None:
    found = read_reply(text + json.dumps(WHOLE)[: len(text)])
    assert found is None or found.answer


def test_the_schema_is_closed_and_binds_the_answer_to_the_labels() -> None:
    made = schema(("A", "B"))
    assert (
        made["required"]
        == list(made["properties"])
        == ["answer", "confidence", "evidence_times", "rationale"]
    )
    assert made["properties"]["answer"] == {"type": "string", "enum": ["A", "B"]}
    assert schema()["properties"]["answer"] == {"type": "string"}
