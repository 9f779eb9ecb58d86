"""The pixels of a synthetic scene, by numpy and Pillow alone: ground, specks, objects, bars, from back to front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from shared.video.synth_scene import CELL_PX, GRID, SIDE, Colour, Scene, Shape, Speck

__all__ = ["render"]

_BAR_GREY = 104.0
_RGB: dict[Colour, tuple[int, int, int]] = {
    Colour.RED: (222, 40, 40),
    Colour.GREEN: (40, 180, 60),
    Colour.BLUE: (50, 80, 232),
    Colour.YELLOW: (236, 214, 40),
    Colour.PURPLE: (160, 50, 190),
    Colour.WHITE: (242, 242, 242),
}


def _outline(shape: Shape, centre: float, radius: float) -> list[tuple[float, float]]:
    """Corners of a polygon shape."""
    if shape is Shape.SQUARE:
        angles, radii = [math.pi / 4 + k * math.pi / 2 for k in range(4)], [radius * 1.2] * 4
    elif shape is Shape.TRIANGLE:
        angles, radii = [-math.pi / 2 + k * 2 * math.pi / 3 for k in range(3)], [radius * 1.1] * 3
    else:
        angles, radii = [-math.pi / 2 + k * math.pi / 5 for k in range(10)], [radius * 1.1, radius * 0.45] * 5
    return [(centre + r * math.cos(a), centre + r * math.sin(a)) for a, r in zip(angles, radii, strict=True)]


@lru_cache(maxsize=512)
def _mask(shape: Shape, size: float) -> NDArray[np.float32]:
    """How much of each pixel of a cell a shape covers, `[48, 48, 1]`, drawn at four times the size for smooth edges."""
    scale = 4
    side, centre, radius = CELL_PX * scale, CELL_PX * scale / 2, 19 * scale * size
    image = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(image)
    box = (centre - radius, centre - radius, centre + radius, centre + radius)
    if shape in (Shape.CIRCLE, Shape.RING):
        draw.ellipse(box, fill=255)
        if shape is Shape.RING:
            hole = radius * 0.55
            draw.ellipse((centre - hole, centre - hole, centre + hole, centre + hole), fill=0)
    elif shape is Shape.CROSS:
        arm = radius * 0.33
        draw.rectangle((centre - arm, box[1], centre + arm, box[3]), fill=255)
        draw.rectangle((box[0], centre - arm, box[2], centre + arm), fill=255)
    else:
        draw.polygon(_outline(shape, centre, radius), fill=255)
    small = image.resize((CELL_PX, CELL_PX), Image.Resampling.BOX)
    covered: NDArray[np.float32] = (np.asarray(small, dtype=np.float32)[..., None] / 255).astype(np.float32)
    return covered


@lru_cache(maxsize=16)
def _background(seed: int) -> NDArray[np.float32]:
    """A dark grey, unevenly lit, grainy ground, `[192, 192, 3]`, that stays still."""
    rng = np.random.default_rng(seed)
    low = Image.fromarray(rng.uniform(-14, 14, (5, 5)).astype(np.float32))
    light = np.asarray(low.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float32)
    ground = rng.uniform(32, 76) + light + rng.normal(0, 4, (SIDE, SIDE)).astype(np.float32)
    return (ground[..., None] + rng.uniform(-5, 5, 3)).astype(np.float32)


def _put_specks(canvas: NDArray[np.float32], specks: Sequence[Speck], second: int) -> None:
    rows, columns = np.ogrid[:SIDE, :SIDE]
    for speck in specks:
        age = second - speck.appear
        x, y = (speck.x + age * speck.drift[0]) % SIDE, (speck.y + age * speck.drift[1]) % SIDE
        canvas[(rows - y) ** 2 + (columns - x) ** 2 <= speck.radius**2] = speck.grey


def render(scene: Scene, t: float) -> NDArray[np.uint8]:
    """The frame at `t` (seconds of stream time): RGB, `[192, 192, 3]`; it is the same all through a second."""
    canvas = _background(scene.seed).copy()
    _put_specks(canvas, scene.specks_at(t), int(t))
    for track in scene.visible(t):
        placed = track.at(t)
        assert placed is not None
        cell = _cell(canvas, placed.cell)
        mask = np.roll(_mask(placed.shape, round(track.size, 2)), track.shift, axis=(0, 1))
        paint = np.asarray(_RGB[placed.colour], dtype=np.float32) * track.tint
        cell[:] = cell * (1 - mask) + paint * mask
    for bar in scene.bars_at(t):
        for hidden in bar.cells:
            _cell(canvas, hidden)[:] = _BAR_GREY
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _cell(canvas: NDArray[np.float32], cell: int) -> NDArray[np.float32]:
    """The pixels of a cell, to be drawn on."""
    row, column = divmod(cell, GRID)
    return canvas[row * CELL_PX : (row + 1) * CELL_PX, column * CELL_PX : (column + 1) * CELL_PX]
