"""Wording and truth of the synthetic world's standing questions."""

from __future__ import annotations

import pytest

from bench.data.world_words import (
    ClueTask,
    Watch,
    WatchTask,
    count_at,
    count_wording,
    find_at,
    find_wording,
    first_seen,
    kinds,
    seen_at,
    seen_wording,
    watches,
)  # fmt: skip
from shared.video.synth import Colour, Quadrant, Scene, Shape, State, Track, script


def test_each_sentence_is_as_the_models_were_taught() -> None:
    assert seen_wording(Shape.STAR) == "Has a star appeared?"
    assert seen_wording(Colour.RED) == "Has a red object appeared?"
    assert find_wording(ClueTask.FIND_COLOUR, Shape.STAR) == "What colour is the star?"
    assert find_wording(ClueTask.FIND_SHAPE, Colour.RED) == "What shape is the red object?"
    assert find_wording(ClueTask.FIND_PLACE, Shape.STAR) == "Where is the star?"
    assert count_wording(Shape.STAR) == "How many star objects are there now?"
    assert count_wording(Colour.RED) == "How many red objects are there now?"
    assert Watch(WatchTask.APPEAR, Shape.STAR).text == "Say when a star is there."
    assert Watch(WatchTask.APPEAR, Colour.RED).text == "Say when a red object is there."
    assert Watch(WatchTask.GONE, Shape.STAR).text == "Say when no star is there."
    assert Watch(WatchTask.NUMBER, 1).text == "Say when there is one object."
    assert Watch(WatchTask.NUMBER, 3).text == "Say when there are three objects."
    assert len({watch.text for watch in watches()}) == len(watches()) == 28


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A star, green then blue, from 4 to 14 s; a circle from 0 to 9 s; another from 6 to 12 s."""
    tracks = (
        Track(Shape.CIRCLE, 0, 9, (State(0, Colour.WHITE, 0),)),
        Track(Shape.STAR, 4, 14, (State(4, Colour.GREEN, 15), State(8, Colour.BLUE, 3)), rare=Shape.STAR),
        Track(Shape.CIRCLE, 6, 12, (State(6, Colour.GREEN, 5),)),
    )
    return Scene(0, 20.0, 3, tracks, (Colour.GREEN, Colour.BLUE), (Shape.CIRCLE,))


def test_what_was_seen_once_stays_seen(scene: Scene) -> None:
    assert first_seen(scene, Shape.STAR) == 4
    assert first_seen(scene, Shape.RING) is None
    assert [seen_at(scene, t, Shape.STAR) for t in (0, 3.99, 4, 19.5)] == [False, False, True, True]
    assert [seen_at(scene, t, Colour.BLUE) for t in (7.5, 8, 19)] == [False, True, True]


def test_what_is_to_be_found_waits_then_is_as_it_is_then_as_it_was_last(scene: Scene) -> None:
    def colour(t: float) -> str | None:
        return find_at(scene, t, ClueTask.FIND_COLOUR, Shape.STAR)

    assert [colour(t) for t in (3.5, 4, 7.9, 8, 14, 19.5)] == [None, "green", "green", "blue", "blue", "blue"]
    assert find_at(scene, 19.5, ClueTask.FIND_PLACE, Shape.STAR) == Quadrant.TOP_RIGHT


def test_counts_are_of_what_is_visible(scene: Scene) -> None:
    assert [count_at(scene, t, Shape.CIRCLE) for t in (0, 6, 9, 12)] == [1, 2, 1, 0]
    assert [count_at(scene, t, Colour.GREEN) for t in (3, 4, 6, 8)] == [0, 1, 2, 1]


def test_a_request_holds_of_what_is_visible(scene: Scene) -> None:
    def when(watch: Watch) -> list[int]:
        return [t for t in range(20) if watch.holds(scene.objects_at(t))]

    assert when(Watch(WatchTask.APPEAR, Shape.STAR)) == list(range(4, 14))
    assert when(Watch(WatchTask.GONE, Shape.CIRCLE)) == list(range(12, 20))
    assert when(Watch(WatchTask.NUMBER, 3)) == [6, 7, 8]


def test_every_kind_is_a_shape_or_a_colour_of_some_scene() -> None:
    worn = {w for s in range(4) for o in script(s, duration_s=60).objects_at(30) for w in o[:2]}
    assert worn <= set(kinds())
    assert len(kinds()) == 12
