"""What a video source is to the rest: an ascending sequence of pictures, each with its exact stream time.

`Source` is the protocol that files, folders, live inputs and the synthetic world implement; `kind_of` tells
from a URI which one is meant. Every failure is a `VideoError` that names the source.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from av import VideoFrame

from shared.errors import VideoError

__all__ = [
    "Device",
    "Kind",
    "Picture",
    "Source",
    "SourceInfo",
    "device_of",
    "kind_of",
    "local_path",
    "shown",
]


class Picture(NamedTuple):
    """One decoded picture, or the promise of it."""

    t: Fraction
    """Exact seconds of stream time."""
    load: Callable[[], VideoFrame]
    """Gives the picture; only called for pictures that become frames."""
    aspect: Fraction | None = None
    """Width over height of a sample; None is square."""
    rotation: int = 0
    """Degrees counterclockwise that make it upright; a multiple of 90."""


class SourceInfo(NamedTuple):
    """What a source says about itself, before it is decoded; None where it does not say."""

    duration_s: float | None
    fps: float | None
    width: int
    height: int
    """Sample aspect ratio applied; a rotation is a matter of the pictures, not known before decoding."""
    codec: str
    frames: int | None
    live: bool


class Source(Protocol):
    """An opened source; used by one thread at a time."""

    info: SourceInfo
    end: Fraction
    """Exact end of what was read so far: the last picture's time plus its duration."""
    seekable: bool
    """Whether pictures after a seek are the same, at the same times, as in a pass from the start."""

    def pictures(self, *, from_t: float = 0.0) -> Iterator[Picture]:
        """Pictures in order; with `seekable`, from a picture at or before `from_t` on. `VideoError`."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class Kind(StrEnum):
    """The kinds of sources."""

    FILE = "file"
    FOLDER = "folder"
    NETWORK = "network"
    CAMERA = "camera"
    SYNTH = "synth"


class Device(NamedTuple):
    """A camera of this host, as FFmpeg knows it."""

    format: str
    """FFmpeg's input device: `v4l2`, `avfoundation`, `dshow` or `lavfi`."""
    name: str


_DEVICES = ("v4l2", "avfoundation", "dshow", "lavfi")
_OF_PLATFORM = {"darwin": "avfoundation", "win32": "dshow"}
_WEBCAM = "webcam:"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def kind_of(uri: str) -> Kind:
    """Which kind of source `uri` names; raises `VideoError` for an unknown scheme or a missing path."""
    if uri.startswith("synth:"):
        return Kind.SYNTH
    if uri.startswith(_WEBCAM):
        device_of(uri)
        return Kind.CAMERA
    scheme = _SCHEME.match(uri)
    if scheme and scheme[1].lower() in {"rtsp", "rtsps"}:
        return Kind.NETWORK
    if scheme and scheme[1].lower() != "file":
        raise VideoError(
            f"video {shown(uri)!r}: unknown scheme: use a path, file://, rtsp://, webcam:0 or synth:"
        )
    path = local_path(uri)
    if re.fullmatch(r"/dev/video\d+", str(path)):
        return Kind.CAMERA
    try:
        if path.is_dir():
            return Kind.FOLDER
        there = path.exists()
    except OSError as error:
        # A folder above it that this user may not enter; a name that is too long.
        raise VideoError(
            f"video {shown(uri)!r} can't be looked at ({error.strerror}): check the path and its rights as the reader's"
            " host sees them"
        ) from error
    if not there:
        raise VideoError(f"video {shown(uri)!r} does not exist: check the path as the reader's host sees it")
    return Kind.FILE


def device_of(uri: str) -> Device:
    """The camera that `webcam:0`, `webcam:NAME`, `webcam:FORMAT:NAME` or `/dev/video0` names; raises `VideoError`.

    Without a format it is this platform's: Video4Linux (a number `n` is `/dev/videon`), AVFoundation (the number is the
    device's) or DirectShow (its name). `lavfi` is FFmpeg's generator of test pictures, for where no camera is.
    """
    if not uri.startswith(_WEBCAM):
        return Device("v4l2", str(local_path(uri)))
    name = uri.removeprefix(_WEBCAM)
    first, colon, rest = name.partition(":")
    if colon and first in _DEVICES:
        return Device(first, _named(uri, first, rest))
    own = _OF_PLATFORM.get(sys.platform, "v4l2")
    return Device(own, _named(uri, own, name))


def _named(uri: str, format: str, name: str) -> str:
    if not name:
        raise VideoError(
            f"video {shown(uri)!r} names no camera: write webcam:0, webcam:/dev/video0 or webcam:FORMAT:NAME"
        )
    if format == "v4l2" and not name.startswith("/"):
        if not name.isdigit():
            raise VideoError(
                f"video {shown(uri)!r}: {shown(name)!r} is no camera: write webcam:0, webcam:/dev/video0, or"
                f" webcam:FORMAT:NAME with one of {', '.join(_DEVICES)}"
            )
        return f"/dev/video{name}"
    if format == "dshow" and not name.startswith("video="):
        return f"video={name}"
    return name


def shown(uri: str) -> str:
    """The URI for people: without the user and password that an address may carry."""
    # Up to the last @ before the path: a password may hold one, and FFmpeg takes such an address.
    return re.sub(r"//[^/]*@", "//***@", uri)


def local_path(uri: str) -> Path:
    """The path of a `file:` URI or a plain path."""
    if uri.startswith("file:"):
        return Path(unquote(urlsplit(uri).path))
    return Path(uri).expanduser()
