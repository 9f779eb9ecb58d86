from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from av import VideoFrame

from shared.messages import Resize, VideoSpec
from shared.video.resize import fit


def _source(width: int, height: int) -> VideoFrame:
    image = np.full((height, width, 3), 200, np.uint8)
    image[: height // 2, : width // 2] = (220, 20, 20)
    return VideoFrame.from_ndarray(image, format="rgb24")


def _red(image: np.ndarray, y: int, x: int) -> bool:
    return bool(image[y, x, 0] > 150 and image[y, x, 1] < 100)


@pytest.mark.parametrize("resize", [Resize.STRETCH, Resize.LETTERBOX, Resize.CROP])
@pytest.mark.parametrize("size", [(320, 180), (180, 320), (96, 96), (33, 47)])
def test_every_policy_gives_the_asked_size(resize: Resize, size: tuple[int, int]) -> None:
    image = fit(_source(*size), VideoSpec(width=96, height=64, resize=resize))
    assert image.shape == (64, 96, 3)


def test_letterbox_pads_with_black_above_and_below_a_wide_picture() -> None:
    image = fit(_source(200, 100), VideoSpec(width=96, height=96, resize=Resize.LETTERBOX))
    assert image[:24].max() == 0
    assert image[72:].max() == 0
    assert image[25:71].min() > 0


def test_crop_cuts_the_sides_of_a_wide_picture() -> None:
    source = np.full((100, 200, 3), 200, np.uint8)
    source[:, :45] = source[:, 155:] = 0
    image = fit(VideoFrame.from_ndarray(source, format="rgb24"), VideoSpec(resize=Resize.CROP))
    assert image[:, 4:-4].min() > 150


def test_none_keeps_the_size() -> None:
    assert fit(_source(200, 100), VideoSpec(resize=Resize.NONE)).shape == (100, 200, 3)


def test_a_rotation_is_undone_counterclockwise_by_its_degrees() -> None:
    spec = VideoSpec(resize=Resize.NONE)
    assert _red(fit(_source(200, 100), spec), 10, 10)
    left = fit(_source(200, 100), spec, rotation=90)
    assert left.shape == (200, 100, 3)
    assert _red(left, 190, 10)
    assert _red(fit(_source(200, 100), spec, rotation=-90), 10, 90)
    assert _red(fit(_source(200, 100), spec, rotation=180), 90, 190)


def test_wide_samples_widen_the_picture() -> None:
    image = fit(_source(100, 100), VideoSpec(resize=Resize.NONE), aspect=Fraction(2))
    assert image.shape == (100, 200, 3)


def test_the_same_picture_gives_the_same_pixels() -> None:
    rng = np.random.default_rng(0)
    noise = VideoFrame.from_ndarray(rng.integers(0, 255, (120, 160, 3), dtype=np.uint8), format="rgb24")
    picture = noise.reformat(format="yuv420p")
    assert np.array_equal(fit(picture, VideoSpec()), fit(picture, VideoSpec()))
