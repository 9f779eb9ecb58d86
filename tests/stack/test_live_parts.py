"""Live mode through the whole stack, for every way of asking: time doesn't wait, and what it costs is recorded.

Nothing here depends on how fast the machine is: what was passed over is counted, not forbidden.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import live_parts
import pytest
from five_parts import OPTIONS
from live_parts import CHANGE_S, GOLD_S, POLLS, SLOWLY
from stack_kit import Kit, Running, dsb

from bench.data import Part
from bench.run.check import check_folder
from bench.run.driver import prepare
from bench.run.folder import RunFolder
from bench.run.records import Final, Record, effective
from bench.scoring import score_run
from bench.scoring.scores import Row, ScoreTable
from shared.messages import Path

pytestmark = pytest.mark.stack

PATIENT = {"stream__mode": "live", "stream__answer_s": 300.0, "stream__horizon_s": 6.0}
WAYS = {
    "dense": {"system__clue": "dense", "system__proactive": "poll"},
    "probes": {
        "system__clue": "probes",
        "system__proactive": "push",
        "memory__also": ["user", "answer", "event"],
        "memory__k": 16,
    },
}
FOLLOWED = {"dense": {"state", "slow", "last", "watch"}, "probes": {"watch"}}
"""Tasks that are looked at again and again."""
SLEEP_S = 2.5
ENV = {
    "DSB_FAILPOINTS": f"s2.answering[{SLOWLY}]=sleep:{1000 * SLEEP_S}",
    "DSB_JOB_MAX_AGE_S": "600",
    "DSB_SLOTS": "8",
}


class Live(NamedTuple):
    """A run that was played live."""

    folder: RunFolder
    finals: dict[Final, Record]
    emissions: dict[Final, list[Record]]

    def of(self, task: str, kind: str = "final") -> list[Record]:
        found = [record for records in self.emissions.values() for record in records]
        held = found if kind == "emission" else list(self.finals.values())
        return [record for record in held if record.sample == f"live/{task}"]


def _read(folder: RunFolder) -> Live:
    records = effective(folder.records())
    finals = {record.final: record for record in records if record.kind == "final"}
    emissions: dict[Final, list[Record]] = {final: [] for final in finals}
    for record in records:
        if record.kind == "emission":
            emissions[record.final].append(record)
    return Live(folder, finals, emissions)


@pytest.fixture(scope="module")
def runs(kit: Kit) -> Iterator[dict[str, Live]]:
    """Both ways of asking, played side by side."""
    path = live_parts.save(kit)
    with kit.stack("live", env=ENV) as stack:
        playing = {
            name: Running(
                prepare(kit.config(f"live_{name}", dataset__path=path, **PATIENT, **way)), stack.url
            )
            for name, way in WAYS.items()
        }
        yield {name: _read(run.finish()) for name, run in playing.items()}


@pytest.mark.parametrize("way", WAYS)
def test_every_question_ends_in_one_final_and_the_run_is_sound(runs: dict[str, Live], way: str) -> None:
    live = runs[way]
    # Six samples, three turns of the chain; forced, clues have six probes instead of three courses.
    owed = 6 + 2 + (0 if way == "dense" else 3)
    assert len(live.finals) == 2 * owed
    assert check_folder(live.folder).problems == ()
    plain = [final for final in live.finals.values() if final.ticks is None]
    assert {final.status for final in plain} == {"ok"}
    assert all(final.t_emit is not None and final.t_emit >= final.t_ask for final in plain)


def test_the_command_that_checks_a_run_finds_nothing(runs: dict[str, Live]) -> None:
    process = dsb("results", "check", str(runs["dense"].folder.path))
    said, trouble = process.communicate(timeout=120)
    assert process.returncode == 0, said + trouble


@pytest.mark.parametrize("way", WAYS)
def test_what_is_said_at_ticks_is_in_order_and_rests_on_nothing_later(
    runs: dict[str, Live], way: str
) -> None:
    live = runs[way]
    followed = [final for final in live.finals.values() if final.ticks is not None]
    assert {final.sample for final in followed} == {f"live/{task}" for task in FOLLOWED[way]}
    for final in followed:
        said = live.emissions[final.final]
        assert [record.tick for record in said] == sorted({record.tick for record in said})
        assert [record.t_emit for record in said] == sorted(record.t_emit or 0.0 for record in said)
        for record in said:
            looked = _looked(record)
            assert (record.t_emit or 0.0) >= looked
            assert max(record.frames_ts, default=0.0) <= looked


def test_what_was_said_live_is_read_later_and_never_before_it_was_said(runs: dict[str, Live]) -> None:
    plain = [final for final in runs["probes"].finals.values() if final.ticks is None and final.path == "s2"]
    read = [(final, note) for final in plain for note in final.notes]
    assert {"scene", "user", "answer"} <= {note.kind for _, note in read}
    assert all(note.t_end <= final.t_ask for final, note in read)


@pytest.mark.parametrize("way", WAYS)
def test_ticks_that_were_passed_over_are_told_apart_from_silence(runs: dict[str, Live], way: str) -> None:
    live = runs[way]
    for final in live.finals.values():
        if final.ticks is not None:
            assert final.answered is not None
            assert len(live.emissions[final.final]) <= final.answered <= final.ticks
            assert (final.status == "ok") is (final.answered > 0)
            assert final.status in ("ok", "timeout", "refused")
            assert (final.status == "ok") is (final.error == "")
    assert all(final.status == "ok" for final in live.of("watch") if way == "dense")


def test_a_slow_path_passes_ticks_over_and_answers_every_poll(runs: dict[str, Live]) -> None:
    [slow] = [final for final in runs["dense"].of("slow") if final.path == "s2"]
    assert slow.ticks == 7
    assert (slow.answered or 0) < slow.ticks
    assert [(f.ticks, f.answered, f.gold_door) for f in runs["dense"].of("watch")] == [(5, 5, "poll")] * 2


def test_each_path_of_a_chain_hears_its_own_answers_live(runs: dict[str, Live]) -> None:
    for live in runs.values():
        turns = {(final.path, final.turn): final for final in live.of("chain")}
        for path in Path:
            first, second, third = (turns[path, number] for number in range(3))
            chosen = next(option.text for option in OPTIONS if option.key == first.choice)
            assert second.question == f"Where is the {chosen}?"
            assert (third.history[0].question, third.history[0].answer) == ("What is there?", chosen)
            assert not third.not_replayable
            times = [turn.t_emit or 0.0 for turn in (first, second, third)]
            assert times == sorted(times)


def test_live_scores_count_what_was_there_at_each_time(runs: dict[str, Live]) -> None:
    live = runs["dense"]
    scores = score_run(live.folder).scores
    for path in Path:
        clue = _row(scores, Part.CLUE, path)
        assert clue.primary.estimate.value == pytest.approx(_balanced(live, path), abs=1e-6)
        watch = _row(scores, Part.PROACTIVE, path)
        times = [record.t_emit or 0.0 for record in live.of("watch", "emission") if record.path == path]
        hit = any(abs(t - GOLD_S) <= 2.0 for t in times)
        expected = 2 * hit / (2 * hit + (len(times) - hit) + (1 - hit))
        assert watch.primary.estimate.value == pytest.approx(expected, abs=1e-6)
        now = _row(scores, Part.REALTIME, path)
        [final] = [final for final in live.of("now") if final.path == path]
        assert final.t_emit is not None
        assert now.accuracy.value == (final.choice == ("A" if final.t_emit < CHANGE_S else "B"))
        assert now.accuracy_at_ask == (final.choice == "A")


def _row(scores: ScoreTable, part: Part, path: Path) -> Row:
    found = scores.part(part)
    row = found.row(path) if found else None
    assert row is not None
    return row


def _looked(record: Record) -> float:
    assert record.tick is not None
    return POLLS[record.tick] if record.gold_door == "poll" else record.t_ask + record.tick


def _balanced(live: Live, path: Path) -> float:
    """By the rules in docs/benchmark.md: at each second the last emission up to then counts, and none is a miss."""
    right, asked = {False: 0, True: 0}, {False: 0, True: 0}
    for task in FOLLOWED["dense"] - {"watch"}:
        [final] = [final for final in live.of(task) if final.path == path]
        said = live.emissions[final.final]
        for tick in range(7 if task != "last" else 1):
            t = final.t_ask + tick
            held = [record.choice for record in said if (record.t_emit or 0.0) <= t]
            is_yes = t >= CHANGE_S
            gold = ("A" if is_yes else "wait") if task == "state" else ("yes" if is_yes else "no")
            asked[is_yes] += 1
            right[is_yes] += held[-1:] == [gold]
    return sum(right[state] / asked[state] for state in asked) / 2
