from __future__ import annotations

import numpy as np
import pytest
from video_files import picture

from shared.errors import VideoError
from shared.video import codec, codec_name, decode_jpeg, encode_jpeg


def test_an_image_survives_the_round_trip() -> None:
    image = picture(3)
    again = decode_jpeg(encode_jpeg(image, quality=90))
    assert again.shape == image.shape
    assert np.abs(again.astype(int) - image).mean() < 3


def test_the_same_image_gives_the_same_bytes() -> None:
    assert encode_jpeg(picture(1), quality=90) == encode_jpeg(picture(1).copy(), quality=90)


def test_a_view_that_is_not_contiguous_is_encoded_as_its_copy_is() -> None:
    turned = np.rot90(picture(1))
    assert encode_jpeg(turned, quality=90) == encode_jpeg(turned.copy(), quality=90)


def test_bytes_that_are_no_jpeg_are_refused_in_one_line() -> None:
    with pytest.raises(VideoError, match="no readable JPEG") as caught:
        decode_jpeg(b"nothing")
    assert "\n" not in str(caught.value)


def test_without_the_binding_pillow_steps_in_under_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    image, fast_name = picture(1), codec_name()
    monkeypatch.setattr(codec, "simplejpeg", None)
    assert codec_name() != fast_name
    assert codec_name().startswith("pillow-")
    assert np.abs(decode_jpeg(encode_jpeg(image, quality=90)).astype(int) - image).mean() < 3
