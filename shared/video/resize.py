"""From a decoded picture to an RGB image of the asked size: rotation, aspect ratio, colour.

Scaling and colour conversion are one pass of libswscale with bit-exact, accurately rounded arithmetic on one
thread, so the same picture gives the same pixels. A stream that does not tag its colour space is read as
BT.601, one that does not tag its range as limited: libswscale's rule, whatever the size.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from av import VideoFrame
from av.video.reformatter import Interpolation

from shared.messages import Resize, VideoSpec
from shared.video.codec import RgbImage

__all__ = ["Size", "display_size", "fit"]

_FLAGS = (
    Interpolation.BILINEAR
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


def display_size(width: int, height: int, *, aspect: Fraction | None, rotation: int) -> Size:
    """The size a viewer sees: `aspect` is a sample's width over its height, `rotation` in degrees."""
    wide = round(width * aspect) if aspect and aspect > 0 else width
    return Size(height, wide) if rotation % 180 == 90 else Size(wide, height)


def fit(
    picture: VideoFrame, spec: VideoSpec, *, aspect: Fraction | None = None, rotation: int = 0
) -> RgbImage:
    """The RGB image `[h, w, 3]` of `picture`, upright and sized by `spec`; `rotation` as in `Picture`."""
    seen = display_size(picture.width, picture.height, aspect=aspect, rotation=rotation)
    scaled = _scaled_size(seen, spec)
    size = Size(scaled.height, scaled.width) if rotation % 180 == 90 else scaled
    converted = picture.reformat(*size, "rgb24", interpolation=_FLAGS, threads=1)
    image: RgbImage = np.rot90(converted.to_ndarray(), (rotation // 90) % 4)
    return _framed(image, spec)


def _scaled_size(seen: Size, spec: VideoSpec) -> Size:
    """What the whole picture is scaled to, before padding or cutting."""
    if spec.resize is Resize.NONE:
        return seen
    if spec.resize is Resize.STRETCH:
        return Size(spec.width, spec.height)
    wider = seen.width * spec.height >= seen.height * spec.width
    if wider == (spec.resize is Resize.LETTERBOX):
        return Size(spec.width, max(1, round(Fraction(seen.height * spec.width, seen.width))))
    return Size(max(1, round(Fraction(seen.width * spec.height, seen.height))), spec.height)


def _framed(image: RgbImage, spec: VideoSpec) -> RgbImage:
    """Pad with black, or cut the centre, to the asked size."""
    height, width = image.shape[:2]
    if spec.resize is Resize.LETTERBOX and (height, width) != (spec.height, spec.width):
        canvas = np.zeros((spec.height, spec.width, 3), np.uint8)
        top, left = (spec.height - height) // 2, (spec.width - width) // 2
        canvas[top : top + height, left : left + width] = image
        return canvas
    if spec.resize is Resize.CROP:
        top, left = (height - spec.height) // 2, (width - spec.width) // 2
        return image[top : top + spec.height, left : left + spec.width]
    return image
