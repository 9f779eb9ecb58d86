"""Two runs on the same questions: what one has over the other, video by video.

Made for `history=oracle` against `history=self` (what a chain's own errors cost), with memory against without,
and two routers. Only questions that both runs judged on that path are compared; where runs went different ways, or a
router chose them, the whole systems are compared too.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.run.config import config_of
from bench.run.folder import RunFolder
from bench.scoring.base import PartScorer
from bench.scoring.book import Book
from bench.scoring.contrast import Contrast, common, contrast
from bench.scoring.latency import SYSTEM
from bench.scoring.score import Judged, rules_of, score
from bench.scoring.scores import Value
from bench.scoring.stats import Estimate
from bench.scoring.tables import PartInput, system_book
from bench.scoring.text import text_matcher
from shared.errors import DataError

__all__ = ["Difference", "compare", "compare_runs"]


class Difference(Value):
    """One part on one path: what the first run has over the second."""

    part: str
    path: str
    metric: str
    n: int
    """Questions that both runs judged."""
    first: float | None
    second: float | None
    difference: Estimate
    """First − second, the same videos drawn for both."""
    p_sign_flip: float | None
    first_only: int
    """Questions that only the first run has right."""
    second_only: int
    p_mcnemar: float | None
    """Exact; null where a video has several questions."""


def compare_runs(first: RunFolder, second: RunFolder) -> list[Difference]:
    """What `first` has over `second`; raises `DataError` when they asked other questions."""
    folders = (first, second)
    data = [folder.manifest().data for folder in folders]
    if data[0].hash != data[1].hash:
        raise DataError(
            f"{first.path} asked {data[0].name} ({data[0].hash}), {second.path} {data[1].name} "
            f"({data[1].hash}): compare runs on the same data set"
        )
    configs = [config_of(folder.manifest().settings) for folder in folders]
    for name, ways in (
        ("scoring.text", [config.scoring.text for config in configs]),
        ("system.clue", [config.system.clue for config in configs]),
    ):
        if ways[0] != ways[1]:
            raise DataError(
                f"{first.path} has {name} {ways[0]!r}, {second.path} {ways[1]!r}: compare runs that agree in it"
            )
    matcher = text_matcher(configs[0].scoring.text)
    judged, against = (
        score(folder.dataset().samples, folder.scored(), rules_of(config, matcher), blind=False)
        for folder, config in zip(folders, configs, strict=True)
    )
    return compare(judged, against)


def compare(first: Judged, second: Judged) -> list[Difference]:
    """What the first has over the second, by part and path."""
    others = {given.scorer.part: given for given in second.parts}
    found = []
    for given in first.parts:
        if (other := others.get(given.scorer.part)) is None:
            continue
        for path, book, against in _pairs(given, other):
            books = common(against, book)
            if len(books[0]):
                made = contrast(given.scorer, *books, seed=given.rules.seed)
                found.append(_difference(given.scorer, path, book, made))
    return found


def _pairs(first: PartInput, second: PartInput) -> Iterator[tuple[str, Book, Book]]:
    """What is compared: each path that both have, and the systems unless both were told the same ways."""
    yield from (
        (path, book, second.books[path]) for path, book in first.books.items() if path in second.books
    )
    if None in (first.rules.owes, second.rules.owes) or set(first.books) != set(second.books):
        yield SYSTEM, system_book(first), system_book(second)


def _difference(scorer: PartScorer, path: str, book: Book, made: Contrast) -> Difference:
    return Difference(
        part=scorer.part,
        path=path,
        metric=scorer.measures(book)[0].name,
        n=made.n,
        first=made.values[1],
        second=made.values[0],
        difference=made.gain,
        p_sign_flip=made.p_sign_flip,
        first_only=made.only[1],
        second_only=made.only[0],
        p_mcnemar=made.p_mcnemar,
    )
