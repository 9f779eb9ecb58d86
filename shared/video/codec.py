"""JPEG at both ends: how a frame travels.

The binding is simplejpeg (libjpeg-turbo): it encodes as fast as Pillow and decodes in half the time. Pillow
steps in where the binding is missing; its bytes may differ in the last bits, so `codec_name` stands in a
run's manifest. Chroma is kept whole (4:4:4): frames are small, and colour is often what a question is about.
"""

from __future__ import annotations

import io

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from shared.errors import VideoError

try:
    import simplejpeg
except ImportError:  # a platform without a wheel of the binding
    simplejpeg = None

__all__ = ["RgbImage", "codec_name", "decode_jpeg", "encode_jpeg"]

RgbImage = NDArray[np.uint8]
"""One picture, RGB, `[height, width, 3]`."""


def codec_name() -> str:
    """Which codec makes the bytes, with its version: two runs of one name encode alike."""
    if simplejpeg is not None:
        return f"simplejpeg-{simplejpeg.__version__}-444"
    return f"pillow-{PIL.__version__}-444"


def encode_jpeg(image: RgbImage, *, quality: int) -> bytes:
    """A baseline JPEG of an RGB image `[h, w, 3]`; the same image gives the same bytes."""
    pixels = np.ascontiguousarray(image)
    if simplejpeg is not None:
        return bytes(simplejpeg.encode_jpeg(pixels, quality, "RGB", "444", fastdct=False))
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality, subsampling=0)
    return out.getvalue()


def decode_jpeg(jpeg: bytes) -> RgbImage:
    """The RGB image `[h, w, 3]` of a JPEG; raises `VideoError` when the bytes are none."""
    try:
        if simplejpeg is not None:
            image: RgbImage = simplejpeg.decode_jpeg(jpeg, "RGB", fastdct=False, fastupsample=False)
            return image
        return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
    except (ValueError, OSError) as error:
        raise VideoError(
            f"frame of {len(jpeg)} bytes is no readable JPEG ({error}): encode it again"
        ) from error
