"""What memory is worth: the ladder of conditions, played and measured, and the cost of a large store."""

from __future__ import annotations

from bench.memory.conditions import CONDITIONS, Condition
from bench.memory.ladder import climb
from bench.memory.measures import Ladder, Rung, measure
from bench.memory.tables import read_ladder, sheets, write_ladder

__all__ = [
    "CONDITIONS",  # of the ladder, in their order
    "Condition",  # a name and what it sets
    "Ladder",  # the measured ladder: what `ladder.json` holds
    "Rung",  # one condition of it
    "climb",  # play every condition
    "measure",  # what was played
    "read_ladder",  # what was measured
    "sheets",  # as tables
    "write_ladder",  # JSON, Markdown and CSV
]
