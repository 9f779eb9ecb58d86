from __future__ import annotations

import importlib
import json
from importlib.metadata import EntryPoint
from pathlib import Path as FilePath

import pytest

from bench.run.config import load_config
from shared.errors import ConfigError
from shared.messages import Form, Path, Question, Standing, Status
from shared.routing import First, Staged, StreamState, names, policy, state_of
from shared.routing.features import STREAM_FEATURES, stream_features

AT = StreamState(12.5, 13, 3)


def question(text: str, key: str = "k", **more: object) -> Question:
    return Question.model_validate(
        {"opening": "r_0_0", "key": key, "sample": "s", "t_ask": 12.5, "text": text, **more}
    )


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
    assert policy("rule").decide(question(text), AT).paths == (path,)


def test_rules_of_ones_own_are_read_from_a_file(tmp_path: FilePath) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(
        'default = "s2"\n[[rule]]\nname = "door"\nwords = ["doors?"]\nfrom_s = 10\npath = "both"\n'
        '[[rule]]\nname = "counts"\nforms = ["count"]\npath = "s1"\n'
    )
    made = policy(f"rule:{file}")
    assert made.decide(question("Are the doors open?"), AT).paths == (Path.S1, Path.S2)
    assert made.decide(question("Are the doors open?", t_ask=9.0), AT).reason == "default"
    assert made.decide(question("How many?", form=Form.COUNT), AT).reason == "counts"
    assert made.decide(question("Who?"), AT).paths == (Path.S2,)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[rule]\n", "rules.toml"),
        ('[[rule]]\nname = "a"\npath = "s3"\n', r"rule\.1\.path is 's3'"),
        ('[[rule]]\nname = "a"\npath = "s1"\nword = ["x"]\n', r"rule\.1\.word .*Extra inputs"),
        ('[[rule]]\nname = "a"\npath = "s1"\nwords = ["("]\n', "words of rule 'a'"),
    ],
)
def test_a_rules_file_that_is_wrong_is_refused_in_one_line(tmp_path: FilePath, text: str, told: str) -> None:
    (tmp_path / "rules.toml").write_text(text)
    with pytest.raises(ConfigError, match=told) as raised:
        policy(f"rule:{tmp_path / 'rules.toml'}")
    assert "\n" not in str(raised.value)


def test_a_file_that_was_changed_is_read_again(tmp_path: FilePath) -> None:
    import os

    file = tmp_path / "rules.toml"
    for number, path in enumerate((Path.S1, Path.S2)):
        file.write_text(f'default = "{path}"\n')
        os.utime(file, (number, number))
        assert policy(f"rule:{file}").decide(question("?"), AT).paths == (path,)


def test_both_asks_s1_and_s2() -> None:
    assert policy("both").decide(question("?"), AT).paths == (Path.S1, Path.S2)


def test_a_decision_can_be_repeated_and_names_its_rule() -> None:
    asked = question("How many times has it happened so far?")
    first = policy("rule").decide(asked, StreamState(1.0))
    assert first == policy("rule").decide(asked, StreamState(99.0))
    assert first.reason == "history"


def test_random_sends_its_share_to_s2_and_always_the_same_questions() -> None:
    asked = [question("?", key=f"k{number}") for number in range(2000)]
    made = [policy("random@0.3:5").decide(one, AT) for one in asked]
    assert [policy("random@0.3:5").decide(one, AT) for one in asked] == made
    assert 0.26 < sum(one.paths == (Path.S2,) for one in made) / len(made) < 0.34
    assert all((one.score is not None and one.score > 0.7) == (one.paths == (Path.S2,)) for one in made)
    assert [policy("random@0.3:6").decide(one, AT).paths for one in asked] != [one.paths for one in made]


@pytest.mark.parametrize("name", ["cascade@0.6", "revise@0.6"])
def test_a_cascade_asks_s2_where_s1_is_not_sure(name: str) -> None:
    made = policy(name)
    assert isinstance(made, Staged)
    first = made.decide(question("?"), AT)
    assert (first.paths, first.then) == ((Path.S1,), True)
    sure = made.after(question("?"), AT, First(Status.OK, 0.6))
    assert (sure.paths, sure.score) == ((Path.S1,), 0.4)
    unsure = made.after(question("?"), AT, First(Status.OK, 0.59))
    assert (unsure.paths, unsure.score) == ((Path.S1, Path.S2), 0.41)
    for failed in (First(Status.ERROR), First(Status.OK, None)):
        assert made.after(question("?"), AT, failed).paths == (Path.S1, Path.S2)


def test_a_cascade_leaves_a_standing_question_to_s1() -> None:
    standing = question("Say when it rings.", standing=Standing(kind="speak", until_s=20.0))
    assert policy("cascade").decide(standing, AT).then is False


def test_semantic_hears_the_past_in_words_that_no_rule_names() -> None:
    made = policy("semantic")
    past = made.decide(question("Which item vanished at the beginning?"), AT)
    present = made.decide(question("What is visible on the table at present?"), AT)
    assert past.paths == (Path.S2,)
    assert present.paths == (Path.S1,)
    assert past.score is not None
    assert present.score is not None
    assert past.score > present.score


def test_the_threshold_in_the_name_takes_the_place_of_the_files() -> None:
    assert policy("semantic@0").decide(question("What is there now?"), AT).paths == (Path.S2,)
    assert policy("semantic@1").decide(question("What was there before?"), AT).paths == (Path.S1,)


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "dsb.router/1", "kind": "learned"}'])
@pytest.mark.parametrize("kind", ["learned", "semantic"])
def test_a_policy_file_that_is_wrong_is_refused_in_one_line(
    tmp_path: FilePath, kind: str, content: str
) -> None:
    file = tmp_path / "policy.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match="dsb route train") as raised:
        policy(f"{kind}:{file}")
    assert "\n" not in str(raised.value)


def test_a_learned_policy_of_other_features_is_refused(tmp_path: FilePath) -> None:
    width = 4
    numbers = {"mean": [0] * width, "scale": [1] * width, "weights": [[0] * width] * 3, "bias": [0] * 3}
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"dim": 3, "stream": ["colour"], **numbers}))
    with pytest.raises(ConfigError, match="train it again"):
        policy(f"learned:{file}")


def test_the_llm_policy_goes_by_the_probability_of_slow() -> None:
    made = policy("llm:tiny-s1")
    decision = made.decide(question("What was there before?"), AT)
    assert decision.score is not None
    assert decision.paths == ((Path.S2,) if decision.score >= 0.5 else (Path.S1,))
    assert "tiny-s1" in decision.reason
    assert policy("llm@0:tiny-s1").decide(question("?"), AT).paths == (Path.S2,)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("force_s2", r"'force_s2'.*'force-s2'"),
        ("oracle", "dsb route simulate"),
        ("learned", "learned:FILE"),
        ("llm", "llm:MODEL"),
        ("random@1.5", "from 0 to 1"),
        ("random@0.5:x", "no number"),
        ("force-s1@0.5", "takes no number"),
        ("both:x", "takes no argument"),
        ("rule:/nowhere/rules.toml", "is not there"),
        ("pinned:/nowhere.json", "dsb route rerun"),
        ("a b", "NAME@NUMBER"),
    ],
)
def test_a_route_that_cannot_be_is_refused_with_a_remedy(name: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as raised:
        policy(name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", [name for name in names() if name not in ("learned", "llm", "pinned")])
def test_a_policy_needs_nothing_but_its_name(name: str) -> None:
    assert policy(name).decide(question("?"), AT).paths


def test_the_state_is_a_function_of_stream_time() -> None:
    profile = load_config(None, {"video.fps": 2.0, "memory.every_s": 5.0}).profile()
    assert state_of(profile, 10.0, asked=2, since_s=1.5) == StreamState(10.0, 21, 3, 2, 1.5)
    without = load_config(None, {"memory.enabled": False}).profile()
    assert state_of(without, 10.0).notes == 0


def test_features_are_as_many_as_their_names_and_show_no_order_within_the_run() -> None:
    asked = question("What is there?", turn=3, probe=2)
    assert len(stream_features(asked, AT)) == len(STREAM_FEATURES)
    assert stream_features(asked, AT) == stream_features(question("What is there?"), AT)


class Echo:
    """A third party's policy."""

    def __init__(self, argument: str = "") -> None:
        self.argument = argument

    def decide(self, asked: Question, state: StreamState) -> object:
        return policy("force-s2").decide(asked, state)._replace(reason=self.argument)


def broken() -> Echo:
    raise OSError("no disk")


def test_a_third_partys_policy_joins_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [EntryPoint("echo", f"{__name__}:Echo", "g"), EntryPoint("broken", f"{__name__}:broken", "g")]
    monkeypatch.setattr(EntryPoint, "load", lambda point: globals()[point.value.split(":")[1]])
    registry = importlib.import_module("shared.routing.registry")
    monkeypatch.setattr(
        registry, "entry_points", lambda name=None, **_: [p for p in found if name in (None, p.name)]
    )
    assert {"echo", "broken"} <= set(names())
    assert policy("echo:deep").decide(question("?"), AT).reason == "deep"
    assert policy("echo").decide(question("?"), AT).paths == (Path.S2,)
    with pytest.raises(ConfigError, match=r"'broken'.*OSError: no disk"):
        policy("broken")
