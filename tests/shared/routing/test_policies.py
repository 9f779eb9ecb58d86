from __future__ import annotations

import pytest

from shared.errors import ConfigError
from shared.messages import Path, Question
from shared.routing import StreamState, names, policy


def question(text: str) -> Question:
    return Question(opening="r_0_0", key="k", sample="s", t_ask=12.5, text=text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("What colour is the star now?", Path.S1),
        ("What is the person holding?", Path.S1),
        ("What colour was the star that left?", Path.S2),
        ("Which shape appeared first?", Path.S2),
        ("Has anybody ever opened the door?", Path.S2),
        ("Why did she stop?", Path.S2),
        ("What was here before, and is it here right now?", Path.S1),
    ],
)
def test_the_rules_send_the_past_to_s2_and_the_present_to_s1(text: str, path: Path) -> None:
    assert policy("rule").decide(question(text), StreamState(12.5)).paths == (path,)


def test_both_asks_s1_and_s2() -> None:
    assert policy("both").decide(question("?"), StreamState(0)).paths == (Path.S1, Path.S2)


def test_a_decision_can_be_repeated_and_names_its_rule() -> None:
    asked = question("How many times has it happened so far?")
    first = policy("rule").decide(asked, StreamState(1.0))
    assert first == policy("rule").decide(asked, StreamState(99.0))
    assert first.reason == "history"


def test_an_unknown_policy_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"'force_s2'.*'force-s2'"):
        policy("force_s2")


def test_every_built_in_policy_can_be_made() -> None:
    for name in names():
        assert policy(name).decide(question("?"), StreamState(0)).paths
