"""The audit of a run folder: is every record whole, causal, unique and accounted for?

Causality is mechanical: a record tells the times of the frames and notes that were really in the prompt, and
none may be later than the moment at which the system looked: the ask, or the tick of an emission. It is
checked on every record, superseded ones too. What was asked, and when, is taken from the data set, so that
a record can't excuse itself by a later ask time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from bench.data.ask import AskRules, steps
from bench.data.dataset import Dataset
from bench.run.config import RunConfig, config_of
from bench.run.evidence import evidence_of
from bench.run.folder import BadLine, RunFolder
from bench.run.plan import Play, known_paths, questions
from bench.run.records import Record
from shared.messages import Path, Profile, Status, question_key

__all__ = ["Ask", "Audit", "Violation", "asks_of", "audit", "audit_run"]

_SLACK_S = 1e-6
"""Times are rounded to microseconds."""
Key = tuple[str, int, int]


class Violation(NamedTuple):
    """A rule that a record breaks."""

    line: int
    """Of `records.jsonl`, from 1; 0 when it is about a record that is not there."""
    rule: str
    """`schema`, `causality`, `identity`, `window`, `unique`, `status` or `missing`; `data` of the folder."""
    sample: str
    path: str
    text: str

    def __str__(self) -> str:
        place = f"records.jsonl:{self.line}: " if self.line else ""
        about = f"{self.sample} on {self.path}: " if self.sample else ""
        return f"{place}{self.rule}: {about}{self.text}"


class Audit(NamedTuple):
    """What the audit saw."""

    records: int
    """Lines, those that could not be read too."""
    emissions: int
    """That count: of the highest attempts."""
    finals: int
    """That count."""
    superseded: int
    """Finals of earlier attempts."""
    owed: int
    """Finals that the data set and the route ask for."""
    violations: tuple[Violation, ...]

    @property
    def leaks(self) -> tuple[Violation, ...]:
        """Violations of causality."""
        return tuple(v for v in self.violations if v.rule == "causality")


class Ask(NamedTuple):
    """What the data set says of a question: light, since there may be a hundred thousand."""

    number: int
    """Its place among all."""
    ask_s: float
    times: tuple[float, ...]
    """Stream times at which the system looks: the ask, every tick, or every poll."""
    view_from: float
    labels: frozenset[str]
    paths: tuple[Path, ...] | None
    """That owe a final; null where only the router could tell, and its records do."""


def audit_run(folder: RunFolder, *, complete: bool = True, dataset: Dataset | None = None) -> Audit:
    """Audit a run folder; `complete` also demands a final on every path that a question owes.

    `dataset` is the folder's own, where it has been loaded already.
    """
    config = config_of(folder.manifest().settings)
    asks = asks_of(dataset or folder.dataset(), config)
    return audit(folder.checked(), asks, config.profile(), complete=complete)


def asks_of(dataset: Dataset, config: RunConfig) -> dict[Key, Ask]:
    """Every question of a run by sample, turn and probe; samples are read video by video, and let go."""
    asks: dict[Key, Ask] = {}
    labels: dict[frozenset[str], frozenset[str]] = {}
    rules, route = config.ask_rules(), config.system.route
    for play in _plays(dataset, rules):
        for asked in questions(play, "audit"):
            keys = frozenset(option.key for option in asked.question.options)
            asks[asked.sample, asked.turn, asked.probe] = Ask(
                number=len(asks),
                ask_s=asked.ask_s,
                times=steps(asked),
                view_from=asked.question.view_from,
                labels=labels.setdefault(keys, keys),
                paths=known_paths(asked, route),
            )
    return asks


def _plays(dataset: Dataset, rules: AskRules) -> Iterator[Play]:
    """As `plan` gives them, but one at a time."""
    places: dict[str, list[int]] = {}
    for place, sample in enumerate(dataset.samples):
        places.setdefault(sample.video, []).append(place)
    for number, (video, held) in enumerate(places.items()):
        samples = tuple(dataset.samples[place] for place in held)
        yield Play(number, video, samples[0].uri, samples, rules)


def audit(
    records: Iterable[Record | BadLine], asks: Mapping[Key, Ask], profile: Profile, *, complete: bool = True
) -> Audit:
    """Check records in the order of their lines against what was to be asked."""
    found: list[Violation] = []
    ledger = _Ledger()
    count = 0
    named: dict[int, tuple[Path, ...]] = {}
    for line, record in enumerate(records, 1):
        count = line
        if isinstance(record, BadLine):
            found.append(Violation(line, "schema", "", "", f"{record.field}: {record.text}"))
            continue
        ask = asks.get((record.sample, record.turn, record.probe))
        faults = list(_faults(record, ask, profile))
        if ask is not None and (first := ledger.enter(record, ask.number, line)):
            kind = "final" if record.kind == "final" else f"emission of tick {record.tick}"
            faults.append(("unique", f"a second {kind}; the first is on line {first}"))
        if ask is not None and ask.paths is None and record.kind == "final":
            named[ask.number] = record.routed or (record.path,)
        found += [Violation(line, rule, record.sample, record.path, text) for rule, text in faults]
    finals, emissions = ledger.counted()
    if complete:
        found += _missing(asks, finals, named)
    owed = sum(len(_owed(ask, named)) for ask in asks.values())
    return Audit(count, emissions, len(finals), ledger.finals - len(finals), owed, tuple(found))


class _Ledger:
    """Which records there are, by play and attempt; a slot is a question on a path, and for emissions a tick."""

    def __init__(self) -> None:
        self.finals = 0
        self._seen: dict[tuple[int, int], dict[int | tuple[int, int], int]] = {}
        self._highest: dict[int, int] = {}

    def enter(self, record: Record, number: int, line: int) -> int:
        """Note a record of question `number`; gives the line of one like it that was there already, else 0."""
        self._highest[record.play] = max(record.attempt, self._highest.get(record.play, 0))
        held = self._seen.setdefault((record.play, record.attempt), {})
        place = slot(number, record.path)
        final = record.kind == "final"
        first = held.setdefault(place if final else (place, -1 if record.tick is None else record.tick), line)
        self.finals += final and first == line
        return 0 if first == line else first

    def counted(self) -> tuple[set[int], int]:
        """Slots of the finals of the highest attempts, and the number of their emissions."""
        finals: set[int] = set()
        emissions = 0
        for play, attempt in self._highest.items():
            for place in self._seen.get((play, attempt), ()):
                if isinstance(place, int):
                    finals.add(place)
                else:
                    emissions += 1
        return finals, emissions


def slot(number: int, path: Path) -> int:
    """What there is one final of, as a number."""
    return number * len(Path) + (path is not Path.S1)


def _faults(record: Record, ask: Ask | None, profile: Profile) -> Iterator[tuple[str, str]]:
    if ask is None:
        yield "identity", f"turn {record.turn}, probe {record.probe} is no question of this run"
        return
    times = ask.times
    yield from _identity(record, ask)
    if record.kind == "emission" and (record.tick is None or not 0 <= record.tick < len(times)):
        yield "identity", f"tick {record.tick} is none of the {len(times)} times at which it was looked at"
        return
    looked = times[-1] if record.tick is None else times[record.tick]
    yield from _timing(record, looked)
    yield from _leaks(record, looked, ask.view_from)
    yield from _window(record, profile)
    if record.status is not Status.OK and not record.error:
        yield "status", f"is {record.status} and does not say why"


def _identity(record: Record, ask: Ask) -> Iterator[tuple[str, str]]:
    if record.key != question_key(record.sample, record.turn, record.probe):
        yield "identity", f"key {record.key} is not that of its sample, turn and probe"
    if record.t_ask != ask.ask_s:
        yield "identity", f"was asked at {record.t_ask:g} s; the data set says {ask.ask_s:g} s"
    choice = record.choice
    if choice is not None and choice != "wait" and ask.labels and choice not in ask.labels:
        yield "identity", f"chose {record.choice!r}, which is no option"


def _timing(record: Record, looked: float) -> Iterator[tuple[str, str]]:
    """An emission is made at its tick, or after it where time does not wait."""
    if record.kind == "final" or record.t_emit is None:
        return
    early = record.t_emit < looked - _SLACK_S
    if early or (record.mode != "live" and record.t_emit > looked + _SLACK_S):
        yield "causality", f"emitted at {record.t_emit:g} s, at the tick of {looked:g} s"


def _leaks(record: Record, looked: float, view_from: float) -> Iterator[tuple[str, str]]:
    """By the data set's own times."""
    held = evidence_of(record)
    at = "asked" if record.kind == "final" else "looked"
    if held.seen_to_s is not None and held.seen_to_s > looked + _SLACK_S:
        yield "causality", f"saw a frame of {held.seen_to_s:g} s, {at} at {looked:g} s"
    if held.seen_from_s is not None and held.seen_from_s < view_from - _SLACK_S:
        yield "causality", f"saw a frame of {held.seen_from_s:g} s, and may see from {view_from:g} s on"
    if held.told_to_s is not None and held.told_to_s > looked + _SLACK_S:
        text = f"read a note of {held.told_from_s or 0:g} to {held.told_to_s:g} s"
        yield "causality", f"{text}, {at} at {looked:g} s"
    if held.told_from_s is not None and held.told_from_s < view_from - _SLACK_S:
        yield "causality", f"read a note of {held.told_from_s:g} s, and may see from {view_from:g} s on"
    if held.foreign_notes:
        others = sorted({note.opening for note in record.notes} - {record.opening})
        yield "causality", f"read a note of another opening{', ' if others else ''}{', '.join(others)}"


def _window(record: Record, profile: Profile) -> Iterator[tuple[str, str]]:
    """No more than the profile shows: as many frames, reaching as far back."""
    spec = profile.s1 if record.path == "s1" else profile.s2
    more = profile.recall.frames if record.path == "s2" and profile.recall.reads else 0
    held = evidence_of(record)
    if held.fault:
        yield "window", held.fault
    if held.frames > spec.frames + more:
        yield "window", f"saw {held.frames} frames; the profile shows {spec.frames + more}"
    if held.reach > (max(spec.reach, profile.recall.frames_kept) if more else spec.reach):
        yield "window", f"looked back {held.reach} frames; the reach is {spec.reach}"
    if record.path == "s2" and held.notes > profile.recall.most:
        yield "window", f"read {held.notes} notes; the profile allows {profile.recall.most}"


def _owed(ask: Ask, named: Mapping[int, tuple[Path, ...]]) -> tuple[Path, ...]:
    """The paths that owe a final; of a question that was never routed, S1."""
    return named.get(ask.number, (Path.S1,)) if ask.paths is None else ask.paths


def _missing(
    asks: Mapping[Key, Ask], finals: Collection[int], named: Mapping[int, tuple[Path, ...]]
) -> Iterator[Violation]:
    for (sample, turn, probe), ask in asks.items():
        for path in _owed(ask, named):
            if slot(ask.number, path) not in finals:
                yield Violation(0, "missing", sample, path, f"turn {turn}, probe {probe} has no final")
