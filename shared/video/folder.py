"""A folder as one stream: of images, at one a second, or of clips, played end to end. Names sort naturally (2
before 10).

Images are JPEG, PNG, BMP or WebP, turned upright by their EXIF tag; another rate is asked for by `#fps=8`
behind the path. Clips follow each other without a gap: each starts where the one before it ended. Other files
are ignored; a folder that holds both, or neither, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from av import VideoFrame
from PIL import Image, ImageOps

from shared.errors import VideoError
from shared.video.container import ContainerSource
from shared.video.source import Kind, Picture, SourceInfo, shown

__all__ = ["ClipFolder", "ImageFolder", "open_folder"]

IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
CLIPS = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".mpeg"}


def open_folder(uri: str, path: Path, *, fps: Fraction, threads: int = 1) -> ImageFolder | ClipFolder:
    """The source that a folder is; raises `VideoError` when it holds neither images nor clips, or both."""
    try:
        files = sorted((f for f in path.iterdir() if f.is_file()), key=_natural)
    except OSError as error:
        raise VideoError(
            f"folder {shown(uri)!r} can't be read ({error.strerror}): check its permissions"
        ) from error
    images = [f for f in files if f.suffix.lower() in IMAGES]
    clips = [f for f in files if f.suffix.lower() in CLIPS]
    if images and clips:
        raise VideoError(
            f"folder {shown(uri)!r} holds {len(images)} images and {len(clips)} clips: keep them apart"
        )
    if images:
        return ImageFolder(images, fps=fps)
    if clips:
        return ClipFolder(clips, threads=threads)
    raise VideoError(
        f"folder {shown(uri)!r} holds no image and no clip among {len(files)} files: name the folder that does"
    )


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in parts]


class ImageFolder:
    """Image k stands at k / fps."""

    def __init__(self, files: list[Path], *, fps: Fraction) -> None:
        self._files = files
        self._fps = fps
        self.end = Fraction(0)
        self.seekable = False
        first = _image(files[0])
        self.info = SourceInfo(
            duration_s=float(len(files) / fps),
            fps=float(fps),
            width=first.width,
            height=first.height,
            codec=files[0].suffix.lower().lstrip("."),
            frames=len(files),
            live=False,
        )

    def pictures(self, *, from_t: float = 0.0) -> Iterator[Picture]:
        """See `Source`; only images that become frames are read."""
        for k, file in enumerate(self._files):
            self.end = (k + 1) / self._fps
            yield Picture(k / self._fps, partial(_image, file))

    def close(self) -> None:
        """Nothing is held open."""


class ClipFolder:
    """Clips end to end as one stream."""

    def __init__(self, files: list[Path], *, threads: int = 1) -> None:
        self._files = files
        self._threads = threads
        self.end = Fraction(0)
        self.seekable = False
        self._clip: ContainerSource | None = self._open(files[0])
        self.info = self._clip.info._replace(duration_s=None, frames=None)

    def pictures(self, *, from_t: float = 0.0) -> Iterator[Picture]:
        """See `Source`; one clip is open at a time."""
        begin = Fraction(0)
        for file in self._files:
            clip = self._clip or self._open(file)
            self._clip = clip
            for picture in clip.pictures():
                self.end = begin + clip.end
                yield picture._replace(t=begin + picture.t)
            begin = self.end
            self.close()

    def close(self) -> None:
        """Close the clip that is being read."""
        if self._clip is not None:
            self._clip.close()
            self._clip = None

    def _open(self, file: Path) -> ContainerSource:
        return ContainerSource(str(file), Kind.FILE, threads=self._threads)


def _image(file: Path) -> VideoFrame:
    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError) as error:
        raise VideoError(
            f"image {str(file)!r} can't be read ({error}): replace it, or take it out"
        ) from error
    return VideoFrame.from_ndarray(np.asarray(upright), format="rgb24")
