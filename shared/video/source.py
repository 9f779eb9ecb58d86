"""What a video source is to the rest: an ascending sequence of pictures, each with its exact stream time.

`Source` is the protocol that files, folders, live inputs and the synthetic world implement; `kind_of` tells
from a URI which one is meant. Every failure is a `VideoError` that names the source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from av import VideoFrame

from shared.errors import VideoError

__all__ = ["Kind", "Picture", "Source", "SourceInfo", "kind_of", "local_path", "shown"]


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


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def kind_of(uri: str) -> Kind:
    """Which kind of source `uri` names; raises `VideoError` for an unknown scheme or a missing path."""
    if uri.startswith("synth:"):
        return Kind.SYNTH
    scheme = _SCHEME.match(uri)
    if scheme and scheme[1].lower() in {"rtsp", "rtsps"}:
        return Kind.NETWORK
    if scheme and scheme[1].lower() != "file":
        raise VideoError(
            f"video {uri!r}: unknown scheme: use a path, file://, rtsp://, /dev/video* or synth:"
        )
    path = local_path(uri)
    if re.fullmatch(r"/dev/video\d+", str(path)):
        return Kind.CAMERA
    if path.is_dir():
        return Kind.FOLDER
    if not path.exists():
        raise VideoError(f"video {uri!r} does not exist: check the path as the reader's host sees it")
    return Kind.FILE


def shown(uri: str) -> str:
    """The URI for people: without the user and password that an address may carry."""
    return re.sub(r"//[^/@]*@", "//***@", uri)


def local_path(uri: str) -> Path:
    """The path of a `file:` URI or a plain path."""
    if uri.startswith("file:"):
        return Path(unquote(urlsplit(uri).path))
    return Path(uri).expanduser()
