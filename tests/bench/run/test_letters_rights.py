"""Who may look at a stack and its dead letters, and who may put them back: by the rights that ship."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from bus_kit import fresh_opening, job
from trusted_broker import TrustedBroker

from bench.cli.looking import with_bus
from bench.run import again
from bench.run.letters import kept_letters
from bench.run.overview import overview
from shared import subjects
from shared.bus import Bus, init_topology
from shared.errors import TransportError
from shared.messages import DeadLetter

pytestmark = pytest.mark.nats


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrustedBroker]:
    broker = TrustedBroker(tmp_path_factory.mktemp("rights"))
    broker.start()
    asyncio.run(init_topology(broker.settings("admin")))
    yield broker
    broker.kill()


@asynccontextmanager
async def user(trusted: TrustedBroker, name: str) -> AsyncIterator[Bus]:
    bus = await Bus.connect(trusted.settings(name), name=name)
    try:
        yield bus
    finally:
        await bus.drain()


async def test_the_bench_may_look_and_the_admin_may_put_back(trusted: TrustedBroker) -> None:
    body = job(fresh_opening())
    async with user(trusted, "s2") as s2, user(trusted, "s1") as s1:
        letter = DeadLetter(
            service="s2",
            reason="killed",
            opening=body.question.opening,
            key=body.question.key,
            body=body.model_dump(mode="json"),
        )
        await s2.dead_letter(letter)
        lease = s1.lease(subjects.OWNER_BUCKET, body.question.opening, holder="w", ttl=6)
        assert await lease.take()
        async with user(trusted, "bench") as bench:
            seen = await overview(bench, wait_s=0.1)
            [kept] = await kept_letters(bench)
        assert (seen.dead_letters, [stream.owner for stream in seen.streams]) == (1, ["w"])
        await lease.release()
    assert trusted.violations() == []
    async with user(trusted, "admin") as admin:
        assert "queued" in await again.retry(admin, kept.id)
        assert (await admin.queue_depth()).waiting == 1
    assert trusted.violations() == []


def test_who_may_not_is_told_so_in_one_line(trusted: TrustedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in trusted.env_of("bench").items():
        monkeypatch.setenv(key, value)
    with pytest.raises(TransportError, match="user 'bench' has no right") as caught:
        with_bus("", lambda bus: bus.delete(subjects.DLQ, 1))
    assert "\n" not in str(caught.value)
