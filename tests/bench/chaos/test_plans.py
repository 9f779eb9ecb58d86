"""Fault plans: what a file may say, and what is drawn from a seed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bench.chaos import Backend, Fault, Kind, Plan, load_plan
from bench.chaos.compose import Compose
from bench.chaos.draw import catalogue, draw
from bench.chaos.embedded import Embedded
from bench.chaos.gaps import GAPS
from bench.chaos.kubernetes import Kubernetes
from bench.run.config import load_config
from shared.errors import ConfigError

_POISON = {"s1.lettered_not_published", "s2.lettered_not_published"}
"""Passed by a question only that has killed its workers."""


def load(folder: Path, text: str) -> Plan:
    file = folder / "plan.yaml"
    file.write_text(text)
    return load_plan(file)


def test_a_plan_says_what_strikes_and_when(tmp_path: Path) -> None:
    plan = load(
        tmp_path,
        """
config: demo
settings: {dataset.max_samples: 8}
faults:
  - {kind: kill, at: s2.fetched}
  - {kind: cut, target: s1, after_records: 3, for_s: 2}
  - {kind: slow-s2, after_s: 1.5}
""",
    )
    gap, cut, slow = plan.drawn()
    assert (gap.target, cut.service, slow.target) == ("s2", "s1", "s2")
    assert [fault.lasts for fault in (gap, cut, slow)] == [False, True, True]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("{kind: kill, target: s3, after_s: 1}", "'s3': choose one of reader"),
        ("{kind: kill, target: s2}", "give after_s, after_records or at"),
        ("{kind: kill, at: s2.nowhere}", "no such failpoint"),
        ("{kind: cut, target: s2, at: s2.fetched}", "does not strike at a failpoint"),
        ("{kind: kill, target: s1, at: s2.fetched}", "is not in s1"),
        ("{kind: kill, target: s1, after_s: 1, for: 3}", "for is no setting of a plan"),
        ("{kind: kill, target: s2-1, at: s2.fetched}", "leave the number in 's2-1' out"),
        ("{kind: burn, target: s1, after_s: 1}", "'burn'"),
        ("{kind: [kill], target: s1, after_s: 1}", "kind"),
        ("{kind: clock-jump, target: nats, after_s: 1}", "can't be done to 'nats'"),
        ("{kind: kill, at: s2.fetched}\n  - {kind: kill, at: s2.fetched}", "one hit would count for"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_its_line(tmp_path: Path, fault: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"seed: 1\nfaults:\n  - {fault}\n")
    assert says in str(caught.value)
    assert f"plan.yaml:{2 if 'two faults' in str(caught.value) else 3}: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_plan_without_faults_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        load(tmp_path, "faults: []\n")


def test_a_range_of_times_is_drawn_from_the_seed() -> None:
    fault = Fault(kind=Kind.KILL, target="s1", after_s=(1.0, 9.0))
    first, again, other = (Plan(seed=seed, faults=(fault,)).drawn()[0].after_s for seed in (1, 1, 2))
    assert first == again != other
    assert isinstance(first, float)
    assert 1.0 <= first <= 9.0


def test_a_hundred_plans_of_a_seed_hit_every_gap_and_every_kind_of_fault() -> None:
    faults = [fault for number in range(100) for fault in draw(number, seed=3, length_s=4.0)]
    assert {fault.at for fault in faults if fault.at} == set(GAPS)
    met = {(fault.kind, fault.target, fault.abrupt) for fault in faults if not fault.at}
    assert met == {(one["kind"], one["target"], one.get("abrupt", False)) for one in catalogue()}
    assert {fault.kind for fault in faults if fault.at} == {Kind.KILL, Kind.PAUSE}


def test_a_plan_of_a_seed_is_always_the_same() -> None:
    plans = [draw(17, seed=3, length_s=4.0) for _ in range(2)]
    assert plans[0] == plans[1] != draw(17, seed=4, length_s=4.0)


def test_what_a_backend_refuses_is_not_drawn() -> None:
    for number in range(40):
        faults = draw(number, seed=0, length_s=4.0, possible=lambda fault: fault.kind is Kind.PAUSE, gaps=())
        assert {fault.kind for fault in faults} == {Kind.PAUSE}


@pytest.mark.parametrize(
    ("backend", "fault"),
    [
        (Compose(Path()), {"kind": Kind.CUT, "target": "s2", "after_s": 1, "abrupt": True}),
        (Compose(Path()), {"kind": Kind.CLOCK_JUMP, "target": "s2-1", "after_s": 1}),
        (Kubernetes(), {"kind": Kind.KILL, "target": "s2-1", "after_s": 1}),
        (Kubernetes(), {"kind": Kind.CUT, "target": "bench", "after_s": 1}),
        (Kubernetes(), {"kind": Kind.DISK_FULL, "target": "nats", "after_s": 1}),
        (Embedded(load_config(None), Path()), {"kind": Kind.KILL, "target": "s2-2", "after_s": 1}),
        (Embedded(load_config(None), Path()), {"kind": Kind.DISK_FULL, "target": "nats", "after_s": 1}),
        (Embedded(load_config(None), Path()), {"kind": Kind.CUT, "target": "s2-1", "after_s": 1}),
    ],
)
def test_a_backend_says_what_it_can_not_do(backend: Backend, fault: dict[str, Any]) -> None:
    assert backend.refusal(Fault(**fault))


@pytest.mark.parametrize("backend", [Compose(Path()), Kubernetes(), Embedded(load_config(None), Path())])
def test_every_backend_has_every_kind_of_fault_and_every_gap(backend: Backend) -> None:
    for kind, target in (
        (Kind.KILL, "s1"),
        (Kind.PAUSE, "nats"),
        (Kind.CUT, "s2"),
        (Kind.BROKER_RESTART, "nats"),
        (Kind.CLOCK_JUMP, "reader"),
        (Kind.DISK_FULL, "bench"),
        (Kind.SLOW_S2, "s2"),
    ):
        assert backend.refusal(Fault(kind=kind, target=target, after_s=1)) == ""
    for gap in GAPS:
        assert (
            backend.refusal(Fault(kind=Kind.KILL, at=gap))
            == backend.refusal(Fault(kind=Kind.PAUSE, at=gap))
            == ""
        )


def test_the_gaps_are_the_failpoints_of_the_code() -> None:
    root = Path(__file__).resolve().parents[3]
    sources = [file.read_text() for part in ("services", "bench/run") for file in (root / part).rglob("*.py")]
    named = {name for text in sources for name in re.findall(r"failpoints\.a?hit\(\s*f?\"([\w.]+)\"", text)}
    assert named - _POISON == set(GAPS)
