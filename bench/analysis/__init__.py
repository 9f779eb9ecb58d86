"""What a run's records say beyond its scores: staleness, answers in time, revisions, and replays by a virtual clock."""

from __future__ import annotations

from bench.analysis.answered import Answered, answered
from bench.analysis.clock import Hardware, replay
from bench.analysis.profiles import LatencyProfile, profile_of, read_profile, write_profile
from bench.analysis.revision import Revision, revisions
from bench.analysis.staleness import Staleness, staleness

__all__ = [
    "Answered",  # one final with its item and its times
    "Hardware",  # how many workers of each kind a replay has, and how fast they are
    "LatencyProfile",  # how long each stage takes, as quantiles
    "Revision",  # S1 now, S2's revision later, of one part
    "Staleness",  # what lateness costs, of one part and path
    "answered",  # the finals of a run, joined with the data set
    "profile_of",  # the latency profile of a run
    "read_profile",  # from a file
    "replay",  # a run's answers with the times that a profile and other hardware give them
    "revisions",  # by part
    "staleness",  # by part and path
    "write_profile",  # to a file
]
