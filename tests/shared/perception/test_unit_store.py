"""Encoded frames that are kept: each is encoded once, and a stream that goes on for ever takes no more room."""

from __future__ import annotations

import tiny_llava

from shared.messages import CacheSpec
from shared.perception.keeping import UnitStore
from shared.video import Frame, encode_jpeg
from shared.vlm.engine import LocalVlm

FRAMES = [Frame(i, float(i), encode_jpeg(image, quality=90)) for i, image in enumerate(tiny_llava.images(3))]


def test_a_kept_frame_is_encoded_once(vlm: LocalVlm) -> None:
    store = UnitStore(vlm)
    assert store.see("a", FRAMES, CacheSpec()).fresh == {0, 1, 2}
    again = store.see("a", FRAMES, CacheSpec())
    assert (again.fresh, again.reencoded, store.encoded) == (frozenset(), 0, 3)


def test_a_frame_that_went_for_want_of_room_is_told_when_it_is_encoded_again(vlm: LocalVlm) -> None:
    store, small = UnitStore(vlm), CacheSpec(max_frames=2)
    store.see("a", FRAMES, small)
    again = store.see("a", FRAMES[:1], small)
    assert (again.fresh, again.reencoded) == ({0}, 1)


def test_what_has_left_the_window_for_good_is_forgotten_even_by_number(vlm: LocalVlm) -> None:
    store = UnitStore(vlm)
    store.see("a", FRAMES, CacheSpec())
    store.drop_before("a", 2)
    assert store.nbytes("a") == store.see("b", FRAMES[2:], CacheSpec()).units[0].feats.nbytes
    again = store.see("a", FRAMES[:1], CacheSpec())
    assert (again.fresh, again.reencoded) == ({0}, 0)


def test_a_stream_of_which_all_was_forgotten_is_not_in_the_way_of_another(vlm: LocalVlm) -> None:
    store = UnitStore(vlm, limit=2)
    store.see("a", FRAMES[:1], CacheSpec())
    store.drop_before("a", 3)
    assert store.see("b", FRAMES, CacheSpec()).fresh == {0, 1, 2}
    assert store.see("b", FRAMES[1:], CacheSpec()).fresh == frozenset()
