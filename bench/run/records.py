"""The record: one JSON line for an emission or a final, with its evidence and its timings.

Finals are one per (sample, turn, probe, path) within an attempt of a play; failures are records too, and
stay in the denominator. A play that lacked a final was played again whole: the records of its highest
attempt count, the earlier ones stay in the file, superseded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field

from bench.data.ask import AskedQuestion
from shared.messages import Answer, Form, Note, PastTurn, Path, RouteStamp, Seconds, Status, Timings, Usage

__all__ = [
    "RECORD_SCHEMA",
    "Compact",
    "Final",
    "Play",
    "Record",
    "complete_openings",
    "effective",
    "failure_record",
    "record_of",
    "strip_timings",
]

RECORD_SCHEMA = "dsb.record/1"


class Play(NamedTuple):
    """One opening as the bench knows it."""

    run: str
    opening: str
    play: int
    """Which video of the run, from 0: the `n` of the opening."""
    attempt: int
    """Counts the plays of this video, from 1."""
    mode: Literal["capacity", "live", "offline"] = "capacity"


class Final(NamedTuple):
    """What there is one final of: a question on a path."""

    sample: str
    turn: int
    probe: int
    path: Path


class Counted(Protocol):
    """What tells whether a question is done: of a `Record`, or of a `ScoredLine`."""

    @property
    def kind(self) -> str: ...
    @property
    def play(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def sample(self) -> str: ...
    @property
    def turn(self) -> int: ...
    @property
    def probe(self) -> int: ...
    @property
    def path(self) -> str: ...
    @property
    def routed(self) -> tuple[str, ...]: ...


class Compact(BaseModel):
    """What a compact record keeps of the evidence that it dropped; hashes are 16 hex digits of the SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    raw_hash: str = ""
    """Of the text; where rules read it, `raw` holds the shortest text that reads the same."""
    rationale_hash: str = ""
    written_hash: str = ""
    question_hash: str = ""
    """Of the text that was asked, where it was not the sample's."""
    history: int = 0
    """Earlier turns that were told."""
    history_hash: str = ""
    frames: int = 0
    frame_first: int | None = None
    """Index of the first frame."""
    frame_last: int | None = None
    seen_from_s: float | None = None
    """Stream time of the first frame."""
    seen_to_s: float | None = None
    frames_hash: str = ""
    """Of indices and times."""
    notes: int = 0
    told_from_s: float | None = None
    """Stream time at which the first note begins."""
    told_to_s: float | None = None
    """Stream time at which the last note ends."""
    foreign_notes: int = 0
    """Notes of another opening: there must be none."""
    notes_hash: str = ""
    """Of the notes but for opening and run."""


class Record(BaseModel):
    """An emission or a final, as it stands in `records.jsonl`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_: Annotated[Literal["dsb.record/1"], Field(alias="schema")] = "dsb.record/1"
    kind: Literal["final", "emission"] = "final"
    tick: int | None = None
    """Of an emission: its place on the grid."""
    run: str
    mode: Literal["capacity", "live", "offline"]
    opening: str
    play: Annotated[int, Field(ge=0)]
    attempt: Annotated[int, Field(ge=1)]
    sample: str
    turn: int
    probe: int
    key: str
    form: Form
    path: Path
    status: Status
    error: str = ""
    route: str = ""
    """The policy that chose the path."""
    route_score: float | None = None
    route_reason: str = ""
    routed: tuple[Path, ...] = ()
    """Every path that the policy named for the question."""
    route_fallback: bool = False
    """The policy failed, and the shipped rules decided in its place."""
    route_cost_usd: float | None = None
    """US dollars that deciding took; null where nothing was paid."""
    t_ask: Seconds
    """Stream time of the ask."""
    t_emit: Seconds | None = None
    """Stream time of the answer: by the broker's timestamps in live mode; else the tick's, of emissions only."""
    raw: str = ""
    choice: str | None = None
    """The label that the system itself chose; what counts is parsed when scores are made."""
    speak: bool | None = None
    """At a tick of a standing `speak` question: whether the system speaks now."""
    confidence: float | None = None
    probs: dict[str, float] = {}
    evidence_times: tuple[float, ...] = ()
    """Stream times that the model names as its evidence."""
    rationale: str = ""
    written: str = ""
    """All that the model wrote, where that is more than `raw`: its thought, its JSON. Never scored."""
    frames_idx: tuple[int, ...] = ()
    frames_ts: tuple[float, ...] = ()
    """Stream times of the frames that were really in the prompt."""
    notes: tuple[Note, ...] = ()
    """Notes that were really in the prompt."""
    partial: str = ""
    usage: Usage = Usage()
    stages: Timings = Timings()
    """Wall-clock seconds by stage, each measured on one host."""
    router_s: float = 0.0
    wait_s: float | None = None
    """Wall-clock seconds from the ask being sent until it could be worked on (capacity mode: free slots)."""
    latency_s: float | None = None
    """Wall-clock seconds from eligible to final, on the bench's monotonic clock."""
    model: str = ""
    worker: str = ""
    epoch: int = 0
    attempts: int = 1
    """How often a worker took the question up."""
    trace: str = ""
    question: str | None = None
    """The text that was asked, where it is not the sample's: a slot was filled, or an official poll put the words."""
    history: tuple[PastTurn, ...] = ()
    """Earlier turns of the chain, as they were told."""
    gold_door: Literal["", "history", "evidence", "poll"] = ""
    """By which door gold text left the bench; such records stand in no causal table."""
    not_replayable: bool = False
    """An earlier turn's answer came from another path: the route of one turn changed what the next was told."""
    ticks: int | None = None
    """Of the final of a standing question: at how many ticks it was to be looked at."""
    answered: int | None = None
    """At how many of them there was an answer."""
    until_s: Seconds | None = None
    """Stream time up to which it stood."""
    compact: Compact | None = None
    """In a compact record: what is left of text, frames and notes."""

    @property
    def final(self) -> Final:
        """The slot that a final record fills."""
        return Final(self.sample, self.turn, self.probe, self.path)

    def to_line(self) -> bytes:
        """One JSON line; fields at their default are left out, so that a line stays readable."""
        body = self.model_dump_json(by_alias=True, exclude_defaults=True)
        return f'{{"schema":"{RECORD_SCHEMA}",{body[1:]}\n'.encode()

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Parse a line; raises pydantic's `ValidationError`."""
        return cls.model_validate_json(line)


def record_of(
    answer: Answer,
    asked: AskedQuestion,
    *,
    play: Play,
    wait_s: float | None = None,
    latency_s: float | None = None,
    t_emit: float | None = None,
    stamps: Mapping[str, Any] | None = None,
) -> Record:
    """The record of an answer that came, with the bench's own timings; `stamps` are further fields.

    What went by while a provider could not be had (`usage.retry_s`) is neither latency nor the model's time.
    """
    draft = answer.draft.model_dump() if answer.draft else {}
    away_s = answer.draft.usage.retry_s if answer.draft else 0.0
    if away_s:
        latency_s = None if latency_s is None else max(0.0, latency_s - away_s)
    return Record(
        **_head(asked, play, answer.path, answer.route),
        **draft,
        kind="final" if answer.n == "final" else "emission",
        tick=None if answer.n == "final" else int(answer.n),
        status=answer.status,
        error=answer.error,
        stages=_without(answer.timings, away_s) if away_s else answer.timings,
        wait_s=_rounded(wait_s),
        latency_s=_rounded(latency_s),
        t_emit=_rounded(t_emit),
        model=answer.model,
        worker=answer.worker,
        epoch=answer.epoch,
        attempts=answer.attempts,
        trace=answer.trace,
        **(stamps or {}),
    )


def _without(stages: Timings, away_s: float) -> Timings:
    shorter = {name: max(0.0, getattr(stages, name) - away_s) for name in ("model", "total")}
    return stages.model_copy(update=shorter)


def failure_record(
    asked: AskedQuestion,
    *,
    play: Play,
    path: Path,
    status: Status,
    error: str,
    route: RouteStamp | None = None,
    wait_s: float | None = None,
    latency_s: float | None = None,
    stamps: Mapping[str, Any] | None = None,
) -> Record:
    """The final that the bench itself writes: a timeout, a refusal, or a source that failed."""
    head = {**_head(asked, play, path, route or RouteStamp(route="")), **(stamps or {})}
    return Record(**head, status=status, error=error, wait_s=_rounded(wait_s), latency_s=_rounded(latency_s))


def effective(records: Iterable[Record]) -> list[Record]:
    """The records that count: of each play those of its highest attempt, in the order of the file."""
    held = list(records)
    highest: dict[int, int] = {}
    for record in held:
        highest[record.play] = max(record.attempt, highest.get(record.play, 0))
    return [record for record in held if record.attempt == highest[record.play]]


def complete_openings(
    records: Iterable[Counted],
    plays: Mapping[int, Sequence[AskedQuestion]],
    owes: Callable[[AskedQuestion], Collection[Path] | None],
) -> set[int]:
    """Plays that are done: each question has a final on each path it owes, all of the highest attempt.

    Where `owes` can't tell (null), a question owes what the router named in one of its finals, and one final at least.
    """
    finals: dict[int, tuple[int, set[tuple[str, int, int, str]]]] = {}
    named: dict[tuple[int, str, int, int], tuple[str, ...]] = {}
    for record in records:
        held = finals.get(record.play)
        if held is None or held[0] < record.attempt:
            held = finals[record.play] = (record.attempt, set())
        if record.kind == "final" and record.attempt == held[0]:
            held[1].add((record.sample, record.turn, record.probe, record.path))
            named[record.play, record.sample, record.turn, record.probe] = record.routed or (record.path,)
    done = set()
    for play, questions in plays.items():
        owed = {
            (q.sample, q.turn, q.probe, str(path))
            for q in questions
            for path in _owed(owes(q), named.get((play, q.sample, q.turn, q.probe)))
        }
        if owed <= finals.get(play, (0, set()))[1]:
            done.add(play)
    return done


def _owed(known: Collection[Path] | None, named: tuple[str, ...] | None) -> Collection[str]:
    return (named or (Path.S1,)) if known is None else known


_OF_THIS_RUN = frozenset({"run", "mode", "opening", "attempt", "worker", "epoch", "attempts", "trace"})
_OF_THE_DAY = frozenset(
    {
        *("frames_encoded", "frames_reused", "frames_reencoded", "reused_tokens", "saved_s", "cache_bytes"),
        *("retries", "retry_s"),
    }
)
_TIMINGS = frozenset({"stages", "router_s", "wait_s", "latency_s", "t_emit"})


def strip_timings(record: Record) -> dict[str, Any]:
    """What two runs of one seed must agree in: all but timings, workers, this run's ids and cache counts."""
    data = record.model_dump(mode="json", by_alias=True)
    kept = {key: value for key, value in data.items() if key not in _OF_THIS_RUN | _TIMINGS}
    kept["notes"] = [{k: v for k, v in note.items() if k not in ("opening", "run")} for note in kept["notes"]]
    kept["usage"] = {k: v for k, v in kept["usage"].items() if k not in _OF_THE_DAY}
    return kept


def _head(asked: AskedQuestion, play: Play, path: Path, route: RouteStamp) -> dict[str, Any]:
    return {
        **play._asdict(),
        "sample": asked.sample,
        "turn": asked.turn,
        "probe": asked.probe,
        "key": asked.key,
        "form": asked.question.form,
        "t_ask": asked.ask_s,
        "path": path,
        "route": route.route,
        "route_score": route.score,
        "route_reason": route.reason,
        "routed": route.paths,
        "route_fallback": route.fallback,
        "route_cost_usd": route.cost_usd,
        "router_s": route.router_s,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
