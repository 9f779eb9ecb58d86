"""A question that comes again is not answered again, however many came between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from bus_kit import answer, connected, fresh_opening, question

from services.s1 import answering as module
from services.s1.answering import Answering
from services.s1.settings import S1Settings
from shared.messages import Mode, Open, Path, Profile, RouteStamp, S1Ask

pytestmark = pytest.mark.nats

LEASE: Any = SimpleNamespace(valid=True)
NOT_USED: Any = None


async def test_of_the_answered_only_the_newest_are_remembered_and_none_is_answered_twice(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    opening, worked = fresh_opening(), list[str]()
    opened = Open(opening=opening, run="r", uri="v.mp4", profile=Profile(mode=Mode.LIVE))
    async with connected(nats_url) as bus:
        with ThreadPoolExecutor(1) as thread:
            answering = Answering(
                bus,
                opened,
                LEASE,
                NOT_USED,
                NOT_USED,
                vlm=SimpleNamespace(name="m"),  # type: ignore[arg-type]
                model_thread=thread,
                settings=S1Settings(),
                worker="w",
            )

            async def publish(ask: S1Ask, *_: object, **__: object) -> None:
                worked.append(ask.question.key)
                await bus.publish_answer(answer(opening, key=ask.question.key))

            monkeypatch.setattr(answering, "_publish", publish)
            monkeypatch.setattr(answering, "_run", lambda ask: (None, 0.0))
            for key in ("a", "b", "c", "d", "a", "d"):
                ask = S1Ask(question=question(opening, key=key), route=RouteStamp(route="force-s1"))
                answering.take(ask)
                for task in list(answering._tasks.values()):
                    await task
        assert await bus.answered(opening, "a", Path.S1)
    assert worked == ["a", "b", "c", "d"]
    assert len(answering._done) == 2
