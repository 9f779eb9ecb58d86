"""A camera whose pictures stop, or never decode, while its sound goes on, is lost; who waits may be stopped."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Literal

import pytest
from rtsp_server import RtspCamera
from video_files import encode

from shared.errors import VideoError
from shared.messages import VideoSpec
from shared.video import FrameStream, container, frames

SPEC = VideoSpec(fps=5)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return encode(tmp_path / "v.mp4", options={"bf": "0"})


class Reading(threading.Thread):
    """Takes frames to the end; `error` is why it came."""

    def __init__(self, stream: FrameStream) -> None:
        super().__init__(daemon=True)
        self.stream, self.error = stream, ""
        self.start()

    def run(self) -> None:
        try:
            list(self.stream)
        except VideoError as error:
            self.error = str(error)


@pytest.mark.parametrize("pictures", ["none", "garbled"])
def test_it_is_lost_though_its_sound_goes_on(
    video: Path, pictures: Literal["none", "garbled"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "_LIVE_TIMEOUT", (10.0, 1.5))
    with RtspCamera(video) as camera:
        stream = frames(camera.url, SPEC)
        assert [next(stream).index for _ in range(3)] == [0, 1, 2]
        camera.pictures = pictures
        reading = Reading(stream)
        reading.join(20.0)
        assert "gives no more pictures (none for 1.5 s): check the camera" in reading.error


def test_who_waits_for_pictures_stops_when_told(video: Path) -> None:
    stop = threading.Event()
    with RtspCamera(video) as camera:
        stream = frames(camera.url, SPEC, stop=stop.is_set)
        next(stream)
        camera.pictures = "none"
        reading = Reading(stream)
        reading.join(1.0)
        assert reading.is_alive()
        stop.set()
        reading.join(5.0)
        assert not reading.is_alive()
