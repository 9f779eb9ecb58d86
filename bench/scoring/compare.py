"""Two runs on the same questions: what one has over the other, video by video.

Made for `history=oracle` against `history=self` (what a chain's own errors cost), with memory against without,
and two routers. Only questions that both runs judged on that path are compared.
"""

from __future__ import annotations

from bench.run.config import config_of
from bench.run.folder import RunFolder
from bench.scoring.base import PartScorer
from bench.scoring.book import Book
from bench.scoring.contrast import Contrast, common, contrast
from bench.scoring.score import Judged, rules_of, score
from bench.scoring.scores import Value
from bench.scoring.stats import Estimate
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
    runs = []
    for folder in (first, second):
        manifest = folder.manifest()
        dataset = folder.dataset()
        rules = rules_of(config_of(manifest.settings))
        runs.append((manifest, score(dataset.samples, folder.scored(), rules, blind=False)))
    (one, judged), (two, against) = runs
    if one.data.hash != two.data.hash:
        raise DataError(
            f"{first.path} asked {one.data.name} ({one.data.hash}), {second.path} {two.data.name} "
            f"({two.data.hash}): compare runs on the same data set"
        )
    return compare(judged, against)


def compare(first: Judged, second: Judged) -> list[Difference]:
    """What the first has over the second, by part and path."""
    others = {given.scorer.part: given for given in second.parts}
    found = []
    for given in first.parts:
        other = others.get(given.scorer.part)
        for path, book in given.books.items():
            if other is None or path not in other.books:
                continue
            books = common(other.books[path], book)
            if len(books[0]):
                made = contrast(given.scorer, *books, seed=given.rules.seed)
                found.append(_difference(given.scorer, path, book, made))
    return found


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
