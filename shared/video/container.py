"""Video files and live inputs through PyAV (FFmpeg): decoding on one thread unless told otherwise, one
picture at a time.

A file must be whole: where a packet can't be decoded, or the file ends before the end that it declares, the
pictures before the damage come out and then a `VideoError`. A live input loses packets as a matter of course:
it skips them, and is lost when no picture comes for some time, whatever else it sends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from functools import partial

import av
from av import VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from shared.errors import VideoError
from shared.video.resize import display_size
from shared.video.sampling import Clock
from shared.video.source import Kind, Picture, SourceInfo, device_of, local_path, shown

__all__ = ["ContainerSource"]

# Formats whose pts are absolute, so that a seek changes nothing but where reading begins.
_SEEKABLE = {"mov", "mp4", "matroska", "webm"}
# Begin so many seconds before the wanted picture: pictures right after a key picture may lean on ones before
# it.
_SEEK_MARGIN_S = 10.0
# A declared end is met when the pictures reach it within this.
_SLACK = Fraction(1, 2)
# Seconds to connect, and seconds without a picture after which a live input counts as gone.
_LIVE_TIMEOUT = (10.0, 10.0)
_REMEDIES = {
    Kind.FILE: "check that it is a video, and whole",
    Kind.NETWORK: "check address, user and password, and that the camera is on",
    Kind.CAMERA: "connect a camera, or name another one, like webcam:1",
}


class ContainerSource:
    """One video stream, the first, of a file, an RTSP address or a camera."""

    def __init__(
        self, uri: str, kind: Kind, *, threads: int = 1, stop: Callable[[], bool] = lambda: False
    ) -> None:
        self.uri = uri
        self._stop = stop
        self.live = kind is not Kind.FILE
        self._container = _open(uri, kind)
        try:
            self._stream = _video_stream(self._container, uri)
        except VideoError:
            self._container.close()
            raise
        self._stream.codec_context.thread_count = threads
        self._stream.codec_context.thread_type = "FRAME" if threads > 1 else "NONE"
        self.end = Fraction(0)
        self._last_dts: int | None = None
        self._packets_end = 0
        self._rate = self._stream.average_rate or self._stream.guessed_rate
        known_start = not self.live and self._stream.start_time is not None
        self._start = self._stream.start_time if known_start else None
        self.seekable = known_start and bool(_SEEKABLE & set(self._container.format.name.split(",")))
        self.info = self._describe()

    def pictures(self, *, from_t: float = 0.0) -> Iterator[Picture]:
        """Pictures in display order; see `Source`."""
        if self.seekable and from_t > _SEEK_MARGIN_S:
            self._seek(from_t - _SEEK_MARGIN_S)
        clock = Clock(self._time_base, start=self._start, rate=self._rate)
        for frame in self._received() if self.live else self._decode():
            t = clock.read(frame.pts)
            if t is None:
                continue
            self.end = t + self._duration(frame)
            yield Picture(t, partial(_same, frame), self._aspect, round(frame.rotation / 90) * 90)
        if not self.live:
            self._require_whole()

    def close(self) -> None:
        """Close the file or connection."""
        self._container.close()

    def _received(self) -> Iterator[VideoFrame]:
        """Pictures of a live input, until it hangs up or is told to stop.

        Packets of all its streams are taken: FFmpeg's own timeout hears that there is sound and waits for ever.
        """
        packets, seen = self._container.demux(), time.monotonic()
        while not self._stop():
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError) as error:
                raise self._lost(_reason(error)) from error
            if packet is None:
                return
            decoded = list[VideoFrame]()
            if packet.stream is self._stream:
                with suppress(av.FFmpegError):
                    decoded = self._stream.decode(packet)
            yield from decoded
            if decoded:  # after they were taken: who takes them may be slow
                seen = time.monotonic()
            elif time.monotonic() - seen > _LIVE_TIMEOUT[1]:
                raise self._lost(f"none for {_LIVE_TIMEOUT[1]:g} s")

    def _decode(self) -> Iterator[VideoFrame]:
        """Pictures of a file, up to its end or its damage."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError) as error:
                raise self._damaged(error) from error
            if packet is None:
                return
            try:
                # A packet that the file's end cut short is marked so; the decoder would paint over the gap.
                if packet.is_corrupt:
                    raise av.error.InvalidDataError(0, "packet cut short")
                decoded = packet.decode()
            except av.FFmpegError as error:
                yield from self._sound(self._flushed(), packet.dts)
                raise self._damaged(error) from error
            if packet.size:
                self._last_dts = packet.dts
                self._packets_end = max(self._packets_end, (packet.pts or 0) + (packet.duration or 0))
            elif self._is_cut():
                decoded = self._sound(decoded, self._last_dts)
            yield from decoded

    def _flushed(self) -> list[VideoFrame]:
        """Pictures that the decoder still holds, to put them in display order."""
        with suppress(av.FFmpegError):
            return self._stream.codec_context.decode(None)
        return []

    @staticmethod
    def _sound(held: list[VideoFrame], lost_dts: int | None) -> list[VideoFrame]:
        """Those before which none is missing: what was lost would be shown at `lost_dts` or later."""
        return [
            frame for frame in held if lost_dts is not None and frame.pts is not None and frame.pts < lost_dts
        ]

    def _is_cut(self) -> bool:
        declared = self._declared_end()
        step = 1 / self._rate if self._rate else Fraction(0)
        reached = (self._packets_end - (self._start or 0)) * self._time_base
        return declared is not None and reached + max(_SLACK, 2 * step) < declared

    def _seek(self, t: float) -> None:
        offset = (self._start or 0) + int(t / self._time_base)
        try:
            self._container.seek(offset, stream=self._stream, backward=True)
        except (av.FFmpegError, OSError) as error:
            raise self._damaged(error) from error

    def _duration(self, frame: VideoFrame) -> Fraction:
        if frame.duration:
            return frame.duration * self._time_base
        return 1 / self._rate if self._rate else Fraction(0)

    def _require_whole(self) -> None:
        """A cut file ends in silence, as far as FFmpeg is concerned; the declared duration tells."""
        declared = self._declared_end()
        if not self.end and not self._stream.frames:
            raise VideoError(f"video {shown(self.uri)!r} holds no picture: give a file with at least one")
        if declared is not None and self._is_cut():
            raise VideoError(
                f"video {shown(self.uri)!r} is cut off at {float(self.end):.3f} s of {float(declared):.3f} s:"
                " copy or encode it again"
            )

    def _declared_end(self) -> Fraction | None:
        """Exact seconds that the video stream itself claims to last; None where only a guess is to be had."""
        if self._stream.duration is not None and self.seekable:
            return self._stream.duration * self._time_base
        tag = self._stream.metadata.get("DURATION", "")
        try:
            hours, minutes, seconds = tag.split(":")
            declared = int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
        except (ValueError, ZeroDivisionError):  # none, or in a form of somebody's own
            return None
        # Matroska's tag counts from time 0, not from the first picture.
        return declared - (self._start or 0) * self._time_base

    def _damaged(self, error: Exception) -> VideoError:
        return VideoError(
            f"video {shown(self.uri)!r} is damaged at {float(self.end):.3f} s ({_reason(error)}):"
            " copy or encode it again"
        )

    def _lost(self, reason: str) -> VideoError:
        return VideoError(
            f"video {shown(self.uri)!r} gives no more pictures ({reason}): check the camera and its network"
        )

    @property
    def _time_base(self) -> Fraction:
        base = self._stream.time_base
        return base if base is not None else Fraction(1, 1000)

    @property
    def _aspect(self) -> Fraction | None:
        return self._stream.sample_aspect_ratio or None

    def _describe(self) -> SourceInfo:
        context = self._stream.codec_context
        size = display_size(context.width, context.height, aspect=self._aspect, rotation=0)
        declared = self._declared_end()
        if declared is None and not self.live and self._container.duration:
            declared = Fraction(self._container.duration, av.time_base)
        return SourceInfo(
            duration_s=None if declared is None or self.live else float(declared),
            fps=float(self._rate) if self._rate else None,
            width=size.width,
            height=size.height,
            codec=context.name,
            frames=self._stream.frames or None,
            live=self.live,
        )


def _same(frame: VideoFrame) -> VideoFrame:
    return frame


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _open(uri: str, kind: Kind) -> InputContainer:
    try:
        if kind is Kind.CAMERA:
            return _open_camera(uri)
        if kind is Kind.NETWORK:
            return av.open(uri, options={"rtsp_transport": "tcp"}, timeout=_LIVE_TIMEOUT)
        path = local_path(uri)
        if path.stat().st_size == 0:
            raise VideoError(f"video {shown(uri)!r} is empty (0 bytes): copy it again")
        return av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(
            f"video {shown(uri)!r} can't be opened ({_reason(error)}): {_REMEDIES[kind]}"
        ) from error


def _open_camera(uri: str) -> InputContainer:
    device = device_of(uri)
    # AVFoundation refuses its own default rate.
    options = {"framerate": "30"} if device.format == "avfoundation" else {}
    return av.open(device.name, format=device.format, options=options, timeout=_LIVE_TIMEOUT)


def _video_stream(container: InputContainer, uri: str) -> VideoStream:
    # A cover picture of an audio file is a video stream of one still; it is not a video.
    streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not streams:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        raise VideoError(
            f"video {shown(uri)!r} has no video stream (found: {kinds}): give a file that has one"
        )
    return streams[0]
