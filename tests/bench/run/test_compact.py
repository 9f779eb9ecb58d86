from __future__ import annotations

from pathlib import Path

import pytest
from bench_kit import OPTIONS, answered, both, dataset, quick, run_folder, sample
from hypothesis import given
from hypothesis import strategies as st

from bench.data.schema import AnswerForm, AnswerSpec, Sample
from bench.run.audit import audit_run
from bench.run.compact import Compactor, compacted, digest
from bench.run.config import load_config
from bench.run.folder import RunFolder
from bench.run.records import Record
from bench.scoring import score_run
from bench.scoring.answers import parse_answer
from shared.messages import Draft, Note, Option

NOTE = Note(opening="r_0_1", run="r", seq=1, t_start=4, t_end=5, text="red circle")
SPOKEN = ("B", "(b).", "I think the answer is C, really", "A. because", "A or B", "no idea", "", "green")


def _free(item: Sample) -> AnswerSpec:
    return item.turns[0].answer.model_copy(update={"form": AnswerForm.TEXT, "options": ()})


def _draft(raw: str) -> Draft:
    return Draft(
        raw=raw, rationale="it is red", frames_idx=(9, 10), frames_ts=(9.0, 10.0), notes=(NOTE,), choice=None
    )


def test_text_frames_and_notes_go_and_their_hashes_stay() -> None:
    whole = answered(sample("a"), "", draft=_draft("I think the answer is C, really"))
    small = compacted(whole, sample("a").turns[0].answer)
    line = small.to_line().decode()
    assert not [word for word in ("think", "red", "frames_ts", '"notes":[') if word in line]
    kept = small.compact
    assert kept is not None
    assert kept.raw_hash == digest(whole.raw) != digest("")
    assert (kept.frames, kept.frame_first, kept.frame_last, kept.seen_from_s, kept.seen_to_s) == (
        2, 9, 10, 9.0, 10.0,
    )  # fmt: skip
    assert (kept.notes, kept.told_from_s, kept.told_to_s, kept.foreign_notes) == (1, 4, 5, 0)
    assert Record.from_line(small.to_line()) == small


def test_the_hash_moves_with_frames_and_notes_but_not_with_the_run() -> None:
    item = sample("a")
    answer = item.turns[0].answer
    one = compacted(answered(item, "A").model_copy(update={"notes": (NOTE,)}), answer).compact
    moved = NOTE.model_copy(update={"opening": "q_0_1", "run": "q"})
    two = compacted(answered(item, "A").model_copy(update={"notes": (moved,)}), answer).compact
    other = compacted(answered(item, "A", frames=(8.0, 10.0)), answer).compact
    assert one is not None
    assert two is not None
    assert other is not None
    assert (one.notes_hash, one.frames_hash) == (two.notes_hash, two.frames_hash)
    assert one.frames_hash != other.frames_hash
    assert two.foreign_notes == 1


@quick
@given(
    st.one_of(st.text(max_size=30), st.sampled_from(SPOKEN), st.text("ABCDyesnowit 123.,()", max_size=20)),
    st.sampled_from([form for form in AnswerForm if form.value not in ("emit", "multi_reply", "alert")]),
)
def test_what_is_kept_of_a_text_reads_as_the_text_did(raw: str, form: AnswerForm) -> None:
    options = OPTIONS if form in (AnswerForm.MCQ, AnswerForm.SUFFICIENCY) else ()
    answer = AnswerSpec(form=form, options=options)
    record = answered(sample("a"), "", draft=_draft(raw))
    small = compacted(record, answer)
    assert parse_answer(small.raw, form, options) == parse_answer(raw, form, options)
    assert len(small.raw) <= len(raw)


def test_free_text_is_the_answer_and_stays() -> None:
    item = sample("a")
    record = answered(item, "", draft=_draft("a red circle, I think"))
    assert compacted(record, _free(item)).raw == record.raw


def test_labels_stay_as_they_were_said() -> None:
    item = sample("a")
    for raw in ("A", "yes", "Wait", "17"):
        assert compacted(answered(item, "", draft=_draft(raw)), item.turns[0].answer).raw == raw


def test_compact_records_score_and_audit_as_whole_ones_do(tmp_path: Path) -> None:
    items = [sample(f"s{i}", video=f"v{i}.mp4", gold="BCAD"[i % 4]) for i in range(8)]
    records = both(items, lambda item, way: "")
    records = [
        record.model_copy(
            update={"raw": SPOKEN[i % len(SPOKEN)], "choice": None, "rationale": "because " * 9}
        )
        for i, record in enumerate(records)
    ]
    data = dataset(tmp_path, items)
    whole = run_folder(tmp_path / "whole", data, records)
    small = RunFolder(run_folder(tmp_path / "small", data).path)
    with small.writer(Compactor(items)) as writer:
        writer.write(*records)
    told = [score_run(folder).model_dump_json(exclude={"run"}) for folder in (small, whole)]
    assert told[0] == told[1]
    assert audit_run(small).violations == audit_run(whole).violations == ()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"seen_to_s": 11.0}, "causality"),
        ({"told_to_s": 11.0, "notes": 1}, "causality"),
        ({"foreign_notes": 1, "notes": 1}, "causality"),
        ({"frames": 99}, "window"),
        ({"frame_first": 0, "frame_last": 99}, "window"),
    ],
)
def test_the_audit_sees_what_a_compact_record_says(
    tmp_path: Path, change: dict[str, float], rule: str
) -> None:
    item = sample("a")
    small = compacted(answered(item, "A"), item.turns[0].answer)
    assert small.compact is not None
    bad = small.model_copy(update={"compact": small.compact.model_copy(update=change)})
    config = load_config(None, {"system.route": "force-s1"})
    folder = run_folder(tmp_path / "run", dataset(tmp_path, [item]), [bad], config=config)
    assert {violation.rule for violation in audit_run(folder).violations} == {rule}


def test_more_labels_than_one_letter_are_read_the_same() -> None:
    options = tuple(Option(key=key, text=text) for key, text in (("10", "ten"), ("1", "one"), ("X", "none")))
    answer = AnswerSpec(options=options)
    for raw in ("the answer is 10", "1. one", "(10) because", "10 or 1", "none"):
        small = compacted(answered(sample("a"), "", draft=_draft(raw)), answer)
        assert parse_answer(small.raw, answer.form, options) == parse_answer(raw, answer.form, options)
