"""The audit of a run folder: is every record causal, unique and accounted for?

Causality is mechanical: each record carries the times of the frames and notes that were really in the
prompt, and none may be later than the ask. It is checked on every record, superseded ones and emissions
included. What is asked is compared with the data set, so that a record can't excuse itself by a later ask
time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from bench.data.ask import ASKABLE, AskedQuestion, to_questions
from bench.data.dataset import Dataset
from bench.run.config import config_of
from bench.run.folder import RunFolder
from bench.run.records import Final, Record
from shared.messages import Profile, Status, question_key
from shared.routing import StreamState, policy

__all__ = ["Audit", "Violation", "audit", "audit_run"]

_SLACK_S = 1e-6
"""Times are rounded to microseconds."""


class Violation(NamedTuple):
    """A rule that a record breaks."""

    line: int
    """Of `records.jsonl`, from 1; 0 when it is about a record that is not there."""
    rule: str
    """`causality`, `identity`, `window`, `unique`, `status` or `missing`."""
    sample: str
    path: str
    text: str

    def __str__(self) -> str:
        return f"records.jsonl:{self.line}: {self.rule}: {self.sample} on {self.path}: {self.text}"


class Audit(NamedTuple):
    """What the audit saw."""

    records: int
    finals: int
    """That count: of the highest attempts."""
    superseded: int
    violations: tuple[Violation, ...]

    @property
    def leaks(self) -> tuple[Violation, ...]:
        """Violations of causality."""
        return tuple(v for v in self.violations if v.rule == "causality")


class Ask(NamedTuple):
    """What the data set says of a question."""

    asked: AskedQuestion
    path_names: Collection[str]
    """Paths that owe a final."""


def audit_run(folder: RunFolder, *, complete: bool = True) -> Audit:
    """Audit a run folder; `complete` also demands a final on every path that a question owes."""
    config = config_of(folder.manifest().settings)
    asks = _asks(folder.dataset(), config.system.route)
    return audit(folder.iter_records(), asks, config.profile(), complete=complete)


def audit(
    records: Iterable[Record],
    asks: Mapping[tuple[str, int, int], Ask],
    profile: Profile,
    *,
    complete: bool = True,
) -> Audit:
    """Check records in the order of their lines against what was to be asked."""
    found: list[Violation] = []
    seen: dict[tuple[Final, int, int], int] = {}
    highest: dict[int, int] = {}
    count = 0
    for line, record in enumerate(records, 1):
        count = line
        highest[record.play] = max(record.attempt, highest.get(record.play, 0))
        ask = asks.get((record.sample, record.turn, record.probe))
        for rule, text in _faults(record, ask.asked if ask else None, profile):
            found.append(Violation(line, rule, record.sample, record.path, text))
        if record.kind == "final":
            slot = (record.final, record.play, record.attempt)
            if slot in seen:
                text = f"a second final; the first is on line {seen[slot]}"
                found.append(Violation(line, "unique", record.sample, record.path, text))
            seen.setdefault(slot, line)
    effective = {final for final, play, attempt in seen if attempt == highest[play]}
    if complete:
        found += _missing(asks, effective)
    return Audit(count, len(effective), len(seen) - len(effective), tuple(found))


def _asks(dataset: Dataset, route: str) -> dict[tuple[str, int, int], Ask]:
    decide = policy(route).decide
    asks = {}
    for sample in dataset.samples:
        if sample.part not in ASKABLE:
            continue
        for asked in to_questions(sample, "audit"):
            paths = decide(asked.question, StreamState(t=asked.ask_s)).paths
            asks[asked.sample, asked.turn, asked.probe] = Ask(asked, paths)
    return asks


def _faults(record: Record, asked: AskedQuestion | None, profile: Profile) -> Iterator[tuple[str, str]]:
    if asked is None:
        yield "identity", f"turn {record.turn}, probe {record.probe} is no question of this run"
        return
    yield from _identity(record, asked)
    yield from _leaks(record, asked.ask_s)
    yield from _window(record, profile)
    if record.status is not Status.OK and not record.error:
        yield "status", f"is {record.status} and does not say why"


def _identity(record: Record, asked: AskedQuestion) -> Iterator[tuple[str, str]]:
    if record.key != question_key(record.sample, record.turn, record.probe):
        yield "identity", f"key {record.key} is not that of its sample, turn and probe"
    if record.t_ask != asked.ask_s:
        yield "identity", f"was asked at {record.t_ask:g} s; the data set says {asked.ask_s:g} s"
    if record.choice is not None and record.choice not in {option.key for option in asked.question.options}:
        yield "identity", f"chose {record.choice!r}, which is no option"


def _leaks(record: Record, t_ask: float) -> Iterator[tuple[str, str]]:
    """By the data set's ask time."""
    latest = max(record.frames_ts, default=0.0)
    if latest > t_ask + _SLACK_S:
        yield "causality", f"saw a frame of {latest:g} s, asked at {t_ask:g} s"
    for note in record.notes:
        if note.t_end > t_ask + _SLACK_S or note.t_start > note.t_end:
            yield "causality", f"read a note of {note.t_start:g} to {note.t_end:g} s, asked at {t_ask:g} s"
        if note.opening != record.opening:
            yield "causality", f"read a note of another opening, {note.opening}"


def _window(record: Record, profile: Profile) -> Iterator[tuple[str, str]]:
    """No more than the profile shows: as many frames, reaching as far back."""
    spec = profile.s1 if record.path == "s1" else profile.s2
    if len(record.frames_idx) != len(record.frames_ts):
        yield "window", f"{len(record.frames_idx)} frame indices for {len(record.frames_ts)} times"
    if list(record.frames_ts) != sorted(set(record.frames_ts)):
        yield "window", "frame times do not ascend"
    if len(record.frames_ts) > spec.frames:
        yield "window", f"saw {len(record.frames_ts)} frames; the profile shows {spec.frames}"
    if record.frames_idx and record.frames_idx[-1] - record.frames_idx[0] > spec.reach:
        yield (
            "window",
            f"looked back {record.frames_idx[-1] - record.frames_idx[0]} frames; the reach is {spec.reach}",
        )
    if record.path == "s2" and len(record.notes) > profile.recall.k:
        yield "window", f"read {len(record.notes)} notes; the profile allows {profile.recall.k}"


def _missing(asks: Mapping[tuple[str, int, int], Ask], finals: Collection[Final]) -> Iterator[Violation]:
    for (sample, turn, probe), ask in asks.items():
        for path in ask.path_names:
            if (sample, turn, probe, path) not in finals:
                yield Violation(0, "missing", sample, path, f"turn {turn}, probe {probe} has no final")
