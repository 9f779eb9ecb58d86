"""SVBench (arXiv 2502.10810): chains of open questions, `evaluation/eval_chainQA_gpt4_gpt4o.py` of its repository.

There a GPT-4 judge gives a chain six grades from 0 to 10. Here each answer has one grade from 0 to 10 by the chosen
matcher; a chain's figure is the mean of its turns, and the score the mean over chains, out of ten as a fraction.
It orders systems alike, and is no substitute for the six official grades, which need that very judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bench.scoring.official.base import Case, OfficialProfile, OfficialScores, Tally, mean
from bench.scoring.official.batch import Batch
from bench.scoring.official.gold import text as gold_text
from bench.scoring.text import Scale, TextAsk, TextMatcher

__all__ = ["PROFILES", "Dialogues"]


class Dialogues:
    """Mean grade by chain; what is missing or empty has grade 0."""

    def __init__(self, profile: str, text: TextMatcher) -> None:
        self._profile, self._batch = profile, Batch(text)
        self._owed, self._chains, self._turns = Tally(), Tally(), Tally()
        self._chain: list[Case] = []

    def add(self, case: Case) -> None:
        """Take one turn; the turns of a chain come in order."""
        if self._chain and self._chain[0].sample.id != case.sample.id:
            self._close()
        self._chain.append(case)

    def scores(self) -> OfficialScores:
        """The mean over chains; raises `ModelError` when a grade can't be had."""
        self._close()
        self._batch.flush()
        chains = self._chains.scores(self._profile, "chain_grade", {"turn_grade": self._turns.micro})
        owed = self._owed
        return chains.model_copy(update={"n": owed.owed, "missing": owed.missing, "empty": owed.empty})

    def _close(self) -> None:
        chain = [case for case in self._chain if gold_text(case) is not None]
        self._chains.without_gold += len(self._chain) - len(chain)
        self._chain = []
        if not chain:
            return
        for case in chain:
            self._owed.owe(case)
        said = [case for case in chain if case.said]
        asks = [TextAsk(case.of.question, gold_text(case) or "", case.said, Scale.TEN) for case in said]
        self._batch.put(asks, partial(self._graded, chain[0].sample.task, len(chain)))

    def _graded(self, task: str, turns: int, grades: Sequence[int]) -> None:
        marks = [grade / Scale.TEN for grade in grades] + [0.0] * (turns - len(grades))
        for mark in marks:
            self._turns.add(task, mark)
        self._chains.add(task, mean(sum(marks), turns) or 0.0)


PROFILES = (OfficialProfile("svbench@1", Dialogues, needs_text=True),)
