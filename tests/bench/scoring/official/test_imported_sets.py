"""Imported files, scored with their own gold as the predictions: every figure is full marks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from native_kit import Native, bring, everything, ovo

from bench.data.dataset import load_dataset
from bench.data.schema import AnswerForm, Gold, Sample
from bench.scoring.official import is_free
from bench.scoring.scorefile import Asked, OfficialFileScores, score_officially

STATES = {"READY": "Yes", "WAIT": "No", True: "Yes", False: "No"}


def gold_lines(sample: Sample) -> Iterator[dict[str, Any]]:
    """What a system that knows would say, in official words."""
    for number, turn in enumerate(sample.turns):
        head = {"sample_id": sample.id, "turn": number}
        if is_free(turn):
            trigger = turn.trigger
            assert trigger is not None
            times = trigger.gold_s or tuple(span.from_s for span in trigger.gold_spans)
            for place, t in enumerate(times):
                text = turn.answer.gold[place].text if turn.answer.gold else ""
                yield {**head, "t_emit": t, "text": text}
            continue
        for probe, t in enumerate(turn.asks):
            held = turn.answer.gold_at(t) or Gold()
            value = held.text if held.value is None else held.value
            states = turn.answer.form in (AnswerForm.YES_NO, AnswerForm.SUFFICIENCY)
            yield {**head, "probe": probe, "text": STATES[value] if states else value}


def scored(folder: Path, native: Native, lines: list[dict[str, Any]]) -> OfficialFileScores:
    (folder / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return score_officially(load_dataset(folder / "out"), folder / "p.jsonl", Asked())


CLEAN = [native for native in everything() if native.bench != "rtv-bench"]


@pytest.mark.parametrize("native", CLEAN, ids=[f"{native.bench}-{native.name}" for native in CLEAN])
def test_gold_answers_have_full_marks_under_every_profile(tmp_path: Path, native: Native) -> None:
    samples = bring(tmp_path, native.bench, native.value, name=native.name).samples
    lines = [line for sample in samples for line in gold_lines(sample)]
    found = scored(tmp_path, native, lines)
    for item in found.scores.profiles:
        scores = item.scores
        timely = scores.metrics.get("pauc@1", scores.value)  # at ω = 1 a right reply at any time is full
        assert timely == 1.0, scores
    assert len(found.scores.profiles) >= 1


def test_an_answer_that_is_no_option_is_no_answer_in_rtv_bench(tmp_path: Path) -> None:
    native = next(native for native in everything() if native.bench == "rtv-bench")
    samples = bring(tmp_path, native.bench, native.value, name=native.name).samples
    lines = [line for sample in samples for line in gold_lines(sample)]
    scores = scored(tmp_path, native, lines).scores.profiles[0].scores
    assert scores.value == 0.75  # the fourth record's answer is Z
    assert scores.metrics["score"] == 0.0


def test_forward_probes_are_found_by_their_place_in_the_file(tmp_path: Path) -> None:
    native = next(native for native in everything() if native.bench == "ovo-bench")
    bring(tmp_path, native.bench, native.value, name=native.name)
    lines = [
        {"native_id": record["id"], "task": record["task"], "probe": place, "text": text}
        for record in native.value
        for place, text in enumerate(_texts(record))
    ]
    found = scored(tmp_path, native, lines)
    assert {item.scores.profile: item.scores.value for item in found.scores.profiles} == {
        "ovo.hld@1": 1.0,
        "ovo.ocr@1": 1.0,
        "ovo.rec@1": 1.0,
        "ovo.ssr@1": 1.0,
        "ovo.crr@1": 1.0,
    }


def _texts(record: dict[str, Any]) -> list[str]:
    """Right answers by the file's own fields."""
    if "test_info" not in record:
        return ["ABCDE"[record["gt"]]]
    return [
        str(entry["count"]) if "count" in entry else ("No", "Yes")[entry["type"]]
        for entry in record["test_info"]
    ]


def test_options_that_look_labelled_are_named_by_their_place(tmp_path: Path) -> None:
    record = ovo(options=["J. Smith", "K. Doe", "L. Roe"], answer="K. Doe")
    sample = bring(tmp_path, "ovo-bench", [record]).samples[0]
    native = Native("ovo-bench", "a.json", [record])
    assert (
        scored(tmp_path, native, [{"sample_id": sample.id, "text": "B"}]).scores.profiles[0].scores.value == 1
    )
