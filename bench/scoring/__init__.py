"""Scores: one module a part behind one interface, the parsing ladder, blind baselines and statistics."""

from __future__ import annotations

from bench.scoring.base import Item, Rules, Said, Verdict
from bench.scoring.ladder import Parsed, Rung, parse_choice
from bench.scoring.score import LOG, SCORERS, Judged, rules_of, score, score_run
from bench.scoring.scores import Scores

__all__ = [
    "LOG",
    "SCORERS",
    "Item",
    "Judged",
    "Parsed",
    "Rules",
    "Rung",
    "Said",
    "Scores",
    "Verdict",
    "parse_choice",
    "rules_of",
    "score",
    "score_run",
]
