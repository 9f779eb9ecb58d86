from __future__ import annotations

from pathlib import Path

import pytest
from native_kit import bring, cg, choice, crr, entry, everything, ovo, prompt, pvqa, rec, rtv, sequel, ssr

from bench.data import Part, Sample
from bench.data.importers import place_of
from bench.data.schema import AnswerForm, Gold, Span


def only(folder: Path, bench: str, record: object, *, name: str = "a.json") -> Sample:
    return bring(folder, bench, [record], name=name).samples[0]


def golds(sample: Sample, turn: int, times: list[float]) -> list[object]:
    spec = sample.turns[turn].answer
    return [gold.value if (gold := spec.gold_at(t)) is not None else None for t in times]


def test_a_question_of_streamingbench_becomes_a_choice_at_its_time_stamp(tmp_path: Path) -> None:
    sample = only(
        tmp_path, "streamingbench", entry(choice(), captions="the blue one"), name="questions_real.json"
    )
    turn = sample.turns[0]
    assert (sample.part, sample.task, sample.uri) == (
        Part.REALTIME, "Object Recognition", "./videos/sample_1_real.mp4"
    )  # fmt: skip
    assert (turn.ask_s, turn.ability, turn.answer.gold) == (190.0, "working memory", (Gold(value="C"),))
    assert [(o.key, o.text) for o in turn.answer.options][2] == ("C", "blue")
    assert sample.id.startswith("streamingbench/real/0/questions/0#")
    assert (sample.scoring.profile, sample.scoring.params) == ("streamingbench.real@1", {"view_s": 60.0})


@pytest.mark.parametrize(
    ("task", "ability", "part", "profile"),
    [
        ("Object Recognition", "episodic memory", Part.REASONING, "real"),
        ("Clips Summarize", "working memory", Part.REASONING, "real"),
        ("Emotion Recognition", "working memory", Part.REALTIME, "omni"),
        ("Misleading Context Understanding", "working memory", Part.REASONING, "omni"),
    ],
)
def test_what_needs_the_past_is_reasoning(
    tmp_path: Path, task: str, ability: str, part: Part, profile: str
) -> None:
    sample = only(tmp_path, "streamingbench", entry(choice(task_type=task, required_ability=ability)))
    assert (sample.part, sample.scoring.profile) == (part, f"streamingbench.{profile}@1")
    assert ("audio" in sample.modalities) == (task == "Emotion Recognition")


def test_a_chain_of_streamingbench_is_one_sample_whose_turns_lean_on_all_earlier_ones(tmp_path: Path) -> None:
    sample = only(tmp_path, "streamingbench", [sequel(1), sequel(2), sequel(4)])
    assert [turn.ask_s for turn in sample.turns] == [90, 150, 270]
    assert [[link.turn for link in turn.depends_on] for turn in sample.turns] == [[], [0], [0, 1]]
    assert (sample.part, sample.scoring.profile) == (Part.SEQUENTIAL, "streamingbench.sqa@1")


def test_a_proactive_question_has_its_gold_time_and_the_official_poll(tmp_path: Path) -> None:
    sample = only(tmp_path, "streamingbench", entry(prompt()))
    trigger = sample.turns[0].trigger
    assert trigger is not None
    assert (trigger.gold_s, trigger.tolerance_s, trigger.view_from) == ((29.0,), 2.0, 20.0)
    assert trigger.poll is not None
    assert (trigger.poll.from_s, trigger.poll.to_s, trigger.poll.text) == (21.0, 33.0, "down")
    assert sample.turns[0].answer.form is AnswerForm.EMIT


def test_the_stream_variant_is_a_subset_of_its_own(tmp_path: Path) -> None:
    stream = entry(choice(), choice("00:05:00", audio_path="a.wav"))
    imported = bring(tmp_path, "streamingbench", [stream], name="questions_real_stream.json")
    assert {sample.source.subset for sample in imported.samples} == {"real_stream"}
    assert {sample.scoring.profile for sample in imported.samples} == {"streamingbench.real@1"}


def test_the_name_of_the_file_says_whether_it_is_omni(tmp_path: Path) -> None:
    sample = only(
        tmp_path, "streamingbench", entry(choice(task_type="New")), name="questions_omni_stream.json"
    )
    assert (sample.scoring.profile, sample.source.subset) == ("streamingbench.omni@1", "omni_stream")
    assert sample.modalities == ("video", "audio")


def test_ovo_choices_trust_gt_and_note_another_answer_text(tmp_path: Path) -> None:
    imported = bring(tmp_path, "ovo-bench", [ovo(), ovo("HLD", 8, answer="a cow", realtime=20)])
    first, second = imported.samples
    assert (first.part, first.task, first.turns[0].ask_s) == (Part.REALTIME, "OCR", 12.5)
    assert [o.key for o in first.turns[0].answer.options] == ["A", "B", "C"]
    assert second.turns[0].answer.gold == (Gold(value="B"),)
    assert (second.part, imported.codes(0), imported.codes(1)) == (
        Part.REASONING,
        set(),
        {"gold_text_differs"},
    )
    assert (second.source.native_id, second.scoring.profile) == ("8", "ovo.hld@1")


def test_crr_is_ready_from_the_clue_on(tmp_path: Path) -> None:
    sample = only(tmp_path, "ovo-bench", crr())
    turn = sample.turns[0]
    assert (sample.part, turn.answer.form, turn.ask_s) == (Part.CLUE, AnswerForm.SUFFICIENCY, 5)
    assert turn.probe_s == (5, 9, 12)
    assert golds(sample, 0, [8.99, 9]) == ["WAIT", "READY"]
    ready = turn.answer.gold_at(100)
    assert ready is not None
    assert ready.text == "In a tree."


def test_ssr_asks_each_step_and_is_yes_inside_it_with_both_ends(tmp_path: Path) -> None:
    sample = only(tmp_path, "ovo-bench", ssr())
    assert [turn.probe_s for turn in sample.turns] == [(3, 7, 33), (6, 20)]
    assert golds(sample, 0, [1, 2, 5, 5.01, 30, 33, 34]) == [False, True, True, False, True, True, False]
    assert golds(sample, 1, [9.9, 10, 20, 20.01]) == [False, True, True, False]
    assert not sample.issues


def test_each_entry_of_test_info_has_its_place(tmp_path: Path) -> None:
    steps, clue = bring(tmp_path, "ovo-bench", [ssr(), crr()]).samples
    assert [place_of(steps, n) for n in range(5)] == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2)]
    assert [place_of(clue, n) for n in (0, 2, 3, -1)] == [(0, 0), (0, 2), None, None]


def test_rec_counts_the_ends_so_far(tmp_path: Path) -> None:
    sample = only(tmp_path, "ovo-bench", rec(end_times=[13, 5], start_times=[6, 0]))
    assert golds(sample, 0, [0, 4.9, 5, 12.9, 13, 999]) == [0, 0, 1, 1, 2, 2]
    assert not sample.issues


def test_forward_gold_that_disagrees_with_its_times_is_a_conflict_and_kept_for_the_official_score(
    tmp_path: Path,
) -> None:
    twice = [{"realtime": 5, "count": 1}, {"realtime": 5, "count": 2}]
    late = [{"realtime": 8, "type": 1}]
    step = [{"realtime": 3, "step": "run", "type": 0}]
    records = [rec(test_info=twice), crr(test_info=late, id=30), ssr(test_info=step, id=31)]
    imported = bring(tmp_path, "ovo-bench", records)
    assert all("gold_conflict" in imported.codes(n) for n in range(3))
    told = [sample.scoring.params.get("probe_gold") for sample in imported.samples]
    assert told == [{"0/1": 2}, {"0/0": "READY"}, {"0/0": False}]


def test_rtv_gold_is_a_function_of_time_where_one_text_is_asked_again(tmp_path: Path) -> None:
    records = [rtv(2, 1, 20.5, "B"), rtv(2, 0, 10, "A"), rtv(0, 0, 5, "A")]
    imported = bring(tmp_path, "rtv-bench", records)
    for sample in imported.samples[:2]:
        assert golds(sample, 0, [0, 10, 20.4, 20.5, 99]) == ["A", "A", "A", "B", "B"]
    assert imported.samples[2].turns[0].answer.gold == (Gold(value="A"),)
    assert imported.samples[0].group == imported.samples[1].group
    assert [sample.group.role for sample in imported.samples if sample.group] == ["q2", "q2", "q0"]


def test_two_answers_for_one_time_are_a_conflict_and_each_keeps_its_own(tmp_path: Path) -> None:
    imported = bring(tmp_path, "rtv-bench", [rtv(2, 0, 10, "A"), rtv(2, 1, 10, "B")])
    assert [sample.turns[0].answer.gold[0].value for sample in imported.samples] == ["A", "B"]
    assert all("gold_conflict" in imported.codes(n) for n in (0, 1))


def test_the_six_tasks_of_omnimmi_are_told_apart(tmp_path: Path) -> None:
    files = [native for native in everything() if native.bench == "omnimmi"]
    made = {}
    for native in files:
        sample = bring(tmp_path / native.name, "omnimmi", native.value, name=native.name).samples[0]
        made[sample.task] = (sample.part, sample.turns[-1].answer.form)
    assert made == {
        "MD": (Part.SEQUENTIAL, AnswerForm.TEXT),
        "SG": (Part.SEQUENTIAL, AnswerForm.TEXT),
        "AP": (Part.REASONING, AnswerForm.MCQ),
        "SI": (Part.REASONING, AnswerForm.TEXT),
        "PA": (Part.PROACTIVE, AnswerForm.ALERT),
        "PT": (Part.PROACTIVE, AnswerForm.SILENCE),
    }


def test_a_slot_is_filled_by_the_turn_before_it(tmp_path: Path) -> None:
    qa = [
        {"question": "What is it?", "answer": "A kite", "timestamp": "0.0 -- 36.0"},
        {"question": "Who flies ##ANSWER##?", "answer": "A boy", "timestamp": "36.0 -- 40.5"},
    ]
    sample = only(tmp_path, "omnimmi", {"video": "m.mp4", "qa": qa})
    assert [(link.turn, link.mode, link.slot) for link in sample.turns[1].depends_on] == [
        (0, "slot", "##ANSWER##")
    ]
    assert [turn.ask_s for turn in sample.turns] == [36.0, 40.5]
    assert sample.turns[1].evidence[0].span == Span(from_s=36, to_s=40.5)


def test_what_was_said_before_a_turn_that_wants_silence_is_timed_events(tmp_path: Path) -> None:
    talk = [{"human": "Up?", "assistant": "Yes."}, {"human": "I see."}]
    sample = only(tmp_path, "omnimmi", {"video": "m.mp4", "conversation": talk})
    assert [(event.role, event.content) for event in sample.events] == [
        ("user", "Up?"),
        ("assistant", "Yes."),
    ]
    assert sample.turns[0].question == "I see."


def test_proactive_replies_have_a_span_to_be_given_in_and_one_they_are_about(tmp_path: Path) -> None:
    sample = only(tmp_path, "proactivevideoqa", pvqa(), name="TV.anno.json")
    turn = sample.turns[0]
    assert (sample.source.subset, turn.question, turn.ask_s) == ("TV", "What do the kites do?", 1)
    assert [gold.text for gold in turn.answer.gold] == ["One rises.", "It falls."]
    assert turn.trigger is not None
    assert turn.trigger.gold_spans == (Span(from_s=2, to_s=7), Span(from_s=9, to_s=13.4))
    assert [item.span.to_s for item in turn.evidence] == [6, 12.4]
    assert [(event.t, event.kind) for event in sample.events] == [(4.5, "subtitle")]
    assert sample.streams[0].duration_s == 30.5


@pytest.mark.parametrize("name", ["EGO/anno.json", "EGO.anno.json", "in/EGO_anno.json"])
def test_the_subset_of_proactivevideoqa_is_in_the_name_or_the_folder(tmp_path: Path, name: str) -> None:
    assert only(tmp_path, "proactivevideoqa", pvqa(), name=name).source.subset == "EGO"


def test_cg_bench_is_asked_at_the_end_with_its_clues_as_evidence(tmp_path: Path) -> None:
    sample = only(tmp_path, "cg-bench", cg())
    turn = sample.turns[0]
    assert (sample.part, turn.ask_s, turn.answer.gold[0].value) == (Part.REASONING, 90.0, "B")
    assert [(item.kind, item.span.from_s, item.span.to_s) for item in turn.evidence] == [
        ("clue", 10, 12.5),
        ("clue", 40, 41),
    ]


def test_svbench_has_dialogue_chains_and_streaming_paths_and_keeps_links_aside(tmp_path: Path) -> None:
    native = next(native for native in everything() if native.bench == "svbench")
    link = {"chain_1": {}, "chain_2": {}, "relationship": {}}
    imported = bring(tmp_path, "svbench", [*native.value, link], name="vid7.json")
    dialogue, path = imported.samples
    assert ([turn.ask_s for turn in dialogue.turns], dialogue.uri) == ([25, 25], "vid7")
    assert [turn.ask_s for turn in path.turns] == [10, 25]
    assert [(reject.pointer, reject.harmless) for reject in imported.made.rejects] == [
        ("/1", True),
        ("/3", True),
    ]
