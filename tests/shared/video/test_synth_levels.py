"""Levels of the synthetic world: the plain ones never change, the harder ones add what they promise."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from shared.video.synth import (
    CELL_PX,
    GRID,
    LEVELS,
    MAX_CROWD,
    MAX_VISIBLE,
    PLAIN_LEVELS,
    Scene,
    Shape,
    Track,
    render,
    script,
)  # fmt: skip

HARD = [level for level in LEVELS if level not in PLAIN_LEVELS]


@pytest.mark.parametrize(
    ("level", "scripts", "pixels"),
    [
        (1, "72559511278627e4", "192221b37b89c027"),
        (2, "197ab2dca4e923f5", "4ab54002021b7117"),
        (3, "a341ab57df32e5cf", "de76e674108bef10"),
    ],
)
def test_scenes_of_the_plain_levels_are_those_that_the_models_were_trained_on(
    level: int, scripts: str, pixels: str
) -> None:
    written, drawn = hashlib.sha256(), hashlib.sha256()
    for seed in range(12):
        for duration in (20, 60, 133.5):
            written.update(repr(script(seed, duration_s=duration, level=level).tracks).encode())
    for seed in range(6):
        scene = script(seed, duration_s=40, level=level)
        for t in range(0, 40, 3):
            drawn.update(render(scene, t).tobytes())
    assert (written.hexdigest()[:16], drawn.hexdigest()[:16]) == (scripts, pixels)


def _present(track: Track, t: int) -> bool:
    return track.appear <= t < track.leave


def _hidden(scene: Scene, t: int) -> set[int]:
    return {cell for bar in scene.bars if bar.appear <= t < bar.leave for cell in bar.cells}


@pytest.mark.parametrize("level", LEVELS)
def test_the_state_of_a_second_is_that_of_every_object_which_no_bar_hides(level: int) -> None:
    for seed in range(6):
        scene = script(seed, duration_s=70.5, level=level)
        for t in range(71):
            seen = [track.at(t) for track in scene.tracks if _present(track, t)]
            open_ones = [o for o in seen if o is not None and o.cell not in _hidden(scene, t)]
            assert sorted(open_ones, key=lambda o: o.cell) == list(scene.objects_at(t))
            assert scene.objects_at(t + 0.5) == scene.objects_at(t)


@pytest.mark.parametrize("level", HARD)
def test_a_crowd_has_each_object_in_a_cell_of_its_own(level: int) -> None:
    most = 0
    for seed in range(12):
        scene = script(seed, duration_s=90, level=level)
        for t in range(90):
            cells = [at.cell for track in scene.tracks if (at := track.at(t)) is not None]
            assert 1 <= len(cells) <= MAX_CROWD
            assert len(set(cells)) == len(cells)
            most = max(most, len(cells))
    assert most > MAX_VISIBLE


def _alike(level: int) -> float:
    """Share of seconds in which several objects are of one shape."""
    found = []
    for seed in range(12):
        scene = script(seed, duration_s=60, level=level)
        found += [max(Counter(o.shape for o in objects).values(), default=0) > 1 for objects in scene.moments]
    return sum(found) / len(found)


def test_from_level_4_on_several_objects_are_often_of_one_kind() -> None:
    assert _alike(4) > 2 * _alike(3)


@pytest.mark.parametrize("level", HARD)
def test_what_is_rare_is_worn_by_one_object_alone_and_never_hidden(level: int) -> None:
    for seed in range(12):
        scene = script(seed, duration_s=120, level=level)
        assert len(scene.rare) == 4
        for rare in scene.rare:
            wearers = [t for t in scene.tracks if t.shape is rare.rare or rare.rare in t.colours()]
            assert wearers == [rare]
            for t in range(rare.appear, min(rare.leave, 120)):
                assert rare in scene.visible(t)
            assert rare.leave - rare.states[-1].t >= 5


def test_specks_are_drawn_but_no_objects() -> None:
    scene = script(3, duration_s=30, level=4)
    bare = Scene(scene.seed, scene.duration_s, 4, scene.tracks, scene.common_colours, scene.common_shapes)
    assert scene.moments == bare.moments
    changed = [int((render(scene, t) != render(bare, t)).any(axis=-1).sum()) for t in range(0, 30, 3)]
    assert max(changed) > 40
    assert max(changed) < 600


def test_a_bar_hides_what_is_behind_it() -> None:
    hidden = 0
    for seed in range(6):
        scene = script(seed, duration_s=90, level=5)
        assert scene.bars
        for bar in scene.bars:
            second = min(bar.appear, 89)
            behind = [at for track in scene.tracks if (at := track.at(second)) and at.cell in bar.cells]
            assert not {o.cell for o in scene.objects_at(second)} & set(bar.cells)
            hidden += len(behind)
            row, column = divmod(bar.cells[0], GRID)
            pixels = render(scene, second)[
                row * CELL_PX : (row + 1) * CELL_PX, column * CELL_PX : (column + 1) * CELL_PX
            ]
            assert np.ptp(pixels) == 0
    assert hidden > 10


def test_at_level_5_things_move_every_second_for_a_while_and_then_not_at_all() -> None:
    runs: Counter[int] = Counter()
    for seed in range(12):
        moves: Counter[int] = Counter()
        for track in script(seed, duration_s=120, level=5).tracks:
            for one, other in pairwise(track.states):
                moves[other.t] += one.cell != other.cell
        moving = [moves[t] > 0 for t in range(120)]
        streak = 0
        for now in [*moving, False]:
            runs[streak] += bool(streak and not now)
            streak = streak + 1 if now else 0
        assert 0.1 < sum(moving) / len(moving) < 0.6
    assert sum(n for length, n in runs.items() if length >= 3) > 20


@pytest.mark.parametrize("level", [2, 5])
def test_two_hours_are_written_and_indexed_without_searching_the_whole_stream(
    level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = 0
    at = Track.at

    def counted(track: Track, t: float) -> object:
        nonlocal looked
        looked += 1
        return at(track, t)

    monkeypatch.setattr(Track, "at", counted)
    scene = script(9, duration_s=7200, level=level)
    assert len(scene.moments) == 7200
    for t in range(7200):
        scene.objects_at(t + 0.5)
    assert {o.shape for objects in scene.moments for o in objects} == set(Shape)
    # A look for each second of each life, not for each second and each of the stream's thousands of lives.
    assert looked < 7200 * MAX_CROWD * 2
