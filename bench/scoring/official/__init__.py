"""The published rules of the public benchmarks, each as a profile that scores predictions as its authors do."""

from __future__ import annotations

from collections.abc import Mapping

from bench.scoring.official import cgbench, omnimmi, ovo, pauc, rtv, streamingbench, svbench
from bench.scoring.official.base import Case, OfficialProfile, OfficialScores, Prediction, Scorer, TaskLine
from bench.scoring.official.counts import mra, streaming_score

__all__ = [
    "PROFILES",  # by name, such as `ovo.crr@1`
    "Case",  # a question and what was predicted for it
    "OfficialProfile",  # rules of one task
    "OfficialScores",  # what they give
    "Prediction",  # one thing that was said
    "Scorer",  # the rules at work
    "TaskLine",  # one task of a score
    "mra",  # mean relative accuracy of a count
    "streaming_score",  # StreamingEval's composite
]

PROFILES: Mapping[str, OfficialProfile] = {
    profile.name: profile
    for module in (streamingbench, ovo, rtv, omnimmi, pauc, cgbench, svbench)
    for profile in module.PROFILES
}
