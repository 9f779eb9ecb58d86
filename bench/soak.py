"""How long S1 keeps up with live streams, and at what memory: `python -m bench.soak`, or `make soak-s1`.

Long H.264 files of the synthetic world are played live through the embedded stack; S1 follows them with
`tiny-s1`, writes its notes to memory, and is asked about the present every few seconds. Stated are drops, the age
of the newest frame that an answer rests on, the memory of every process over time with its slope, and how many
streams S1 admitted before it refused one. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bench.overhead import percentile
from bench.resident import Resident
from bench.run.embedded import Stack, StackSpec
from bench.soakstream import Heard, LiveStream
from shared.bus import Bus
from shared.logs import setup
from shared.tasks import end_tasks

__all__ = ["main", "soak"]

_MOST = 64
"""Streams opened when as many are wanted as are admitted."""


async def _open(
    within: AsyncExitStack, bus: Bus, folder: Path, wanted: int | None, *, duration_s: float, fps: float
) -> tuple[list[LiveStream], str]:
    """The streams that S1 admitted, and what it said of the first one that it did not."""
    streams: list[LiveStream] = []
    for number in range(wanted or _MOST):
        stream = await asyncio.to_thread(LiveStream, folder, number, duration_s=duration_s, fps=fps)
        alone = AsyncExitStack()
        await alone.enter_async_context(stream.session(bus).running())
        if refusal := await stream.admitted():
            await alone.aclose()
            return streams, refusal
        within.push_async_exit(alone)
        streams.append(stream)
    return streams, ""


async def _play(
    stack: Stack, folder: Path, *, minutes: float, wanted: int | None, fps: float, say: Callable[[str], None]
) -> dict[str, Any]:
    bus = await Bus.connect(stack.bus_settings(), name="soak")
    resident = Resident(stack)
    try:
        async with AsyncExitStack() as within:
            # Long enough for those that are opened first.
            duration_s = 60 * minutes + 30 + 10 * (wanted or _MOST)
            streams, refusal = await _open(within, bus, folder, wanted, duration_s=duration_s, fps=fps)
            say(f"streams admitted by S1: {len(streams)}, live at {fps:g} frames/s, for {minutes:g} minutes")
            say(f"one more was refused: {refusal}" if refusal else "none was refused")
            before = await asyncio.to_thread(resident.frames)
            asking = [asyncio.create_task(stream.follow()) for stream in streams]
            began = time.monotonic()
            try:
                await _watch(resident, streams, asking, minutes, say)
                took = time.monotonic() - began
                encoded = await asyncio.to_thread(resident.frames) - before
            finally:
                await end_tasks(asking)
            heard = [stream.heard for stream in streams]
            dropped = sum(stream.dropped for stream in streams)
    finally:
        await bus.drain()
    due = took * fps * len(streams)
    frames = {"frames_due": round(due), "frames_encoded": encoded, "frames_dropped": dropped}
    head = {"minutes": minutes, "fps": fps, "streams": len(streams), "refusal": refusal}
    return {**head, **frames, **_answers(heard), "rss": resident.summary()}


async def _watch(
    resident: Resident,
    streams: Sequence[LiveStream],
    asking: Sequence[asyncio.Task[None]],
    minutes: float,
    say: Callable[[str], None],
) -> None:
    """Look at memory for as long as the soak takes; a row now and then."""
    began, rows = time.monotonic(), 0
    say(f"\nminute  {resident.heading()}   drops  asked  age p50")
    while (now := time.monotonic() - began) < 60 * minutes:
        resident.look(now)
        for task in asking:
            if task.done():
                task.result()  # raises what ended it
        if now >= rows * 60 * max(1.0, minutes / 30):
            ages = [age for stream in streams for age in stream.heard.ages]
            asked, drops = sum(s.heard.asked for s in streams), sum(s.dropped for s in streams)
            age = f"{percentile(ages, 50):6.2f} s" if len(ages) > 1 else "-"
            say(f"{now / 60:6.1f}  {resident.row()}  {drops:6}  {asked:5}  {age}")
            rows += 1
        await asyncio.sleep(resident.every_s(minutes))


def _answers(heard: Sequence[Heard]) -> dict[str, Any]:
    asked = sum(one.asked for one in heard)
    failed = [why for one in heard for why in one.failed]
    found: dict[str, Any] = {
        "asked": asked,
        "failed": len(failed),
        "first_failure": failed[0] if failed else "",
    }
    found["accuracy"] = round(sum(one.right for one in heard) / max(1, asked), 4)
    for name in ("ages", "stales", "latencies"):
        values = [value for one in heard for value in getattr(one, name)]
        for percent in (50, 95):
            found[f"{name}_p{percent}_s"] = round(percentile(values, percent), 4) if len(values) > 1 else None
    return found


def soak(
    folder: Path,
    *,
    minutes: float,
    streams: int | None,
    fps: float,
    slots: int | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Play `streams` (null: as many as are admitted) for so many minutes of wall clock; blocks. Figures by name.

    `slots` is how many streams S1 may own; null is its own default.
    """
    # A reader that is full would be silent: it is S1 that shall refuse.
    own = {"s1": {"DSB_SLOTS": f"{slots}"}, "reader": {"DSB_SLOTS": f"{slots + 1}"}} if slots else {}
    with Stack(StackSpec(folder=folder, counts={"s2": 0}, service_env=own)) as stack:
        return asyncio.run(_play(stack, folder, minutes=minutes, wanted=streams, fps=fps, say=say))


def _streams(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdigit() or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number from 1 to {_MOST}, or all")
    return int(text)


def main() -> None:
    """Soak, print rows, a summary in words, and one JSON line."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="of wall clock")
    parser.add_argument("--streams", type=_streams, default=1, help="how many, or all: as many as S1 admits")
    parser.add_argument("--fps", type=float, default=2.0, help="frames a second of each stream")
    parser.add_argument("--slots", type=int, help="streams that S1 may own; by default its own setting")
    given = parser.parse_args()
    setup("warning", "console")
    with tempfile.TemporaryDirectory(prefix="dsb-soak-") as scratch:
        found = soak(
            Path(scratch), minutes=given.minutes, streams=given.streams, fps=given.fps, slots=given.slots
        )
    print(
        f"\n{found['frames_encoded']} of {found['frames_due']} frames encoded, {found['frames_dropped']} dropped; "
        f"{found['asked']} asked, {found['failed']} failed, accuracy {found['accuracy']:.3f}"
    )
    print(
        f"newest frame at the ask: p50 {found['ages_p50_s']} s, p95 {found['ages_p95_s']} s old; "
        f"answers: p50 {found['latencies_p50_s']} s, p95 {found['latencies_p95_s']} s"
    )
    for name, one in found["rss"].items():
        print(
            f"{name:10} {one['first_mb']:7.1f} MB at first, {one['last_mb']:7.1f} at last; "
            f"slope {one['slope_mb_h']:+} ± {one['error_mb_h']} MB/h after {one['from_min']:g} min; "
            f"{one['cores']:.2f} cores"
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
