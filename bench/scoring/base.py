"""What a part's scorer is, and what it judges: one interface, a module a part.

An `Item` is a question at one forced time; a `Said` is what a path answered; a `Judged` is the verdict. Blind
baselines are judged by the same scorers as the systems.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from bench.data.dataset import Dataset
from bench.data.schema import AnswerForm, AnswerSpec, Evidence, Part
from bench.scoring.ladder import Rung
from shared.messages import Profile, Status

__all__ = ["Item", "ItemKey", "Judged", "PartScorer", "Said", "items_of"]


class ItemKey(NamedTuple):
    """What names a question at one time."""

    sample: str
    turn: int
    probe: int


class Item(NamedTuple):
    """A question at one forced time, with its gold."""

    key: ItemKey
    part: Part
    task: str
    video: int
    """The cluster for statistics: videos are counted in the order in which they come."""
    question: str
    t_ask: float
    """Seconds of stream time."""
    answer: AnswerSpec
    evidence: tuple[Evidence, ...]


class Said(NamedTuple):
    """What was answered, by a path or by a baseline."""

    raw: str
    status: Status = Status.OK
    t_emit: float | None = None
    """Stream time of the answer in live mode; null where answers are judged at the ask time."""


class Judged(NamedTuple):
    """The verdict on one answer."""

    item: Item
    path: str
    status: Status
    parsed: str | None
    rung: Rung | None
    """Null when there was no answer to read."""
    correct: bool
    correct_at_ask: bool
    """In live mode an answer is judged when it is emitted; this is what it would have been at once."""
    slice: str = ""
    """Where the evidence lies, for parts that tell."""


class PartScorer(Protocol):
    """The rules of one part."""

    part: Part
    slices: Sequence[str]
    """Names of evidence slices, in the order of reports; empty when the part has none."""

    def slice_of(self, item: Item, profile: Profile) -> str:
        """The slice of an item; empty when the part has none."""
        ...

    def judge(self, item: Item, said: Said) -> tuple[str | None, Rung | None, bool, bool]:
        """What was read, its rung, right or wrong at emission, and at the ask time."""
        ...


def items_of(dataset: Dataset) -> Iterator[Item]:
    """Every question of the set at each of its times, in file order."""
    videos: dict[str, int] = {}
    for sample in dataset.samples:
        video = videos.setdefault(sample.video, len(videos))
        for number, turn in enumerate(sample.turns):
            for probe, t in enumerate(turn.asks):
                key = ItemKey(sample.id, number, probe)
                yield Item(key, sample.part, sample.task, video, turn.question, t, turn.answer, turn.evidence)


def has_gold(item: Item) -> bool:
    """Whether there is anything to judge by; silence is a form of its own and needs none."""
    return item.answer.form is AnswerForm.SILENCE or item.answer.gold_at(item.t_ask) is not None
