"""Kept streams, for which the router looks for a reader in the bench's place."""

from __future__ import annotations

import pytest
from bus_kit import connected, fresh_opening
from metrics_kit import growth

from services.router.readers import keep_read
from shared import subjects
from shared.bus import Meta
from shared.messages import Open, OpenReply, Profile

pytestmark = pytest.mark.nats


async def test_a_reader_that_takes_a_kept_stream_is_counted_and_one_that_holds_it_is_not(
    nats_url: str,
) -> None:
    opened = Open(opening=fresh_opening(), run="live-x", uri="v.mp4", profile=Profile(), kept=True)
    takeovers, room = growth("dsb_reader_takeovers_total"), False
    held = False

    async def take(asked: Open, meta: Meta) -> OpenReply:
        accepted = room or held or meta.subject != free
        return OpenReply(accepted=accepted, reader="r", reason="held" if held else "")

    free = subjects.reader_ctl("open")
    async with connected(nats_url) as bus:
        anybody = await bus.serve(free, Open, take, queue="reader")
        await keep_read(bus, opened)
        assert takeovers() == 0
        # Its holder has just died: a reader passes the request on, says who holds it, and takes nothing.
        held = True
        await keep_read(bus, opened)
        assert takeovers() == 0
        held, room = False, True
        await keep_read(bus, opened)
        assert takeovers() == 1
        holder = await bus.serve(subjects.reader_ctl(f"open.{opened.opening}"), Open, take)
        await keep_read(bus, opened)
        assert takeovers() == 1
        await anybody.close()
        await holder.close()
