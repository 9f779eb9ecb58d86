from __future__ import annotations

from pathlib import Path

import pytest
from video_files import encode, encode_audio

from shared.errors import VideoError
from shared.messages import VideoSpec
from shared.video import Frame, frames

SPEC = VideoSpec(fps=240)


def _until_broken(path: Path | str, says: str) -> list[Frame]:
    """Frames up to the error, which must be one line that names the source and says `says`."""
    got: list[Frame] = []

    def take() -> None:
        for frame in frames(str(path), SPEC):
            got.append(frame)

    with pytest.raises(VideoError, match=says) as caught:
        take()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return got


def _whole(path: Path) -> list[Frame]:
    return list(frames(str(path), SPEC))


def test_a_truncated_mp4_gives_the_frames_before_the_cut_and_then_an_error(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4", options={"movflags": "faststart"})
    data = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 2 // 3])
    got = _until_broken(cut, "is damaged at|is cut off at")
    assert 10 < len(got) < 50
    assert got == _whole(whole)[: len(got)]


def test_a_truncated_mkv_gives_the_frames_before_the_cut_and_then_an_error(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mkv", count=100)
    data = whole.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: len(data) // 2])
    got = _until_broken(cut, "is cut off at .* of 4.000 s")
    assert 10 < len(got) < 90
    assert got == _whole(whole)[: len(got)]


def test_damage_in_the_middle_ends_the_stream_there(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4")
    data = bytearray(whole.read_bytes())
    middle = data.index(b"mdat") + 2 * len(data) // 5
    data[middle : middle + 1200] = bytes(1200)
    hurt = tmp_path / "hurt.mp4"
    hurt.write_bytes(data)
    got = _until_broken(hurt, "is damaged at")
    assert 0 < len(got) < 50
    assert [f.t for f in got] == [f.t for f in _whole(whole)[: len(got)]]


def test_an_mp4_without_its_index_is_refused(tmp_path: Path) -> None:
    data = encode(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    assert _until_broken(tmp_path / "cut.mp4", "can't be opened") == []


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    _until_broken(tmp_path / "empty.mp4", "is empty")


def test_a_file_with_sound_alone_is_refused(tmp_path: Path) -> None:
    _until_broken(encode_audio(tmp_path / "sound.m4a"), "no video stream .found: audio.")


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video " * 50)
    _until_broken(tmp_path / "text.mp4", "can't be opened")


def test_a_file_that_vanished_is_refused(tmp_path: Path) -> None:
    _until_broken(tmp_path / "gone.mp4", "does not exist")


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    _until_broken(tmp_path / f"{'v' * 300}.mp4", "can't be looked at")


def test_a_duration_in_a_form_of_its_own_costs_no_frame(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mkv", count=50)
    odd = tmp_path / "odd.mkv"
    odd.write_bytes(whole.read_bytes().replace(b"00:00:02.", b"00:00:02,"))
    assert odd.read_bytes() != whole.read_bytes()
    assert list(frames(str(odd), SPEC)) == list(frames(str(whole), SPEC))


def test_a_camera_that_is_not_there_is_refused() -> None:
    _until_broken("/dev/video87", "can't be opened")


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("rtsp://me:secret@127.0.0.1:1/cam", "can't be opened"),
        ("http://me:secret@127.0.0.1:1/cam", "unknown scheme"),
        ("rtsp//me:secret@127.0.0.1:1/cam", "does not exist"),
        ("webcam:rtsp://me:secret@127.0.0.1:1/cam", "is no camera"),
    ],
)
def test_the_password_of_an_address_stays_out_of_the_message(uri: str, says: str) -> None:
    with pytest.raises(VideoError, match=says) as caught:
        frames(uri, SPEC)
    assert "secret" not in str(caught.value)
    assert "127.0.0.1:1/cam" in str(caught.value)


@pytest.mark.parametrize("uri", ["ftp://host/a.mp4", "http://host/a.mp4"])
def test_an_unknown_scheme_is_refused_with_the_known_ones(uri: str) -> None:
    _until_broken(uri, "unknown scheme: use a path, file://, rtsp://, webcam:0")


def test_a_malformed_synthetic_stream_is_refused() -> None:
    _until_broken("synth:nothing", "synth:seed=")


def test_a_folder_and_its_rate_are_named_without_a_password(tmp_path: Path) -> None:
    (tmp_path / "me:secret@host").mkdir()
    uri = f"{tmp_path}//me:secret@host"
    for given, says in (
        (uri, "holds no image"),
        (f"{uri}#fps=x", "is no rate"),
        (f"{uri}#fps=0", "outside 0"),
    ):
        with pytest.raises(VideoError, match=says) as caught:
            frames(given, SPEC)
        assert "secret" not in str(caught.value)
