"""The synthetic world's script and pixels."""

from __future__ import annotations

import numpy as np
import pytest

from shared.errors import VideoError
from shared.video.synth import CELL_PX, GRID, MAX_VISIBLE, SIDE, Colour, Shape, parse_synth, render, script


def test_the_same_seed_gives_the_same_scene_and_pixels() -> None:
    first, second = (script(3, duration_s=40, level=3) for _ in range(2))
    assert first == second
    assert np.array_equal(render(first, 7.0), render(second, 7.0))
    assert first != script(4, duration_s=40, level=3)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_one_to_four_objects_are_visible_each_in_a_cell_of_its_own(level: int) -> None:
    for seed in range(20):
        scene = script(seed, duration_s=90, level=level)
        for t in range(90):
            cells = [o.cell for o in scene.objects_at(t)]
            assert 1 <= len(cells) <= MAX_VISIBLE
            assert cells == sorted(set(cells))


def test_changes_happen_at_whole_seconds_only() -> None:
    scene = script(5, duration_s=60, level=3)
    for second in range(59):
        assert scene.objects_at(second) == scene.objects_at(second + 0.99)


def test_levels_add_moves_then_colour_changes() -> None:
    def changes(level: int) -> tuple[bool, bool]:
        tracks = [t for seed in range(10) for t in script(seed, duration_s=60, level=level).tracks]
        moved = any(len({s.cell for s in t.states}) > 1 for t in tracks)
        return moved, any(len(t.colours()) > 1 for t in tracks)

    assert [changes(level) for level in (1, 2, 3)] == [(False, False), (True, False), (True, True)]


def test_what_is_rare_is_worn_by_one_object_alone() -> None:
    for seed in range(20):
        scene = script(seed, duration_s=120, level=3)
        for rare in (t.rare for t in scene.tracks if t.rare is not None):
            wearers = [t for t in scene.tracks if t.shape is rare or rare in t.colours()]
            assert len(wearers) == 1


def test_the_last_state_of_an_object_lasts_five_seconds() -> None:
    for seed in range(20):
        for track in script(seed, duration_s=60, level=3).tracks:
            assert track.leave - track.states[-1].t >= 5


def test_a_frame_is_bright_exactly_where_objects_are() -> None:
    scene = script(11, duration_s=60, level=3)
    for t in range(0, 60, 5):
        frame = render(scene, t)
        assert frame.shape == (SIDE, SIDE, 3)
        assert frame.dtype == np.uint8
        blocks = frame.reshape(GRID, CELL_PX, GRID, CELL_PX, 3)
        spread = np.ptp(blocks.astype(int), axis=(1, 3)).max(axis=-1).ravel()
        assert {int(cell) for cell in np.flatnonzero(spread > 80)} == {o.cell for o in scene.objects_at(t)}


def test_an_objects_pixels_have_its_colour() -> None:
    seen: set[Colour] = set()
    for seed in range(8):
        scene = script(seed, duration_s=40, level=3)
        for placed in scene.objects_at(20):
            row, column = divmod(placed.cell, GRID)
            cell = render(scene, 20)[
                row * CELL_PX : (row + 1) * CELL_PX, column * CELL_PX : (column + 1) * CELL_PX
            ]
            red, green, blue = cell.reshape(-1, 3).max(axis=0) > 120
            seen.add(placed.colour)
            assert (bool(red), bool(green), bool(blue)) == {
                Colour.RED: (True, False, False),
                Colour.GREEN: (False, True, False),
                Colour.BLUE: (False, False, True),
                Colour.YELLOW: (True, True, False),
                Colour.PURPLE: (True, False, True),
                Colour.WHITE: (True, True, True),
            }[placed.colour]
    assert len(seen) > 3


def test_shapes_of_one_colour_differ_in_many_pixels() -> None:
    from shared.video.synth_draw import _mask

    masks = [_mask(shape, 1.0) for shape in Shape]
    for i, one in enumerate(masks):
        for other in masks[i + 1 :]:
            assert np.abs(one - other).mean() > 0.05


def test_a_url_names_a_scene() -> None:
    assert parse_synth("synth:seed=5,duration=30,level=3") == script(5, duration_s=30, level=3)
    assert parse_synth("synth:seed=5") == script(5, duration_s=60, level=2)


@pytest.mark.parametrize(
    "url",
    ["synth:", "synth:duration=5", "synth:seed=x", "synth:seed=1,colour=2", "synth:seed=1,duration=0",
     "synth:seed=1,level=9", "synth:seed=1.5"],
)  # fmt: skip
def test_a_wrong_url_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(VideoError) as caught:
        parse_synth(url)
    assert "\n" not in str(caught.value)
