"""What a part's scorer is, and what it judges: one interface, a module a part.

An `Item` is what there is one final of on each path: a question at one forced time, or a standing question. A
`Said` is what a path answered; a `Verdict` is how it was judged. Blind baselines are judged by the same
scorers as the systems. All of it is light: a run may have a million records.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from bench.data.schema import AnswerForm, Part
from bench.scoring.answers import Grader, Option
from bench.scoring.ladder import Rung
from shared.messages import Profile, Status

if TYPE_CHECKING:
    from bench.scoring.book import Book
    from bench.scoring.measures import Measure

__all__ = [
    "Due",
    "Emission",
    "GoldAt",
    "Item",
    "ItemKey",
    "PartScorer",
    "Rules",
    "Said",
    "Standing",
    "Verdict",
    "gold_at",
    "gold_text",
]

EPSILON_S = 1e-6
"""Times are rounded to microseconds."""
_FEW = 8


class ItemKey(NamedTuple):
    """What names a question at one time."""

    sample: str
    turn: int
    probe: int


class GoldAt(NamedTuple):
    """What is right from `from_s` up to `to_s` (minus and plus infinity where there is no limit)."""

    from_s: float
    to_s: float
    value: str | bool | int | float | None
    text: str


class Due(NamedTuple):
    """One time at which a system ought to speak, and the interval in which that counts."""

    at: float
    low: float
    high: float
    text: str = ""
    """What ought to be said; empty when that is not judged."""


class Standing(NamedTuple):
    """What makes a question stand."""

    until: float
    """Stream time up to which it is listened to; included."""
    due: tuple[Due, ...] = ()
    """In time order; empty for questions that are followed by their state."""


class Item(NamedTuple):
    """What there is one final of on each path, with its gold."""

    key: ItemKey
    part: Part
    task: str
    video: int
    """The cluster for statistics: videos are counted in the order in which they come."""
    question: str
    t_ask: float
    """Seconds of stream time."""
    since: float
    """When the question was first asked; before `t_ask` for later probes."""
    form: AnswerForm
    options: tuple[Option, ...]
    gold: tuple[GoldAt, ...]
    evidence: tuple[tuple[float, float], ...]
    standing: Standing | None = None
    """Null for a question that is answered once."""
    in_order: bool = False
    """Whether the gold stands in time order, without overlap."""


class Emission(NamedTuple):
    """One thing said by itself while a question stands."""

    t: float
    """Stream time."""
    raw: str = ""


class Said(NamedTuple):
    """What was answered, by a path or by a baseline."""

    raw: str
    status: Status = Status.OK
    t_emit: float | None = None
    """Stream time of the answer in live mode; null where answers are judged at the ask time."""
    emissions: tuple[Emission, ...] = ()
    """Of a standing question, in time order."""


class Verdict(NamedTuple):
    """How one answer was judged."""

    parsed: str | None
    rung: Rung | None
    """Null when there was no answer to read."""
    correct: bool
    correct_at_ask: bool
    """In live mode an answer is judged when it is emitted; this is what it would have been at once."""
    tally: tuple[float, ...]
    """What it adds to the columns of the part."""
    delays: tuple[float, ...] = ()
    """Seconds from when something was due (or known) to when it was said."""
    note: Mapping[str, Any] | None = None
    """More for the log of verdicts."""


class Rules(NamedTuple):
    """The settings of a run that scores depend on."""

    profile: Profile
    owes: tuple[str, ...] | None = None
    """Paths that every question owes; null when the router chooses one."""
    seed: int = 0
    live: bool = False
    clue: Literal["probes", "dense"] = "probes"
    proactive: Literal["push", "poll"] = "push"
    horizon_s: float = 60.0
    """How long a standing question stands at most, seconds of stream time."""
    tick_s: float = 1.0
    """The grid on which a standing question is looked at, seconds of stream time."""
    grader: Grader = Grader()
    """How free text is compared."""


class PartScorer(Protocol):
    """The rules of one part."""

    part: Part
    columns: int
    """Length of a verdict's tally."""
    slices: Sequence[str]
    """Names of evidence slices, in the order of reports; empty when the part has none."""
    baselines: Sequence[str]
    """Names of the blind baselines that make sense."""

    def slice_of(self, item: Item, rules: Rules) -> str:
        """The slice of an item; empty when the part has none."""
        ...

    def judge(self, item: Item, said: Said, rules: Rules) -> Verdict:
        """Judge one answer."""
        ...

    def measures(self, book: Book) -> list[Measure]:
        """The scores of all verdicts of one path; the first is the part's primary score."""
        ...

    def details(self, book: Book) -> dict[str, Any]:
        """More figures of one path, by name: JSON values."""
        ...


def gold_at(item: Item, t: float) -> GoldAt | None:
    """The first gold that holds at stream time `t`; by bisection where there is much of it, all in order."""
    golds = item.gold
    if len(golds) > _FEW and item.in_order:
        place = bisect_right(golds, t, key=lambda gold: gold.from_s) - 1
        return golds[place] if place >= 0 and t < golds[place].to_s else None
    for gold in golds:
        if gold.from_s <= t < gold.to_s:
            return gold
    return None


def gold_text(gold: GoldAt | None) -> str | bool | int | float | None:
    """What stands for a gold in logs: its value, else its text."""
    if gold is None:
        return None
    return gold.text if gold.value is None else gold.value
