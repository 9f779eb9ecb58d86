"""The published rules of the public benchmarks, each as a profile that scores predictions as its authors do."""

from __future__ import annotations

from bench.scoring.official.base import Case, OfficialProfile, OfficialScores, Prediction, Scorer, TaskLine
from bench.scoring.official.blind import BlindScore
from bench.scoring.official.counts import mra, streaming_score
from bench.scoring.official.profiles import PROFILES
from bench.scoring.official.sections import SectionScore
from bench.scoring.official.table import (
    OfficialTable,
    ProfileScores,
    as_said,
    cases_of,
    is_free,
    score_official,
)

__all__ = [
    "PROFILES",  # by name, such as `ovo.crr@1`
    "BlindScore",  # what never looking gives
    "Case",  # a question and what was predicted for it
    "OfficialProfile",  # rules of one task
    "OfficialScores",  # what they give
    "OfficialTable",  # all figures of a data set
    "Prediction",  # one thing that was said
    "ProfileScores",  # one profile with its baselines
    "Scorer",  # the rules at work
    "SectionScore",  # a figure over several tasks
    "TaskLine",  # one task of a score
    "as_said",  # what a run's system said, in official words
    "cases_of",  # the cases of a sample
    "is_free",  # whether a turn's timing is free
    "mra",  # mean relative accuracy of a count
    "score_official",  # a whole data set
    "streaming_score",  # StreamingEval's composite
]
