"""The way from a URI to JPEG frames, in one place: open, sample, turn upright, resize, encode.

The reader, the offline mode and the training of the tiny models all come through here, so they see the same
bytes. A pass that is resumed behind a frame gives the same indices, times and bytes as one that was never
interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from typing import NamedTuple

from shared.errors import VideoError
from shared.messages import VideoSpec
from shared.video.codec import encode_jpeg
from shared.video.container import ContainerSource
from shared.video.folder import open_folder
from shared.video.resize import fit
from shared.video.sampling import Sampler, to_seconds
from shared.video.source import Kind, Picture, Source, SourceInfo, kind_of, local_path, shown

__all__ = ["Frame", "FrameStream", "frames", "open_source", "probe"]


class Frame(NamedTuple):
    """One sampled frame."""

    index: int  # type: ignore[assignment]  # the field's own name, although tuples have a method of it
    """Its place among the sampled frames of the source, from 0."""
    t: float
    """Seconds of stream time: pts less the stream's start, rounded to microseconds."""
    jpeg: bytes


def open_source(uri: str, *, threads: int = 1, stop: Callable[[], bool] = lambda: False) -> Source:
    """Open what `uri` names; raises `VideoError`. Any number of `threads` gives the same pictures.

    `stop` is asked at each packet of a live input, which may give no picture for long.
    """
    path, _, rate = uri.partition("#fps=")
    kind = kind_of(path)
    if kind is Kind.SYNTH:
        # The world is drawn with a module of its own, that readers of files never need.
        from shared.video.synthetic import SynthSource

        return SynthSource(uri)
    if kind is Kind.FOLDER:
        return open_folder(path, local_path(path), fps=_image_rate(uri, rate), threads=threads)
    return ContainerSource(path, kind, threads=threads, stop=stop)


def _image_rate(uri: str, rate: str) -> Fraction:
    try:
        fps = Fraction(rate or 1)
    except (ValueError, ZeroDivisionError) as error:
        raise VideoError(f"video {shown(uri)!r}: {rate!r} is no rate: write #fps=2 or #fps=1/5") from error
    if not 0 < fps <= 1000:
        raise VideoError(
            f"video {shown(uri)!r}: fps={rate} is outside 0 to 1000 images a second: write #fps=2 or #fps=1/5"
        )
    return fps


def probe(uri: str) -> SourceInfo:
    """What a source says about itself, without decoding it; raises `VideoError`."""
    source = open_source(uri)
    source.close()
    return source.info


def frames(
    uri: str,
    spec: VideoSpec,
    *,
    after: int = -1,
    after_t: float = -1.0,
    stop: Callable[[], bool] = lambda: False,
    threads: int = 1,
) -> FrameStream:
    """The sampled frames of `uri`, decoded as they are taken; closes itself at the end or with `close`.

    `after` and `after_t` (index and time of the last frame one has) resume behind that frame. `stop` is asked
    at each picture, and at each packet of a live input; when it is true the iteration ends early. Raises
    `VideoError` when opened, or where the damage is met.
    """
    return FrameStream(uri, spec, after=after, after_t=after_t, stop=stop, threads=threads)


class FrameStream(Iterator[Frame]):
    """Iterator over `Frame`; may be taken from several threads in turn, never at once."""

    def __init__(
        self, uri: str, spec: VideoSpec, *, after: int, after_t: float, stop: Callable[[], bool], threads: int
    ) -> None:
        self.uri = uri
        self.spec = spec
        self._stop = stop
        self._threads = threads
        self._source = open_source(uri, threads=threads, stop=stop)
        self.info = self._source.info
        self._frames = self._resumed(after, after_t) if after >= 0 else self._sampled(self._source.pictures())

    def __next__(self) -> Frame:
        try:
            return next(self._frames)
        except (StopIteration, VideoError):
            self._source.close()
            raise

    @property
    def end_t(self) -> float:
        """Seconds of stream time at which what was read so far ends: in the end, the duration."""
        return to_seconds(self._source.end)

    def close(self) -> None:
        """Stop decoding and close the source."""
        self._frames.close()
        self._source.close()

    def _sampled(self, pictures: Iterator[Picture], *, skip: int = -1) -> Generator[Frame, None, None]:
        """Frames of a pass from the start; those up to index `skip` are neither converted nor given."""
        sampler = Sampler(self.spec.fps)
        index = 0
        for picture in pictures:
            if self._stop():
                return
            if sampler.take(picture.t):
                if index > skip:
                    yield self._frame(index, picture)
                index += 1

    def _resumed(self, after: int, after_t: float) -> Generator[Frame, None, None]:
        """Frames behind `after`: from a seek where the source can, else from a pass that skips."""
        pictures = self._source.pictures(from_t=max(0.0, after_t))
        if self._source.seekable and after_t > 0:
            sampler = Sampler(self.spec.fps)
            if self._found(pictures, sampler, after_t):
                yield from self._behind(pictures, sampler, after)
                return
            self._source.close()
            self._source = open_source(self.uri, threads=self._threads)
            pictures = self._source.pictures()
        yield from self._sampled(pictures, skip=after)

    def _found(self, pictures: Iterator[Picture], sampler: Sampler, after_t: float) -> bool:
        """Advance to the picture that became the last frame; False when the seek led past it."""
        for picture in pictures:
            if self._stop():
                return True
            t = to_seconds(picture.t)
            if t >= after_t:
                return t == after_t and sampler.take(picture.t)
        return False

    def _behind(
        self, pictures: Iterator[Picture], sampler: Sampler, index: int
    ) -> Generator[Frame, None, None]:
        for picture in pictures:
            if self._stop():
                return
            if sampler.take(picture.t):
                index += 1
                yield self._frame(index, picture)

    def _frame(self, index: int, picture: Picture) -> Frame:
        image = fit(picture.load(), self.spec, aspect=picture.aspect, rotation=picture.rotation)
        return Frame(index, to_seconds(picture.t), encode_jpeg(image, quality=self.spec.quality))
