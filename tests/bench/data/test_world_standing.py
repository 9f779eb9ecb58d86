"""`clue` and `proactive` in the synthetic world: gold at every instant, and nothing that tells it but looking."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.world import Split, split_seeds
from bench.data.world_clue import ClueQuestion, GoldState, clue_questions
from bench.data.world_watch import HORIZON_S, WatchQuestion, watch_questions
from bench.data.world_words import ClueTask, matches
from shared.video.synth import LEVELS, Scene, script

SEEDS = split_seeds(Split.TEST, 100)
Features = Callable[[ClueQuestion, int, float], Hashable]


def _scene(i: int, seed: int) -> Scene:
    return script(seed, duration_s=(45, 52, 60, 120)[i % 4], level=2 + i % 2)


@pytest.fixture(scope="module")
def clues() -> list[ClueQuestion]:
    return [q for i, seed in enumerate(SEEDS) for q in clue_questions(_scene(i, seed), seed=0, n=4)]


@pytest.fixture(scope="module")
def requests() -> list[list[WatchQuestion]]:
    return [watch_questions(_scene(i, seed), seed=0, n=4) for i, seed in enumerate(SEEDS)]


def _ready(gold: GoldState) -> bool:
    return gold.value is True or gold.value == "READY"


def _brute(scene: Scene, question: ClueQuestion, t: float) -> object:
    """The gold at `t`, from what is visible alone."""
    past = [[o for o in scene.objects_at(s) if matches(o, question.subject)] for s in range(int(t) + 1)]
    if question.task is ClueTask.COUNT:
        return len(past[-1])
    if question.task is ClueTask.SEEN:
        return any(past)
    last = next((objects[0] for objects in reversed(past) if objects), None)
    if last is None:
        return "WAIT", ""
    word = {"colour": last.colour, "shape": last.shape, "place": last.quadrant}[question.task.split("_")[1]]
    return "READY", next(o.key for o in question.options if o.text == word)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from(LEVELS), st.sampled_from([10, 33.5, 60, 150]))
def test_clue_gold_is_what_was_visible_by_then_at_every_half_second(
    seed: int, level: int, duration: float
) -> None:
    scene = script(seed, duration_s=duration, level=level)
    for question in clue_questions(scene, seed=1, n=6):
        last = question.gold[-1].to_s or duration
        t = question.ask_s
        while t < min(last, duration):
            gold = question.gold_at(t)
            found = (gold.value, gold.text) if question.task.startswith("find") else gold.value
            assert found == _brute(scene, question, t), (question, t)
            t += 0.5


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from(LEVELS), st.sampled_from([10, 33.5, 60, 150]))
def test_a_request_is_due_at_every_time_it_becomes_true_and_at_no_other(
    seed: int, level: int, duration: float
) -> None:
    scene = script(seed, duration_s=duration, level=level)
    for question in watch_questions(scene, seed=1, n=6):
        ask = int(question.ask_s)
        end = min(ask + HORIZON_S + 1, len(scene.moments))
        holds = [question.watch.holds(scene.objects_at(t)) for t in range(ask, int(end))]
        edges = [float(ask + i) for i in range(1, len(holds)) if holds[i] and not holds[i - 1]]
        assert holds[0] is False
        assert [float(span.from_s) for span in question.spans] == edges
        assert list(question.gold_s) == [t for t in edges if t < question.until_s]


def test_questions_are_a_function_of_scene_and_seed() -> None:
    scene = script(9, duration_s=60, level=3)
    assert clue_questions(scene, seed=2, n=4) == clue_questions(scene, seed=2, n=4)
    assert clue_questions(scene, seed=2, n=4) != clue_questions(scene, seed=3, n=4)
    assert watch_questions(scene, seed=2, n=4) == watch_questions(scene, seed=2, n=4)


def test_probes_come_in_order_from_the_ask_on_at_half_seconds(clues: list[ClueQuestion]) -> None:
    assert len(clues) == 400
    assert {question.task for question in clues} == set(ClueTask)
    for question in clues:
        assert 4 <= len(question.probe_s) <= 6
        assert list(question.probe_s) == sorted(set(question.probe_s))
        assert question.ask_s <= question.probe_s[0]
        assert {t % 1 for t in (*question.probe_s, question.ask_s)} == {0.5}
        assert question.probe_s[-1] - question.ask_s < HORIZON_S


def test_probes_see_what_is_new_and_what_only_memory_holds(clues: list[ClueQuestion]) -> None:
    finds = [q for q in clues if q.task.startswith("find")]
    ages = [t - q.evidence[0][1] for q in finds for t in q.probe_s if _ready(q.gold_at(t))]
    assert sum(age < 0 for age in ages) > 100
    assert sum(age > 6 for age in ages) > 60


def _balanced(pairs: Sequence[tuple[bool, bool]]) -> float:
    right: dict[bool, list[bool]] = defaultdict(list)
    for gold, guess in pairs:
        right[gold].append(gold is guess)
    return sum(sum(found) / len(found) for found in right.values()) / len(right)


@pytest.mark.parametrize(
    ("features", "limit"),
    [
        (lambda q, i, t: q.text, 0.58),
        (lambda q, i, t: (q.task, len(q.probe_s)), 0.58),
        (lambda q, i, t: i, 0.6),
        (lambda q, i, t: int(t) // 8, 0.58),
        (lambda q, i, t: int(t - q.ask_s) // 4, 0.58),
    ],
    ids=["text", "task", "probe index", "probe time", "time since the ask"],
)
def test_what_can_be_known_without_looking_does_not_tell_the_state(
    clues: list[ClueQuestion], features: Features, limit: float
) -> None:
    # Half of the questions teach how often each feature goes with yes or READY; the others are guessed.
    state = [q for q in clues if q.task is not ClueTask.COUNT]
    seen: dict[Hashable, list[bool]] = defaultdict(list)
    for q in state[::2]:
        for i, t in enumerate(q.probe_s):
            seen[features(q, i, t)].append(_ready(q.gold_at(t)))
    share = {key: sum(found) / len(found) for key, found in seen.items()}
    guessed = [
        (_ready(q.gold_at(t)), share.get(features(q, i, t), 0) > 0.5)
        for q in state[1::2]
        for i, t in enumerate(q.probe_s)
    ]
    assert _balanced(guessed) < limit


def test_both_states_occur_about_equally_often(clues: list[ClueQuestion]) -> None:
    golds = [_ready(q.gold_at(t)) for q in clues if q.task is not ClueTask.COUNT for t in q.probe_s]
    assert 0.42 < sum(golds) / len(golds) < 0.58


def test_no_letter_and_no_number_is_the_answer_much_oftener_than_another(clues: list[ClueQuestion]) -> None:
    labels = Counter(q.gold_at(q.probe_s[-1]).text for q in clues if q.task.startswith("find")) - Counter(
        {"": 999}
    )
    assert max(labels.values()) / sum(labels.values()) < 0.36
    counts = Counter(q.gold_at(t).value for q in clues if q.task is ClueTask.COUNT for t in q.probe_s)
    assert max(counts.values()) / sum(counts.values()) < 0.45


def _f1(asked: Sequence[WatchQuestion], wait_s: float) -> float:
    """F1 of one emission `wait_s` after each ask, right within two seconds."""
    hits = emitted = due = 0
    for question in asked:
        t = question.ask_s + wait_s
        due += len(question.gold_s)
        emitted += t <= question.until_s
        hits += t <= question.until_s and any(abs(t - gold) <= 2 for gold in question.gold_s)
    return 2 * hits / (emitted + due)


def test_a_timer_fitted_on_other_videos_hardly_scores(requests: list[list[WatchQuestion]]) -> None:
    mine, others = ([q for video in requests[k::2] for q in video] for k in (0, 1))
    for fit, held_out in ((mine, others), (others, mine)):
        wait = max(range(60), key=lambda k: _f1(fit, k))
        assert _f1(held_out, wait) < 0.3


def test_about_one_request_in_five_stands_in_vain(requests: list[list[WatchQuestion]]) -> None:
    asked = [q for video in requests for q in video]
    assert len(asked) > 250
    assert 0.12 < sum(not q.gold_s for q in asked) / len(asked) < 0.28
    assert len({q.watch.task for q in asked}) == 3


def test_what_flickers_is_not_asked_for(requests: list[list[WatchQuestion]]) -> None:
    for question in (q for video in requests for q in video):
        due = [span for span in question.spans if span.from_s < question.until_s]
        assert all(span.to_s - span.from_s >= 3 for span in due)
        assert all(b.from_s - a.from_s >= 4 for a, b in pairwise(due))
        assert all(t + 2 <= question.until_s for t in question.gold_s)


def test_a_request_stands_until_the_next_of_its_video(requests: list[list[WatchQuestion]]) -> None:
    for video in requests:
        for one, other in pairwise(video):
            assert one.until_s <= other.ask_s
        assert all(q.until_s - q.ask_s <= HORIZON_S for q in video)
