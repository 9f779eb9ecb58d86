from __future__ import annotations

import asyncio

from shared.tasks import end_tasks


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    async def stubborn() -> None:
        swallowed = False
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed = True

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await end_tasks([task], again_s=0.01)
    assert task.cancelled()


async def test_the_error_of_a_task_stays_with_it() -> None:
    async def failing() -> None:
        raise ValueError("on its way")

    task = asyncio.create_task(failing())
    await asyncio.sleep(0)
    await end_tasks([task])
    assert isinstance(task.exception(), ValueError)
