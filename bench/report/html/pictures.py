"""Small pictures of the frames that answers were based on, decoded again from the videos: each frame once."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path

from PIL import Image

from shared.errors import VideoError
from shared.messages import VideoSpec
from shared.video import frames

__all__ = ["pictures"]

_SIDE = 128
_QUALITY = 70


def pictures(
    wanted: Mapping[str, set[int]],
    spec: VideoSpec,
    *,
    played: Mapping[str, str | None],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, dict[int, str]], list[str]]:
    """JPEG data by video and frame index, base64; and a line for each video that can't be read any more.

    `played` gives the SHA-256 of the videos that were played, where it is known: another file of that name is none.
    """
    found: dict[str, dict[int, str]] = {}
    lost: list[str] = []
    for number, (uri, indices) in enumerate(wanted.items(), 1):
        try:
            _check(uri, played.get(uri))
            found[uri] = _of_video(uri, indices, spec)
        except VideoError as error:
            lost.append(str(error))
        if progress is not None:
            progress(number, len(wanted))
    return found, lost


def _check(uri: str, sha256: str | None) -> None:
    if sha256 is None or not Path(uri).is_file():
        return
    with Path(uri).open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise VideoError(f"video {uri!r} is not the one that was played: it was changed since")


def _of_video(uri: str, indices: set[int], spec: VideoSpec) -> dict[int, str]:
    found: dict[int, str] = {}
    if not indices:
        return found
    last, stream = max(indices), frames(uri, spec)
    try:
        for frame in stream:
            if frame.index in indices:
                found[frame.index] = base64.b64encode(_small(frame.jpeg)).decode()
            if frame.index >= last:
                break
    finally:
        stream.close()
    return found


def _small(jpeg: bytes) -> bytes:
    with Image.open(io.BytesIO(jpeg)) as image:
        if max(image.size) <= _SIDE:
            return jpeg
        image.thumbnail((_SIDE, _SIDE))
        out = io.BytesIO()
        image.save(out, "JPEG", quality=_QUALITY)
        return out.getvalue()
