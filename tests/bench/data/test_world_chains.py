"""`sequential` in the synthetic world: chains whose later turns hang on the first."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.world import MIN_AGE_S, TASKS, Split, answer_at, split_seeds, wording
from bench.data.world_chains import Chain, chains, filled
from shared.video.synth import LEVELS, Scene, script


@pytest.fixture(scope="module")
def found() -> list[tuple[Scene, Chain]]:
    scenes = [
        script(seed, duration_s=(45, 60, 120)[i % 3], level=LEVELS[i % 5])
        for i, seed in enumerate(split_seeds(Split.TEST, 60))
    ]
    return [(scene, chain) for scene in scenes for chain in chains(scene, seed=0, n=4)]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from(LEVELS), st.sampled_from([10, 40, 150]))
def test_with_the_slot_filled_each_turn_is_an_ordinary_question_with_its_ordinary_gold(
    seed: int, level: int, duration: float
) -> None:
    scene = script(seed, duration_s=duration, level=level)
    for chain in chains(scene, seed=1, n=6):
        first = chain.turns[0].asked
        assert first.answer == chain.track.rare
        for turn in chain.turns[1:]:
            asked = turn.asked
            assert turn.slot_of == 0
            assert filled(asked.text, first.answer) == wording(asked.task, chain.track.rare)
            assert asked.answer == answer_at(scene, asked.ask_s, asked.task, chain.track.rare)
            assert {o.key: o.text for o in asked.options}[asked.gold] == asked.answer
            old = asked.task in TASKS["reasoning"]
            assert (asked.ask_s >= chain.track.leave + MIN_AGE_S) if old else asked.ask_s < chain.track.leave


def test_every_video_of_ordinary_length_has_chains_of_three_and_four(
    found: list[tuple[Scene, Chain]],
) -> None:
    lengths = Counter(len(chain.turns) for _, chain in found)
    assert len(found) > 225
    assert set(lengths) == {3, 4}
    assert min(lengths.values()) > 60


def test_later_turns_ask_for_nothing_that_the_first_one_names(found: list[tuple[Scene, Chain]]) -> None:
    for _, chain in found:
        for turn in chain.turns[1:]:
            assert turn.asked.answer not in chain.turns[0].asked.text.split()
            assert turn.asked.answer != chain.turns[0].asked.answer


def test_no_letter_is_likelier_than_another(found: list[tuple[Scene, Chain]]) -> None:
    letters = Counter(turn.asked.gold for _, chain in found for turn in chain.turns)
    assert max(letters.values()) / sum(letters.values()) < 0.29


def test_the_first_answer_is_no_likelier_than_the_other_options(found: list[tuple[Scene, Chain]]) -> None:
    known: Counter[tuple[str, str]] = Counter()
    firsts = [chain.turns[0].asked for _, chain in found]
    for asked in firsts[::2]:
        known[asked.text, asked.answer] += 1
    guessed = [max(q.options, key=lambda o: known[q.text, o.text]).key == q.gold for q in firsts[1::2]]
    assert sum(guessed) / len(guessed) < 0.38


def test_chains_are_a_function_of_scene_and_seed() -> None:
    scene = script(19, duration_s=60, level=2)
    assert chains(scene, seed=2, n=3) == chains(scene, seed=2, n=3)
    assert chains(scene, seed=2, n=3) != chains(scene, seed=3, n=3)
