"""Scores: one module a part behind one interface, the parsing ladder, blind baselines and statistics."""

from __future__ import annotations

from bench.scoring.ladder import Parsed, Rung, parse_choice
from bench.scoring.score import SCORERS, score, score_run
from bench.scoring.scores import Scores

__all__ = ["SCORERS", "Parsed", "Rung", "Scores", "parse_choice", "score", "score_run"]
