from __future__ import annotations

import asyncio
import math

import pytest
from bus_kit import connected, fresh_opening
from prometheus_client import REGISTRY

from shared.bus import Meta, discover
from shared.errors import BusTimeout, DsbError, NoResponders, PayloadTooLarge, TransportError
from shared.messages import Close, Credit, Done, Upsert

pytestmark = pytest.mark.nats


async def _done(message: Close, meta: Meta) -> Done:
    return Done(reason=f"{message.opening} {meta.trace}")


async def test_a_request_is_answered_and_carries_its_trace(nats_url: str) -> None:
    subject = f"dsb.v1.test.{fresh_opening()}"
    async with connected(nats_url) as bus:
        await bus.serve(subject, Close, _done)
        assert (await bus.request(subject, Close(opening="a"), Done, trace="00-ab")).reason == "a 00-ab"


async def test_nobody_serving_is_known_at_once(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        with pytest.raises(NoResponders, match=r"nobody serves dsb\.v1\.test\.none"):
            await bus.request("dsb.v1.test.none", Close(opening="a"), Done)


async def test_a_silent_handler_is_a_timeout(nats_url: str) -> None:
    subject = f"dsb.v1.test.{fresh_opening()}"

    async def never(message: Close, meta: Meta) -> Done:
        await asyncio.sleep(1)
        return Done()

    async with connected(nats_url) as bus:
        await bus.serve(subject, Close, never)
        with pytest.raises(BusTimeout, match=r"within 0\.2 s"):
            await bus.request(subject, Close(opening="a"), Done, timeout=0.2)


async def test_an_error_of_the_handler_comes_back_as_text(nats_url: str) -> None:
    subject = f"dsb.v1.test.{fresh_opening()}"

    async def refuse(message: Close, meta: Meta) -> Done:
        raise DsbError("7 is over the limit of 5: ask for less")

    async with connected(nats_url) as bus:
        await bus.serve(subject, Close, refuse)
        with pytest.raises(TransportError, match="7 is over the limit of 5: ask for less"):
            await bus.request(subject, Close(opening="a"), Done)


async def test_a_bug_in_a_handler_is_told_and_the_next_request_is_answered(nats_url: str) -> None:
    subject = f"dsb.v1.test.{fresh_opening()}"

    async def broken(message: Close, meta: Meta) -> Done:
        if message.opening == "bad":
            raise KeyError("x")
        return Done()

    async with connected(nats_url) as bus:
        await bus.serve(subject, Close, broken)
        with pytest.raises(TransportError, match="internal error: KeyError"):
            await bus.request(subject, Close(opening="bad"), Done)
        assert (await bus.request(subject, Close(opening="good"), Done)).ok


async def test_a_malformed_request_is_answered_with_what_is_wrong(nats_url: str) -> None:
    subject = f"dsb.v1.test.{fresh_opening()}"
    async with connected(nats_url) as bus:
        await bus.serve(subject, Close, _done)
        with pytest.raises(TransportError, match=r"not a Close: .*opening"):
            await bus.request(subject, Done(), Done)


async def test_requests_of_one_subject_are_handled_side_by_side_up_to_the_bound(nats_url: str) -> None:
    subject = f"dsb.v1.test.{fresh_opening()}"
    running, most = 0, 0

    async def slow(message: Close, meta: Meta) -> Done:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        return Done()

    async with connected(nats_url) as bus:
        await bus.serve(subject, Close, slow, concurrency=3)
        await asyncio.gather(*(bus.request(subject, Close(opening="a"), Done) for _ in range(9)))
    assert most == 3


async def test_closing_a_subscription_answers_what_was_received(nats_url: str) -> None:
    subject = f"dsb.v1.test.{fresh_opening()}"
    begun = asyncio.Event()

    async def slow(message: Close, meta: Meta) -> Done:
        begun.set()
        await asyncio.sleep(0.1)
        return Done()

    async with connected(nats_url) as bus:
        sub = await bus.serve(subject, Close, slow, concurrency=1)
        asks = [asyncio.create_task(bus.request(subject, Close(opening="a"), Done)) for _ in range(3)]
        await begun.wait()
        await sub.close()
        assert all(done.ok for done in await asyncio.gather(*asks))
        with pytest.raises(NoResponders):
            await bus.request(subject, Close(opening="a"), Done)


async def test_one_member_of_a_queue_answers_each_request(nats_url: str) -> None:
    subject = f"dsb.v1.test.{fresh_opening()}"
    handled: list[str] = []

    def member(name: str) -> object:
        async def handle(message: Close, meta: Meta) -> Done:
            handled.append(name)
            return Done()

        return handle

    async with connected(nats_url) as one, connected(nats_url) as two:
        await one.serve(subject, Close, member("one"), queue="q")  # type: ignore[arg-type]
        await two.serve(subject, Close, member("two"), queue="q")  # type: ignore[arg-type]
        for _ in range(20):
            await one.request(subject, Close(opening="a"), Done)
    assert len(handled) == 20


async def test_listeners_hear_in_order_and_skip_what_they_cannot_read(nats_url: str) -> None:
    subject = f"dsb.v1.credit.{fresh_opening()}"
    heard: list[int] = []
    done = asyncio.Event()

    async def hear(message: Credit, meta: Meta) -> None:
        await asyncio.sleep(0.001 * (5 - message.index % 5))
        heard.append(message.index)
        if message.index == 19:
            done.set()

    async with connected(nats_url) as bus:
        await bus.listen(subject, Credit, hear)
        await bus.publish(subject, Done())
        for index in range(20):
            await bus.publish(subject, Credit(opening="a", index=index))
        await asyncio.wait_for(done.wait(), 10)
    assert heard == list(range(20))


async def test_a_message_over_the_limit_is_refused_before_it_is_sent(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        limit = bus.connection.nc.max_payload
        with pytest.raises(PayloadTooLarge, match="lower the frame size"):
            await bus.append("dsb.v1.frame.cap.big", b"x" * (limit - 4096), headers={"Dsb-Kind": "frame"})
        assert bus.connected
        await bus.append(f"dsb.v1.frame.cap.{fresh_opening()}", b"x" * (limit - 4096))


async def test_headers_count_in_the_payload_guard(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        limit = bus.connection.nc.max_payload
        with pytest.raises(PayloadTooLarge):
            await bus.append("dsb.v1.frame.cap.big", b"", headers={"Dsb-Long": "x" * limit})
        assert bus.connected


async def test_a_missing_stream_names_the_remedy(nats_url: str) -> None:
    async with connected(nats_url) as bus:
        with pytest.raises(TransportError, match="dsb init"):
            await bus.append("dsb.v1.nobody.stores.this", Done())
        with pytest.raises(TransportError, match="dsb init"):
            await anext(bus.follow("DSB_NOTHING", "dsb.v1.nothing"))


async def test_no_broker_is_one_line_with_a_remedy_and_without_the_password() -> None:
    with pytest.raises(TransportError) as caught:
        async with connected("nats://user:secret@127.0.0.1:1", connect_timeout_s=0.3):
            pass
    text = str(caught.value)
    assert "no broker at nats://127.0.0.1:1" in text
    assert "dsb up" in text
    assert "secret" not in text
    assert "\n" not in text


async def test_announced_services_are_discovered_with_their_stats(nats_url: str) -> None:
    async with connected(nats_url) as one, connected(nats_url) as two:
        await one.announce("s1", version="1.0.0", metadata={"worker": "s1-a"}, stats=lambda: {"owned": 3})
        await two.announce("reader", version="1.0.0", metadata={"worker": "reader-b"}, stats=dict)
        found = {info.name: info for info in await discover(one)}
    assert found["s1-a"].service == "s1"
    assert found["s1-a"].stats == {"owned": 3}
    assert found["reader-b"].version == "1.0.0"


async def test_a_time_of_sending_that_is_no_time_is_not_counted(nats_url: str) -> None:
    def waited() -> float:
        return REGISTRY.get_sample_value("dsb_hop_seconds_sum", {"hop": "other"}) or 0.0

    subject = f"dsb.v1.test.{fresh_opening()}"
    async with connected(nats_url) as bus:
        await bus.serve(subject, Close, _done)
        for sent in ("-inf", "inf", "nan"):
            body = Close(opening="a").to_bytes()
            await bus.connection.request(subject, body, headers={"Dsb-Sent": sent})
        assert math.isfinite(waited())


async def test_large_notes_travel_whole(nats_url: str) -> None:
    subject = f"dsb.v1.test.{fresh_opening()}"

    async def count(message: Upsert, meta: Meta) -> Done:
        return Done(reason=str(len(message.notes)))

    async with connected(nats_url) as bus:
        await bus.serve(subject, Upsert, count)
        assert (await bus.request(subject, Upsert(notes=()), Done)).reason == "0"
