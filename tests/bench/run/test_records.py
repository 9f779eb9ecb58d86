from __future__ import annotations

from bench_kit import answered, asked, failed, quick, sample
from hypothesis import given
from hypothesis import strategies as st

from bench.run.records import Play, Record, complete_openings, effective, record_of, strip_timings
from shared.messages import Answer, Draft, Note, RouteStamp, Status, Timings, Usage
from shared.messages import Path as Way

BOTH = (Way.S1, Way.S2)


def test_a_record_is_one_line_and_is_read_as_it_was() -> None:
    record = answered(sample("a\nü"), "A")
    line = record.to_line()
    assert line.count(b"\n") == 1
    assert line.startswith(b'{"schema":"dsb.record/1","run":')
    assert Record.from_line(line) == record


@quick
@given(
    st.text(max_size=30), st.floats(0, 1e6), st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=3)
)
def test_no_answer_breaks_the_line(raw: str, t: float, probs: dict[str, float]) -> None:
    draft = Draft(raw=raw, probs=probs, evidence_times=(t,), rationale=raw)
    record = answered(sample("a"), "", draft=draft)
    assert record.to_line().count(b"\n") == 1
    assert Record.from_line(record.to_line()) == record


def test_a_record_keeps_the_evidence_of_its_answer() -> None:
    item = sample("a")
    note = Note(opening="r_0_1", run="r", seq=1, t_start=5, t_end=5, text="red circle")
    draft = Draft(
        raw="B", choice="B", confidence=0.5, frames_idx=(9, 10), frames_ts=(9.0, 10.0), notes=(note,)
    )
    answer = Answer(
        opening="r_0_1", key=asked(item).key, path=Way.S2, t_ask=10.5, draft=draft,
        route=RouteStamp(route="rule", score=1.0, reason="past", router_s=0.01), epoch=3, attempts=2,
    )  # fmt: skip
    record = record_of(answer, asked(item), play=Play("r", "r_0_1", 0, 1), latency_s=0.12345678)
    assert (record.choice, record.frames_ts, record.notes) == ("B", (9.0, 10.0), (note,))
    assert (record.route, record.route_score, record.route_reason) == ("rule", 1.0, "past")
    assert (record.kind, record.epoch, record.attempts, record.latency_s) == ("final", 3, 2, 0.123457)


def test_an_emission_is_no_final() -> None:
    item = sample("a")
    answer = Answer(
        opening="r_0_1", key=asked(item).key, path=Way.S1, n="7", t_ask=10.5, route=RouteStamp(route="both")
    )
    record = record_of(answer, asked(item), play=Play("r", "r_0_1", 0, 1))
    assert (record.kind, record.tick) == ("emission", 7)


def test_the_highest_attempt_of_each_play_supersedes_the_others() -> None:
    a, b = sample("a"), sample("b", video="v1.mp4")
    first = answered(a, "A")
    again = answered(a, "B", play=Play("r", "r_0_3", 0, 3))
    other = answered(b, "C", play=Play("r", "r_1_1", 1, 1))
    assert effective([first, other, again]) == [other, again]


def test_a_play_is_done_when_each_question_has_a_final_on_each_path_it_owes() -> None:
    a, b = sample("a"), sample("b")
    plays = {0: [asked(a), asked(b)]}
    records = [answered(a, "A"), answered(a, "A", path=Way.S2), failed(b, Status.TIMEOUT)]
    assert complete_openings(records, plays, lambda q: BOTH) == set()
    assert complete_openings(records, plays, lambda q: (Way.S1,)) == {0}
    assert complete_openings([*records, failed(b, Status.ERROR, path=Way.S2)], plays, lambda q: BOTH) == {0}


def test_finals_of_two_attempts_do_not_add_up() -> None:
    a, b = sample("a"), sample("b")
    again = Play("r", "r_0_2", 0, 2)
    records = [answered(a, "A"), answered(b, "A", play=again)]
    assert complete_openings(records, {0: [asked(a), asked(b)]}, lambda q: (Way.S1,)) == set()


def test_an_emission_does_not_complete_a_question() -> None:
    a = sample("a")
    record = answered(a, "A").model_copy(update={"kind": "emission", "tick": 1})
    assert complete_openings([record], {0: [asked(a)]}, lambda q: (Way.S1,)) == set()


def test_two_runs_are_compared_without_what_the_clock_and_the_workers_decide() -> None:
    a = sample("a")
    note = Note(opening="r_0_1", run="r", seq=1, t_start=5, t_end=5, text="red circle")
    one = answered(a, "A").model_copy(update={"notes": (note,)})
    moved = note.model_copy(update={"opening": "q_0_2", "run": "q"})
    changes = {
        "run": "q", "opening": "q_0_2", "attempt": 2, "worker": "w2", "epoch": 9, "attempts": 3, "trace": "t",
        "latency_s": 9.0, "wait_s": 1.0, "router_s": 1.0, "stages": Timings(model=3), "notes": (moved,),
        "usage": Usage(frames_encoded=4, reused_tokens=9, saved_s=0.5, cache_bytes=7, frames_reencoded=1),
        "mode": "offline",
    }  # fmt: skip
    assert strip_timings(one) == strip_timings(one.model_copy(update=changes))


def test_a_different_answer_or_different_evidence_is_seen() -> None:
    a = sample("a")
    assert strip_timings(answered(a, "A")) != strip_timings(answered(a, "B"))
    assert strip_timings(answered(a, "A")) != strip_timings(answered(a, "A", frames=(8.0, 10.0)))
