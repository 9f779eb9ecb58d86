from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from video_files import encode, picture

from shared.errors import VideoError
from shared.messages import Resize, VideoSpec
from shared.video import decode_jpeg, frames, probe

SPEC = VideoSpec(fps=25)


def _images(folder: Path, count: int = 11) -> Path:
    for k in range(count):
        Image.fromarray(picture(k)).save(folder / f"img{k}.png")
    return folder


def test_images_come_in_natural_order_at_one_a_second(tmp_path: Path) -> None:
    got = list(frames(str(_images(tmp_path)), SPEC))
    assert [f.t for f in got] == [float(k) for k in range(11)]
    by_hand = list(frames(str(_images(tmp_path)), SPEC, after=9, after_t=9.0))
    assert by_hand == got[10:]


def test_another_rate_of_images_is_asked_for_behind_the_path(tmp_path: Path) -> None:
    stream = frames(f"{_images(tmp_path)}#fps=8", SPEC)
    assert [f.t for f in stream] == [k / 8 for k in range(11)]
    assert stream.end_t == 11 / 8


def test_only_sampled_images_are_read(tmp_path: Path) -> None:
    (_images(tmp_path) / "img3.png").write_bytes(b"broken")
    assert [f.t for f in frames(f"{tmp_path}#fps=4", VideoSpec(fps=2))] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]


def test_an_unreadable_image_ends_the_stream_by_its_name(tmp_path: Path) -> None:
    (_images(tmp_path) / "img3.png").write_bytes(b"broken")
    stream = frames(str(tmp_path), SPEC)
    with pytest.raises(VideoError, match=r"img3\.png"):
        list(stream)


def test_an_image_that_vanishes_while_it_is_played_ends_the_stream_by_its_name(tmp_path: Path) -> None:
    stream = frames(str(_images(tmp_path)), SPEC)
    assert next(stream).index == 0
    (tmp_path / "img2.png").unlink()
    assert next(stream).index == 1
    with pytest.raises(VideoError, match=r"img2\.png"):
        next(stream)


def test_an_image_is_turned_upright_by_its_exif_tag(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter clockwise
    Image.fromarray(picture(0)).save(tmp_path / "a.jpg", exif=exif)
    (frame,) = frames(str(tmp_path), VideoSpec(resize=Resize.NONE))
    assert decode_jpeg(frame.jpeg).shape == (128, 96, 3)


def test_clips_follow_each_other_without_a_gap(tmp_path: Path) -> None:
    encode(tmp_path / "clip2.mp4", count=10)
    encode(tmp_path / "clip10.mp4", count=10)
    stream = frames(str(tmp_path), SPEC)
    got = list(stream)
    assert [f.t for f in got] == [round(k / 25, 6) for k in range(20)]
    assert stream.end_t == 0.8
    assert list(frames(str(tmp_path), SPEC, after=12, after_t=got[12].t)) == got[13:]
    assert probe(str(tmp_path)).duration_s is None


@pytest.mark.parametrize(("names", "says"), [([], "holds no image"), (["a.png", "b.mp4"], "keep them apart")])
def test_a_folder_without_one_kind_of_content_is_refused(tmp_path: Path, names: list[str], says: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(VideoError, match=says):
        frames(str(tmp_path), SPEC)


@pytest.mark.parametrize("rate", ["0", "-1", "x", "1/0"])
def test_a_rate_that_is_none_is_refused(tmp_path: Path, rate: str) -> None:
    with pytest.raises(VideoError, match="write #fps="):
        frames(f"{_images(tmp_path, 1)}#fps={rate}", SPEC)
