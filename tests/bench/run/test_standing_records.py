from __future__ import annotations

from bench_kit import OPTIONS, dataset

from bench.data import AskedQuestion, AskRules, Part, Sample, Turn, to_questions
from bench.data.schema import AnswerForm, AnswerSpec, Gold, Poll, Stream, Trigger
from bench.run.plan import Play as Planned
from bench.run.plan import plan, questions
from bench.run.polling import as_tick, poll, reply, said_yes
from bench.run.records import Play, Record
from bench.run.standing import Follow
from shared.messages import Answer, Draft, Form, Path, RouteStamp, Status

STAMP = Play("r", "r_0_1", 0, 1)
ROUTE = RouteStamp(route="both")


def watch(name: str = "w", *, ask_s: float = 2.0, part: Part = Part.PROACTIVE) -> Sample:
    form = AnswerForm.EMIT if part is Part.PROACTIVE else AnswerForm.SUFFICIENCY
    trigger = Trigger(gold_s=(4.0,), poll=Poll(every_s=1, from_s=3, to_s=6, text="a star"))
    answer = AnswerSpec(form=form, options=OPTIONS, gold=(Gold(text="a star"),))
    turn = Turn(question="Say when.", ask_s=ask_s, trigger=trigger, answer=answer)
    return Sample(id=name, part=part, streams=(Stream(uri="v.mp4", duration_s=30),), turns=(turn,))


def item(sample: Sample | None = None, **rules: object) -> AskedQuestion:
    [asked] = to_questions(sample or watch(), "r_0_1", AskRules(horizon_s=5.0)._replace(**rules))
    return asked


def answer(
    asked: AskedQuestion, tick: int, raw: str, *, speak: bool | None = None, status: Status = Status.OK
) -> Answer:
    draft = Draft(raw=raw, choice=raw, speak=speak) if status is Status.OK else None
    error = "" if status is Status.OK else f"{raw} failed"
    return Answer(
        opening="r_0_1",
        key=asked.key,
        path=Path.S1,
        n=str(tick),
        t_ask=2.0,
        route=ROUTE,
        draft=draft,
        status=status,
        error=error,
    )


def heard(follow: Follow, *answers: Answer) -> list[Record]:
    found = [follow.hear(one, latency_s=0.1, t_emit=None) for one in answers]
    return [record for record in found if record is not None]


def test_each_tick_that_speaks_is_an_emission_at_its_time_and_the_final_counts_the_ticks() -> None:
    asked = item()
    follow = Follow(asked, Path.S1, play=STAMP, stamps={})
    ticks = [answer(asked, 0, "no", speak=False), answer(asked, 1, "a star", speak=True)]
    [emission] = heard(follow, *ticks, *ticks)  # what comes twice counts once
    assert (emission.kind, emission.tick, emission.t_emit, emission.raw) == ("emission", 1, 3.0, "a star")
    final = follow.close(ROUTE, end_t=None)
    assert (final.kind, final.raw, final.ticks, final.answered, final.until_s) == ("final", "", 6, 2, 7.0)


def test_the_state_is_recorded_first_and_when_it_changes_and_the_final_holds_the_last() -> None:
    asked = item(watch(part=Part.CLUE), clue="dense")
    follow = Follow(asked, Path.S1, play=STAMP, stamps={})
    said = ("wait", "wait", "A", "A", "wait")
    emissions = heard(follow, *(answer(asked, tick, raw) for tick, raw in enumerate(said)))
    assert [(e.tick, e.raw) for e in emissions] == [(0, "wait"), (2, "A"), (4, "wait")]
    assert follow.close(ROUTE, end_t=None).raw == "wait"


def test_an_error_at_a_tick_is_the_finals_and_a_refusal_only_when_nothing_was_answered() -> None:
    asked = item()
    refused, error = (
        answer(asked, tick, "it", status=status) for tick, status in enumerate((Status.REFUSED, Status.ERROR))
    )
    follows = [Follow(asked, Path.S1, play=STAMP, stamps={}) for _ in range(3)]
    heard(follows[0], refused, error)
    heard(follows[1], refused)
    heard(follows[2], refused, answer(asked, 2, "no", speak=False))
    finals = [follow.close(ROUTE, end_t=None) for follow in follows]
    assert [final.status for final in finals] == [Status.ERROR, Status.REFUSED, Status.OK]
    assert finals[0].error == "at 3 s: it failed"


def test_a_stream_that_ends_before_the_horizon_has_fewer_ticks() -> None:
    final = Follow(item(), Path.S1, play=STAMP, stamps={}).close(ROUTE, end_t=4.2)
    assert (final.ticks, final.until_s) == (3, 4.0)


def test_a_question_that_watches_ends_with_the_next_one_of_its_video(tmp_path) -> None:  # type: ignore[no-untyped-def]
    samples = [watch("a"), watch("b", ask_s=4.5), watch("c", ask_s=28.0)]
    [play] = plan(dataset(tmp_path, samples), AskRules(horizon_s=20.0))
    assert isinstance(play, Planned)
    untils = [q.question.standing.until_s for q in questions(play, "x") if q.question.standing]
    assert untils == [4.5, 24.5, 30.0]  # the next ask, the horizon, the end of the video


def test_a_poll_asks_in_the_official_words_whether_it_is_time_and_then_what_there_is_to_say() -> None:
    asked = item(proactive="poll")
    assert (asked.polls, asked.question.form, asked.question.standing) == ((3, 4, 5, 6), Form.EMIT, None)
    time = poll(asked, 1)
    official = 'Say when. Is it the right time to output "a star"? You can only answer yes or no.'
    assert (time.text, time.form, time.t_ask) == (official, Form.YES_NO, 4.0)
    words = reply(asked, 1)
    assert (words.text, words.form, words.t_ask) == ("Say when.", Form.TEXT, 4.0)
    assert len({poll(asked, 0).key, time.key, words.key, asked.key}) == 4


def test_both_answers_of_a_poll_make_one_tick() -> None:
    asked = item(proactive="poll")
    no, yes = answer(asked, 0, "no"), answer(asked, 1, "yes")
    assert (said_yes(no), said_yes(yes)) == (False, True)
    follow = Follow(asked, Path.S1, play=STAMP, stamps={"gold_door": "poll"})
    spoken = as_tick(asked, 1, yes, answer(asked, 1, "a red star"))
    [emission] = heard(follow, as_tick(asked, 0, no, None), spoken)
    assert (emission.t_emit, emission.raw, emission.choice) == (4.0, "a red star", "yes")
    assert emission.gold_door == "poll"


def test_a_question_none_of_whose_ticks_was_answered_ends_as_a_timeout() -> None:
    final = Follow(item(), Path.S1, play=STAMP, stamps={}).close(ROUTE, end_t=None)
    assert (final.status, final.answered) == (Status.TIMEOUT, 0)
    assert final.error == "none of 6 ticks was answered in time"


def test_a_tick_that_was_refused_is_no_answer() -> None:
    asked = item()
    follow = Follow(asked, Path.S1, play=STAMP, stamps={})
    heard(follow, answer(asked, 0, "no", speak=False), answer(asked, 1, "it", status=Status.REFUSED))
    assert (follow.close(ROUTE, end_t=None).answered, follow.answered(1)) == (1, True)
