"""Dead letters put back: exactly one answer, whoever is interrupted, and clear words where it can't be."""

from __future__ import annotations

from contextlib import aclosing

import pytest
from bus_kit import connected, fresh_opening, job

from bench.run import again
from bench.run.letters import Kept, kept_letters
from shared import subjects
from shared.bus import Bus, Meta
from shared.errors import ConfigError, TransportError
from shared.messages import Answer, DeadLetter, Done, Draft, Event, EventKind, Path, S1Ask, S2Job, Status

pytestmark = pytest.mark.nats


def answer_to(body: S2Job, status: Status = Status.OK) -> Answer:
    return Answer(
        opening=body.question.opening,
        key=body.question.key,
        path=Path.S2,
        t_ask=1.0,
        route=body.route,
        status=status,
        draft=Draft(raw="A") if status is Status.OK else None,
    )


async def dead(bus: Bus, body: S2Job) -> Kept:
    """A job that was given up, as an S2 worker leaves it: a letter and an error in place of the answer."""
    question = body.question
    letter = DeadLetter(
        service="s2",
        reason="killed 3 workers",
        opening=question.opening,
        key=question.key,
        body=body.model_dump(mode="json"),
    )
    await bus.dead_letter(letter)
    assert await bus.publish_answer(answer_to(body, Status.ERROR))
    [kept] = [one for one in await kept_letters(bus) if one.letter.opening == question.opening]
    return kept


async def worked_on(bus: Bus, opening: str, status: Status = Status.OK) -> int:
    """Do as S2 workers do with every job of an opening that is queued: how many there were."""
    count = 0
    while (await bus.queue_depth()).waiting:
        async with aclosing(bus.jobs(slots=lambda: 1)) as jobs:
            found = await anext(jobs)
            assert found.body is not None
            if found.body.question.opening == opening:
                count += 1
                if not await bus.answered(opening, found.body.question.key, Path.S2):
                    assert await bus.publish_answer(answer_to(found.body, status))
            await found.ack()
    return count


async def test_a_letter_put_back_is_answered_once_and_gone(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        body = job(opening := fresh_opening())
        kept = await dead(bus, body)
        assert "queued" in await again.retry(bus, kept.id)
        assert await worked_on(bus, opening) == 1
        answer = await again.outcome(bus, kept, within_s=5)
        assert answer is not None
        assert (answer.status, answer.draft and answer.draft.raw) == (Status.OK, "A")
        with pytest.raises(ConfigError, match="no dead letter"):
            await again.retry(bus, kept.id)


async def test_a_retry_that_was_interrupted_is_repeated_without_a_second_answer(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        body = job(opening := fresh_opening())
        kept = await dead(bus, body)
        # All but the removal of the letter was done, and the answer came meanwhile.
        stored = await bus.last(subjects.ANSWERS, subjects.answer(opening, body.question.key, "s2", "final"))
        assert stored is not None
        await bus.delete(subjects.ANSWERS, stored.seq)
        await bus.enqueue(body.model_copy(update={"attempt": 1}))
        assert await worked_on(bus, opening) == 1
        assert "answered meanwhile" in await again.retry(bus, kept.id)
        assert await worked_on(bus, opening) == 0
        assert not [one for one in await kept_letters(bus) if one.id == kept.id]


async def test_a_second_letter_of_one_job_loses_nothing(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        body = job(opening := fresh_opening())
        first = await dead(bus, body)
        second = await bus.append(subjects.dlq("s2"), first.letter)
        for number, status in ((first.id, Status.ERROR), (second, Status.OK)):
            assert "queued" in await again.retry(bus, number)
            assert await worked_on(bus, opening, status) == 1
        answer = await bus.answer_of(opening, "k", Path.S2)
        assert answer is not None
        assert answer.status is Status.OK


async def test_what_held_no_question_can_only_be_dropped(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        opening = fresh_opening()
        await bus.dead_letter(DeadLetter(service="s2", reason="not a S2Job", opening=opening))
        [kept] = [one for one in await kept_letters(bus) if one.letter.opening == opening]
        with pytest.raises(ConfigError, match="can only be dropped"):
            await again.retry(bus, kept.id)
        await again.drop(bus, kept.id)
        with pytest.raises(ConfigError, match="no dead letter"):
            await again.drop(bus, kept.id)


async def test_a_question_of_s1_needs_its_stream_to_play(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        body = job(opening := fresh_opening())
        ask = S1Ask(question=body.question, route=body.route)
        letter = DeadLetter(
            service="s1", reason="killed", opening=opening, key="k", body=ask.model_dump(mode="json")
        )
        await bus.dead_letter(letter)
        [kept] = [one for one in await kept_letters(bus) if one.letter.opening == opening]
        with pytest.raises(ConfigError, match="no owner now"):
            await again.retry(bus, kept.id)
        await bus.publish_event(Event(opening=opening, kind=EventKind.CLOSED))
        with pytest.raises(ConfigError, match="is closed"):
            await again.retry(bus, kept.id)


async def test_a_letter_of_s1_stays_until_its_owner_has_answered(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "_S1_S", 1.0)
    async with connected(nats_url) as bus:
        body = job(opening := fresh_opening())
        ask = S1Ask(question=body.question, route=body.route)
        letter = DeadLetter(
            service="s1", reason="killed", opening=opening, key="k", body=ask.model_dump(mode="json")
        )
        await bus.dead_letter(letter)
        [kept] = [one for one in await kept_letters(bus) if one.letter.opening == opening]
        dies = True

        async def own(asked: S1Ask, meta: Meta) -> Done:
            if not dies:
                await bus.publish_answer(answer_to(body).model_copy(update={"path": Path.S1}))
            return Done()

        lease = bus.lease(subjects.OWNER_BUCKET, opening, holder="w", ttl=2)
        assert await lease.take()
        serving = await bus.serve(subjects.s1(opening), S1Ask, own)
        with pytest.raises(TransportError, match="the letter is kept"):
            await again.retry(bus, kept.id)
        dies = False
        assert "answered" in await again.retry(bus, kept.id)
        assert not [one for one in await kept_letters(bus) if one.id == kept.id]
        await serving.close()
        await lease.release()


async def test_a_closed_stream_without_frames_would_make_the_answer_blind(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        kept = await dead(bus, job(opening := fresh_opening()))
        await bus.publish_event(Event(opening=opening, kind=EventKind.CLOSED))
        with pytest.raises(ConfigError, match="--blind"):
            await again.retry(bus, kept.id)
        assert "queued" in await again.retry(bus, kept.id, blind=True)
        assert await worked_on(bus, opening) == 1


async def test_a_letter_that_cannot_be_read_stands_in_the_list_as_one(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        number = await bus.append(subjects.dlq("s2"), b"\xc1")
        [kept] = [one for one in await kept_letters(bus) if one.id == number]
        assert "unreadable" in kept.letter.reason
        await again.drop(bus, number)
