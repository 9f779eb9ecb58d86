from __future__ import annotations

import random
from collections.abc import Sequence

from bench_kit import sample
from scoring_kit import RULES, clue_sample, items, judged, line

from bench.data.schema import AnswerForm, AnswerSpec, Gold
from bench.scoring.answers import Grader
from bench.scoring.base import Item, Said
from bench.scoring.baselines import BASELINES
from bench.scoring.realtime import Realtime
from bench.scoring.text import Exact, Normalised, TextAsk
from shared.messages import Option

COLOURS = ("red", "green", "blue", "white", "yellow", "purple")


def constant(made: Sequence[Item]) -> list[Said]:
    return BASELINES["constant"](made, RULES)


def text_only(made: Sequence[Item]) -> list[Said]:
    return BASELINES["text-only"](made, RULES)


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
    return items(made)


def _score(made: Sequence[Item], answers: Sequence[Said]) -> float:
    pairs = zip(made, answers, strict=True)
    return sum(Realtime().judge(item, said, RULES).correct for item, said in pairs) / len(made)


def test_constant_is_the_letter_that_is_right_most_often() -> None:
    made = items([sample(f"s{i}", gold=gold) for i, gold in enumerate("CCABCD")])
    assert {said.raw for said in constant(made)} == {"C"}


def test_text_only_finds_a_leak_in_the_options_on_videos_it_has_not_seen() -> None:
    made = _world(200, leak=True)
    assert _score(made, text_only(made)) > 0.6


def test_text_only_is_near_chance_where_the_text_tells_nothing() -> None:
    scores = [_score(made, text_only(made)) for made in (_world(200, leak=False, seed=s) for s in range(5))]
    assert 0.17 < sum(scores) / 5 < 0.33


def test_text_only_learns_nothing_from_the_video_it_is_asked_about() -> None:
    made = items([sample(f"s{i}", gold="B", video="same.mp4") for i in range(40)])
    other = items([sample(f"s{i}", gold="B", video=f"v{i}.mp4") for i in range(40)])
    assert _score(other, text_only(other)) == 1.0
    assert _score(made, text_only(made)) < 0.6


def test_forms_without_options_have_blind_baselines_too() -> None:
    samples = []
    for i in range(6):
        plain = sample(f"s{i}", video=f"v{i}.mp4")
        answer = AnswerSpec(form=AnswerForm.YES_NO, gold=(Gold(value=i != 0),))
        turn = plain.turns[0].model_copy(update={"answer": answer})
        samples.append(plain.model_copy(update={"turns": (turn,)}))
    made = items(samples)
    assert _score(made, constant(made)) == 5 / 6
    assert _score(made, text_only(made)) == 5 / 6


def test_text_is_compared_in_the_way_that_is_asked_for() -> None:
    """No answer is held to be right that the matcher in use does not."""
    plain = sample("a")
    answer = AnswerSpec(form=AnswerForm.TEXT, gold=(Gold(text="A red circle."),))
    turn = plain.turns[0].model_copy(update={"answer": answer})
    (item,) = items([plain.model_copy(update={"turns": (turn,)})])
    exact = RULES._replace(grader=Grader(Exact()))
    assert Realtime().judge(item, Said("a red circle"), RULES).correct
    assert not Realtime().judge(item, Said("a red circle"), exact).correct


def test_the_timer_says_yes_when_other_videos_would() -> None:
    made = [
        clue_sample(
            f"s{v}",
            AnswerForm.YES_NO,
            (Gold(to_s=10, value=False), Gold(from_s=10, value=True)),
            probes=(2.0, 8.0, 11.0, 20.0),
            video=f"v{v}",
        )
        for v in range(4)
    ]
    said = BASELINES["timer-k"](items(made), RULES)
    assert [answer.raw for answer in said[:4]] == ["no", "no", "yes", "yes"]


def test_the_best_constant_count_is_the_one_that_is_nearest_on_the_whole() -> None:
    golds = [5, 5, 20, 20, 21, 22]
    made = [
        clue_sample(f"s{v}", AnswerForm.COUNT, (Gold(value=gold),), video=f"v{v}")
        for v, gold in enumerate(golds)
    ]
    assert {said.raw for said in BASELINES["constant"](items(made), RULES)} == {"21"}


def test_no_and_zero_are_not_the_same_gold() -> None:
    made = items(
        [
            clue_sample("a", AnswerForm.YES_NO, (Gold(value=False),)),
            clue_sample("b", AnswerForm.COUNT, (Gold(value=0),)),
        ]
    )
    assert [item.gold[0].value for item in made] == [False, 0]
    assert [type(item.gold[0].value) for item in made] == [bool, int]


class _Counting(Normalised):
    """Counts how often it is asked, as a paid judge would."""

    calls = 0
    asked = 0

    def grades(self, asks: Sequence[TextAsk]) -> list[int]:
        self.calls += 1
        self.asked += len(asks)
        return super().grades(asks)


def test_free_text_is_graded_in_batches_and_no_pair_twice() -> None:
    samples = []
    for n in range(12):
        plain = sample(f"s{n}", video=f"v{n}.mp4")
        answer = AnswerSpec(form=AnswerForm.TEXT, gold=(Gold(text=f"thing {n % 3}"),))
        turn = plain.turns[0].model_copy(update={"answer": answer})
        samples.append(plain.model_copy(update={"turns": (turn,)}))
    matcher = _Counting()
    rules = RULES._replace(grader=Grader(matcher))
    table = judged(samples, [line(s.id, f"Thing {n % 4}") for n, s in enumerate(samples)], rules).table
    assert table.parts[0].rows[0].primary.estimate.value == 3 / 12
    # One batch for the answers, and at most one for each baseline.
    assert matcher.calls <= 3
    assert matcher.asked <= 3 * 12
