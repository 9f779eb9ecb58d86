from __future__ import annotations

import asyncio

import pytest
from metrics_kit import growth

from shared.errors import BusTimeout, DataError
from shared.retry import persist


def failing(times: int, error: Exception):
    calls: list[int] = []

    async def call() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return len(calls)

    return call


def test_transport_errors_are_repeated_until_it_works() -> None:
    retries = growth("dsb_retries_total")
    assert asyncio.run(persist(failing(3, BusTimeout("late")), what="test")) == 4
    assert retries() == 3


def test_it_gives_up_when_told_that_it_is_over() -> None:
    with pytest.raises(BusTimeout):
        asyncio.run(persist(failing(9, BusTimeout("late")), what="test", while_=lambda: False))


def test_it_gives_up_after_its_time() -> None:
    with pytest.raises(BusTimeout):
        asyncio.run(persist(failing(99, BusTimeout("late")), what="test", within_s=0.3))


def test_other_errors_are_not_repeated() -> None:
    with pytest.raises(DataError):
        asyncio.run(persist(failing(1, DataError("bad")), what="test"))
