"""All official figures of a data set: by profile, by section, with blind baselines and coverage.

One pass over the samples, each profile's scorer fed as they come; nothing of a sample or of its predictions is
kept. What has no official rules is counted, and in no figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from bench.data.schema import AnswerForm, Sample, Turn
from bench.scoring.official.base import Case, OfficialProfile, OfficialScores, Prediction, Scorer, Value
from bench.scoring.official.blind import Blinds, BlindScore, blinds_of
from bench.scoring.official.profiles import PROFILES
from bench.scoring.official.sections import SectionScore, sections
from bench.scoring.text import NORMALISED, TextMatcher

__all__ = ["Lookup", "OfficialTable", "ProfileScores", "as_said", "cases_of", "is_free", "score_official"]

_FREE = frozenset({AnswerForm.ALERT, AnswerForm.EMIT, AnswerForm.MULTI_REPLY})
Lookup = Callable[[int, int, int], Sequence[Prediction]]
"""From the sample's place in the set, turn and probe to what was said; of a turn with free timing: all of it."""


class ProfileScores(Value):
    """One profile, with what never looking gives."""

    scores: OfficialScores
    blind: tuple[BlindScore, ...] = ()


class OfficialTable(Value):
    """All official figures of a data set."""

    text: str
    """How free text was compared; empty when there was none."""
    owed: int
    missing: int
    without_rules: int = 0
    """Samples that name no official profile, or one that is unknown."""
    profiles: tuple[ProfileScores, ...] = ()
    sections: tuple[SectionScore, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether there is a prediction for everything."""
        return self.missing == 0

    def of(self, name: str) -> OfficialScores | None:
        """The scores of a profile."""
        return next((item.scores for item in self.profiles if item.scores.profile == name), None)


def score_official(
    samples: Iterable[Sample], said: Lookup, *, text: TextMatcher = NORMALISED, blind: bool = True
) -> OfficialTable:
    """Score what was said about `samples`; raises `ModelError` when text can't be graded."""
    open_: dict[str, _Open] = {}
    without = 0
    for number, sample in enumerate(samples):
        profile = PROFILES.get(sample.scoring.profile)
        if profile is None:
            without += 1
            continue
        if profile.name not in open_:
            open_[profile.name] = _Open(profile, text, blind=blind)
        for case in cases_of(sample, number, said):
            open_[profile.name].add(case)
    held = {name: open_[name].scores() for name in PROFILES if name in open_}
    scores = {name: item.scores for name, item in held.items()}
    return OfficialTable(
        text=text.name if any(PROFILES[name].needs_text for name in held) else "",
        owed=sum(item.n for item in scores.values()),
        missing=sum(item.missing for item in scores.values()),
        without_rules=without,
        profiles=tuple(held.values()),
        sections=tuple(sections(scores)),
    )


def cases_of(sample: Sample, number: int, said: Lookup) -> Iterator[Case]:
    """The cases of a sample: one for each forced time, one for each question with free timing."""
    for turn, asked in enumerate(sample.turns):
        for probe in range(1 if is_free(asked) else len(asked.asks)):
            yield Case(sample, turn, probe, said(number, turn, probe))


def is_free(turn: Turn) -> bool:
    """Whether the system chooses when to speak."""
    return turn.answer.form in _FREE and not turn.probe_s


def as_said(form: AnswerForm, raw: str) -> str:
    """What a system of this project said, in the words that official rules look for.

    They want `Yes` and `No` with a capital, and of a question that waits for its clue whether it can be answered.
    """
    plain = raw.strip().casefold()
    if form is AnswerForm.YES_NO and plain in ("yes", "no"):
        return plain.capitalize()
    if form is AnswerForm.SUFFICIENCY:
        return "" if not plain else "No" if plain.startswith("wait") else "Yes"
    return raw


class _Open:
    """A profile at work, and the blind answerers beside it."""

    def __init__(self, profile: OfficialProfile, text: TextMatcher, *, blind: bool) -> None:
        self._scorer: Scorer = profile.scorer(text)
        self._blinds: Blinds | None = blinds_of(profile) if blind else None

    def add(self, case: Case) -> None:
        self._scorer.add(case)
        if self._blinds is not None:
            self._blinds.add(case)

    def scores(self) -> ProfileScores:
        blind = self._blinds.scores() if self._blinds is not None else []
        return ProfileScores(scores=self._scorer.scores(), blind=tuple(blind))
