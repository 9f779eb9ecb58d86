"""What the services cost: `python -m bench.overhead`, or `make bench-overhead`.

Two comparisons, each of two ways that take turns in one run, so that both meet the same machine:
a question's whole path (ask, router, S1, answer) beside the same model call in this process, on cached frames;
and the frames a second that a reader logs beside a plain loop of PyAV decode, resize and JPEG in this process.
The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.run.capacity import reach
from bench.run.embedded import Stack, StackSpec
from bench.run.pulse import Pulse
from bench.run.session import Session
from shared import subjects
from shared.bus import Bus, FrameLog
from shared.errors import TransportError
from shared.messages import (
    Ask,
    AskReply,
    EventKind,
    Grant,
    Mode,
    NoteSpec,
    Open,
    Option,
    Profile,
    Question,
    Resize,
    Route,
    Status,
    VideoSpec,
)
from shared.messages import Path as Way
from shared.perception import Perceiver
from shared.video import encode_jpeg, frames
from shared.vlm import Vlm, load_vlm
from shared.vlm.spec import ModelSpec

__all__ = ["main", "measure_path", "measure_reader"]

_SYNTH, _T_ASK = "synth:seed=5,duration=30", 20.5
_VIDEO = VideoSpec(fps=30, width=448, height=448, resize=Resize.STRETCH)
_WARM_UP = 20
_ROUNDS = 3
_WITHIN_S = 60.0


def _unheard(_news: object) -> None:
    """What a run would record is looked at here when it is needed."""


def percentile(values: list[float], percent: int) -> float:
    """By linear interpolation; `values` need two."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


# A question's path.


async def _path(url: Callable[[], Any], vlm: Vlm, questions: int) -> dict[str, list[float]]:
    bus = await Bus.connect(url(), name="overhead")
    profile = Profile(mode=Mode.CAPACITY, notes=NoteSpec(enabled=False))
    opened = Open(opening="overhead_0_0", run="overhead", uri=_SYNTH, profile=profile)
    perceiver = Perceiver(vlm, profile, opening=opened.opening, run=opened.run)
    for frame in frames(_SYNTH, profile.video):
        if frame.t > _T_ASK:
            break
        perceiver.push(frame)
    pulse = Pulse(_WITHIN_S)
    session = Session(bus, opened, pulse=pulse, on_answer=_unheard, on_time=_unheard)
    taken: dict[str, list[float]] = {"path": [], "model": []}
    try:
        async with session.running():
            failed = await reach(session, _T_ASK, pulse)
            if failed is not None:
                raise TransportError(f"stream time {_T_ASK:g} s was not reached: {failed[1]}")
            for number in range(-_WARM_UP, questions):
                question = _question(opened, number)
                path_s, model_s = await _ask(session, question), _answer(perceiver, question)
                if number >= 0:
                    taken["path"].append(path_s)
                    taken["model"].append(model_s)
    finally:
        await bus.drain()
    return taken


def _question(opened: Open, number: int) -> Question:
    options = tuple(
        Option(key=key, text=text)
        for key, text in zip("ABCD", ("red", "blue", "green", "white"), strict=True)
    )
    return Question(
        opening=opened.opening,
        key=f"q{number + _WARM_UP}",
        sample="overhead",
        t_ask=_T_ASK,
        text="What colour is the circle now?",
        options=options,
    )


async def _ask(session: Session, question: Question) -> float:
    """Seconds from sending an ask to holding its final answer."""
    ask = Ask(question=question, route=Route.FORCE_S1, open=session.opened)
    began = time.monotonic()
    reply = await session.bus.request(subjects.ask(question.opening), ask, AskReply)
    due = {(question.key, path) for path in reply.paths}
    if reply.status != "accepted" or not await session.wait_until(
        lambda: due <= session.finals.keys(), _WITHIN_S
    ):
        raise TransportError(f"question {question.key} has no answer: {reply.status} {reply.reason}")
    final = session.finals[question.key, Way.S1]
    if final.answer.status is not Status.OK:
        raise TransportError(f"question {question.key} failed: {final.answer.error}")
    return final.at.here - began


def _answer(perceiver: Perceiver, question: Question) -> float:
    began = time.perf_counter()
    perceiver.answer(question)
    return time.perf_counter() - began


def measure_path(folder: Path, *, questions: int) -> dict[str, float]:
    """Milliseconds and ratios of the path and of the bare model call."""
    vlm = load_vlm(ModelSpec(path="tiny-s1"))
    counts = {"s2": 0, "memory": 0}
    with Stack(StackSpec(folder=folder, counts=counts)) as stack:
        taken = asyncio.run(_path(stack.bus_settings, vlm, questions))
    result: dict[str, float] = {}
    for percent in (50, 99):
        path, model = (1e3 * percentile(taken[name], percent) for name in ("path", "model"))
        result[f"path_p{percent}_ms"], result[f"model_p{percent}_ms"] = path, model
        result[f"added_p{percent}_ms"] = path - model
        result[f"path_over_model_p{percent}"] = path / model
    return result


# A reader's pace.


def make_video(path: Path, *, count: int) -> None:
    """An H.264 file of 640 × 360 at 30 frames a second: soft shapes with some grain that move.

    A frame is about 72 KB of JPEG, as much as one of ordinary video.
    """
    import av
    import numpy as np
    from PIL import Image

    draw = np.random.default_rng(0)
    coarse = Image.fromarray(draw.integers(0, 255, (18, 64, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize((1280, 360), Image.Resampling.BICUBIC)).astype(np.int16)
    scene = np.clip(soft + draw.integers(-12, 13, soft.shape), 0, 255).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.options = {"preset": "veryfast", "threads": "1"}
        for i in range(count):
            left = 2 * i % 640
            view = np.ascontiguousarray(scene[:, left : left + 640])
            picture = av.VideoFrame.from_ndarray(view, format="rgb24")
            picture.pts = i
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def plain_fps(video: Path) -> float:
    """Frames a second of the bare loop, first frame to last: one thread, the reader's own scaling and codec."""
    import av
    import numpy as np
    from av.video.reformatter import Interpolation

    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count, stream.codec_context.thread_type = 1, "NONE"
        flags = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
        flags |= Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
        began, count = 0.0, 0
        for picture in container.decode(stream):
            scaled = picture.reformat(_VIDEO.width, _VIDEO.height, "rgb24", interpolation=flags, threads=1)
            encode_jpeg(scaled.to_ndarray().astype(np.uint8, copy=False), quality=_VIDEO.quality)
            count += 1
            began = began or time.perf_counter()
    return (count - 1) / (time.perf_counter() - began)


async def _reader_fps(bus: Bus, video: Path, *, count: int, number: int) -> float:
    """Frames a second in the log, by the broker's own time stamps, first frame to last."""
    profile = Profile(video=_VIDEO, credit=2 * count)  # nobody owns the stream: nobody gives credit
    opened = Open(opening=f"reader_{number}_0", run="reader", uri=str(video), profile=profile)
    session = Session(bus, opened, pulse=Pulse(_WITHIN_S), on_answer=_unheard, on_time=_unheard)
    async with session.running():
        granted = asyncio.create_task(_keep_granting(session, t=2.0 * count / 30))
        # Looked for, not followed: a follower would take its share of the machine.
        while not await bus.last(subjects.EVENTS, subjects.event(opened.opening, EventKind.EOS)):
            await asyncio.sleep(0.1)
        granted.cancel()
        log = await FrameLog(bus, opened.opening, live=False).index()
    logged = [record.time for record in log if record.kind == "frame"]
    if len(logged) != count:
        raise TransportError(f"the reader logged {len(logged)} of {count} frames")
    return (count - 1) / (logged[-1] - logged[0])


async def _keep_granting(session: Session, *, t: float) -> None:
    opening = session.opened.opening
    while True:
        await session.bus.publish(subjects.grant(opening), Grant(opening=opening, t=t))
        await asyncio.sleep(0.2)


async def _paces(url: Callable[[], Any], video: Path, count: int) -> dict[str, list[float]]:
    bus = await Bus.connect(url(), name="overhead")
    found: dict[str, list[float]] = {"reader": [], "plain": []}
    try:
        for number in range(_ROUNDS):
            found["reader"].append(await _reader_fps(bus, video, count=count, number=number))
            found["plain"].append(await asyncio.to_thread(plain_fps, video))
    finally:
        await bus.drain()
    return found


def measure_reader(folder: Path, *, count: int) -> dict[str, float]:
    """Frames a second of the reader and of the plain loop, medians over rounds, and their ratio."""
    folder.mkdir(parents=True, exist_ok=True)
    video = folder / "video.mp4"
    make_video(video, count=count)
    counts = {"s1": 0, "s2": 0, "memory": 0, "router": 0}
    with Stack(StackSpec(folder=folder, counts=counts)) as stack:
        found = asyncio.run(_paces(stack.bus_settings, video, count))
    reader, plain = (statistics.median(found[name]) for name in ("reader", "plain"))
    ratios = [mine / theirs for mine, theirs in zip(found["reader"], found["plain"], strict=True)]
    return {"reader_fps": reader, "plain_fps": plain, "reader_over_plain": statistics.median(ratios)}


def main() -> None:
    """Measure both, print them in words, then as one JSON line."""
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    parser.add_argument("--questions", type=int, default=300, help="asked in each of the two ways")
    parser.add_argument("--frames", type=int, default=600, help="of the reader's video")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dsb-overhead-") as scratch:
        result = measure_path(Path(scratch) / "path", questions=given.questions)
        result |= measure_reader(Path(scratch) / "reader", count=given.frames)
    for percent in (50, 99):
        print(
            f"a question, p{percent}: whole path {result[f'path_p{percent}_ms']:.2f} ms, "
            f"bare model call {result[f'model_p{percent}_ms']:.2f} ms, added {result[f'added_p{percent}_ms']:.2f} ms "
            f"({result[f'path_over_model_p{percent}']:.2f} times)"
        )
    print(
        f"the reader: {result['reader_fps']:.0f} frames/s, plain loop {result['plain_fps']:.0f} frames/s "
        f"({result['reader_over_plain']:.2f} times)"
    )
    print(
        json.dumps({"questions": given.questions, **{key: round(value, 4) for key, value in result.items()}})
    )


if __name__ == "__main__":
    main()
