"""An address is shown without user and password, and with all else."""

from __future__ import annotations

import pytest

from shared.video.source import shown


@pytest.mark.parametrize(
    ("uri", "seen"),
    [
        ("rtsp://cam/1", "rtsp://cam/1"),
        ("rtsp://user@cam/1", "rtsp://***@cam/1"),
        ("rtsp://user:pw@cam:554/1", "rtsp://***@cam:554/1"),
        ("rtsp://user:p@ss@cam/1", "rtsp://***@cam/1"),
        ("rtsp://user:p?ss#@@cam/1", "rtsp://***@cam/1"),
        ("rtsp://user:pw@cam", "rtsp://***@cam"),
        ("rtsp://cam/user@home/1", "rtsp://cam/user@home/1"),
        ("a@b.mp4", "a@b.mp4"),
    ],
)
def test_who_may_look_stays_hidden(uri: str, seen: str) -> None:
    assert shown(uri) == seen
