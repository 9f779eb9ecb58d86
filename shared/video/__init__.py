"""Video: sources by URI, sampling with exact times, resizing, the JPEG codec and live pacing."""

from __future__ import annotations

from shared.video.codec import RgbImage, codec_name, decode_jpeg, encode_jpeg
from shared.video.pacing import Pacer
from shared.video.source import SourceInfo
from shared.video.stream import Frame, FrameStream, frames, probe
from shared.video.waiting import Waiting

__all__ = [
    "Frame",
    "FrameStream",
    "Pacer",
    "RgbImage",
    "SourceInfo",
    "Waiting",
    "codec_name",
    "decode_jpeg",
    "encode_jpeg",
    "frames",
    "probe",
]
