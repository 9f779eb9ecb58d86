from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from bench_kit import dataset, sample

from bench.data.schema import AnswerForm, AnswerSpec, Gold, Sample
from bench.scoring.base import Item, ItemKey, Said, items_of
from bench.scoring.baselines import constant, text_only
from bench.scoring.realtime import Realtime
from shared.messages import Option

COLOURS = ("red", "green", "blue", "white", "yellow", "purple")


def _items(samples: Sequence[Sample]) -> list[Item]:
    return list(items_of(dataset(Path("."), samples)))


def _judge(item: Item, said: str) -> bool:
    return Realtime().judge(item, Said(said))[2]


def _world(n: int, *, leak: bool, seed: int = 0) -> list[Item]:
    """Questions with random options; with a leak red is right whenever it is offered."""
    rng = random.Random(seed)
    made = []
    for i in range(n):
        texts = rng.sample(COLOURS, 4)
        gold = rng.choice("ABCD")
        if leak and "red" in texts:
            gold = "ABCD"[texts.index("red")]
        options = tuple(Option(key=k, text=t) for k, t in zip("ABCD", texts, strict=True))
        plain = sample(f"s{i}", video=f"v{i // 5}.mp4")
        turn = plain.turns[0].model_copy(
            update={"answer": AnswerSpec(options=options, gold=(Gold(value=gold),))}
        )
        made.append(plain.model_copy(update={"turns": (turn,)}))
    return _items(made)


def _score(items: Sequence[Item], answers: dict[ItemKey, str]) -> float:
    return sum(_judge(item, answers[item.key]) for item in items) / len(items)


def test_constant_is_the_letter_that_is_right_most_often() -> None:
    items = _items([sample(f"s{i}", gold=gold) for i, gold in enumerate("CCABCD")])
    assert set(constant(items, _judge).values()) == {"C"}


def test_text_only_finds_a_leak_in_the_options_on_videos_it_has_not_seen() -> None:
    items = _world(200, leak=True)
    assert _score(items, text_only(items, _judge)) > 0.6


def test_text_only_is_near_chance_where_the_text_tells_nothing() -> None:
    scores = [
        _score(items, text_only(items, _judge))
        for items in (_world(200, leak=False, seed=s) for s in range(5))
    ]
    assert 0.17 < sum(scores) / 5 < 0.33


def test_text_only_learns_nothing_from_the_video_it_is_asked_about() -> None:
    items = _items([sample(f"s{i}", gold="B", video="same.mp4") for i in range(40)])
    other = _items([sample(f"s{i}", gold="B", video=f"v{i}.mp4") for i in range(40)])
    assert _score(other, text_only(other, _judge)) == 1.0
    assert _score(items, text_only(items, _judge)) < 0.6


def test_forms_without_options_have_blind_baselines_too() -> None:
    made = []
    for i in range(6):
        plain = sample(f"s{i}", video=f"v{i}.mp4")
        answer = AnswerSpec(form=AnswerForm.YES_NO, gold=(Gold(value=i != 0),))
        turn = plain.turns[0].model_copy(update={"answer": answer})
        made.append(plain.model_copy(update={"turns": (turn,)}))
    items = _items(made)
    assert _score(items, constant(items, _judge)) == 5 / 6
    assert _score(items, text_only(items, _judge)) == 5 / 6
