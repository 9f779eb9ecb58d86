"""The synthetic world as a source: drawn, not decoded, at 8 pictures a second, and only those sampled."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from av import VideoFrame

from shared.video.source import Picture, SourceInfo
from shared.video.synth import SIDE, parse_synth, render

__all__ = ["SynthSource"]

_FPS = 8


class SynthSource:
    """A scene of the synthetic world, by its `synth:` URI."""

    def __init__(self, uri: str) -> None:
        self._scene = parse_synth(uri)
        self._count = int(self._scene.duration_s * _FPS)
        self.end = Fraction(0)
        self.seekable = True
        self.info = SourceInfo(
            duration_s=self._count / _FPS,
            fps=float(_FPS),
            width=SIDE,
            height=SIDE,
            codec="synth",
            frames=self._count,
            live=False,
        )

    def pictures(self, *, from_t: float = 0.0) -> Iterator[Picture]:
        """See `Source`."""
        for k in range(max(0, int(from_t * _FPS) - 1), self._count):
            t = Fraction(k, _FPS)
            self.end = t + Fraction(1, _FPS)
            yield Picture(t, partial(self._draw, float(t)))

    def close(self) -> None:
        """Nothing is held open."""

    def _draw(self, t: float) -> VideoFrame:
        return VideoFrame.from_ndarray(render(self._scene, t), format="rgb24")
