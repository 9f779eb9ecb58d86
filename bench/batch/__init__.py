"""Runs whose answers come from providers' batches: handed in, waited for, and merged into an ordinary run folder."""

from __future__ import annotations

from bench.batch.begin import begin, check, gone_on_with, place_of
from bench.batch.driver import BatchRun, Standing
from bench.batch.state import Stage, Store

__all__ = [
    "BatchRun",  # what can be done with such a run
    "Stage",  # how far a batch of it has come
    "Standing",  # one batch as its provider sees it
    "Store",  # its folder of state
    "begin",  # a run from a configuration, begun or gone on with
    "check",  # whether a configuration can be asked by batch
    "gone_on_with",  # a run from its folder
    "place_of",  # the folder of a configuration's run
]
