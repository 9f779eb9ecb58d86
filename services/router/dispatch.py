"""Sending a decided question on, and turning overload into an explicit word.

Live, a path without room is refused at once. In capacity mode it means *wait*: the bench asks again, and no record is
made of it. A refusal of one path of two is a final of that path; when all are refused the reply says so instead.
"""

from __future__ import annotations

from typing import Literal

from services.router.placement import Placed, Placement
from shared import metering, subjects
from shared.bus import Bus, failpoints
from shared.errors import BusTimeout, NoResponders, Overloaded, TransportError
from shared.messages import Answer, Ask, Done, Path, RouteStamp, S1Ask, S2Job, Status

__all__ = ["Dispatcher", "no_room"]

Outcome = Literal["accepted", "refused", "waiting"]


def no_room(*paths: Path) -> str:
    """Why paths are refused, in one line."""
    return f"no room on {' and '.join(paths)}: add workers or ask less often"


class Dispatcher:
    """Sends questions to the owner of their opening or to the work queue."""

    def __init__(self, bus: Bus, placement: Placement, *, job_max_age_s: float) -> None:
        self._bus, self._placement, self._job_max_age_s = bus, placement, job_max_age_s

    async def send(self, ask: Ask, paths: tuple[Path, ...], stamp: RouteStamp) -> Outcome:
        """Send to every path; `accepted` means that a final will come for each of them."""
        if ask.question.standing is not None:
            # Who knows the stream's time looks at it again and again, on every path.
            return await self._to_owner(ask, paths, stamp)
        outcomes: dict[Path, Outcome] = {}
        for path in paths:
            to_s1 = path is Path.S1
            outcomes[path] = (
                await self._to_owner(ask, (path,), stamp) if to_s1 else await self._to_s2(ask, stamp)
            )
        if "waiting" in outcomes.values():
            return "waiting"
        refused = [path for path, outcome in outcomes.items() if outcome == "refused"]
        if len(refused) == len(outcomes):
            return "refused"
        for path in refused:
            await self._refuse(ask, path, stamp)
        return "accepted"

    async def _to_owner(self, ask: Ask, paths: tuple[Path, ...], stamp: RouteStamp) -> Outcome:
        question = ask.question
        message = S1Ask(question=question, route=stamp, paths=paths, trace=ask.trace)
        placed: Placed | None = None
        for last in (False, True):
            try:
                await self._bus.request(subjects.s1(question.opening), message, Done, trace=ask.trace)
            except NoResponders:
                if last:
                    break
                # Even when all is full: it may just be this opening that has taken the last slot.
                placed = await self._placement.place(ask.open)
            except (BusTimeout, TransportError):
                return "waiting"
            else:
                await failpoints.ahit("router.forwarded_not_replied", question.text)
                return "accepted"
        if placed == "full":
            return self._no_room(ask)
        # Someone holds the lease but doesn't answer yet: about to subscribe, or dead until the lease expires.
        return "waiting"

    async def _to_s2(self, ask: Ask, stamp: RouteStamp) -> Outcome:
        profile = ask.open.profile
        job = S2Job(
            question=ask.question,
            profile=profile,
            route=stamp,
            max_age_s=self._job_max_age_s if profile.live else None,
            trace=ask.trace,
        )
        try:
            await self._bus.enqueue(job)
        except Overloaded:
            return self._no_room(ask)
        except TransportError:
            return "waiting"
        await failpoints.ahit("router.queued_not_replied", ask.question.text)
        return "accepted"

    def _no_room(self, ask: Ask) -> Outcome:
        return "refused" if ask.open.profile.live else "waiting"

    async def _refuse(self, ask: Ask, path: Path, stamp: RouteStamp) -> None:
        answer = Answer(
            opening=ask.question.opening,
            key=ask.question.key,
            path=path,
            status=Status.REFUSED,
            error=no_room(path),
            t_ask=ask.question.t_ask,
            route=stamp,
            trace=ask.trace,
        )
        metering.answered(answer, stored=await self._bus.publish_answer(answer))
