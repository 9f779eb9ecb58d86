"""The official figures of a run, from its records: the seam between `dsb score` and the published rules.

Each path is scored by itself. What a path said is put into the words that official rules look for; a failure
said nothing. A question without a final is missing. Compact records have the shortest text that reads the same by the
project's own rules, so that official figures of rambling answers can differ there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from bench.data.schema import AnswerForm, Sample
from bench.run.lines import ScoredLine
from bench.scoring.base import EPSILON_S
from bench.scoring.official.base import Prediction
from bench.scoring.official.table import Lookup, OfficialTable, as_said, score_official
from bench.scoring.text import NORMALISED, TextMatcher
from shared.messages import Form

__all__ = ["official_of_run"]

_SPEAKING = frozenset({Form.ALERT.value, Form.EMIT.value})


def official_of_run(
    samples: Sequence[Sample], lines: Iterable[ScoredLine], *, text: TextMatcher = NORMALISED
) -> dict[str, OfficialTable]:
    """By path, S1 before S2. `lines` are the records that count; raises `ModelError` when text can't be graded."""
    paths: dict[str, _Said] = defaultdict(_Said)
    for line in lines:
        paths[line.path].take(line)
    return {path: score_official(samples, paths[path].lookup(samples), text=text) for path in sorted(paths)}


class _Said:
    """All that one path said."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, int, int], list[Prediction]] = defaultdict(list)
        self._states: dict[tuple[str, int], list[tuple[float, str]]] = defaultdict(list)
        """Of questions whose state was followed tick by tick (clue, dense): each change of it."""

    def take(self, line: ScoredLine) -> None:
        """Take one record."""
        said = as_said(AnswerForm(line.form), line.choice or line.raw)
        held = self._said[line.sample, line.turn, line.probe]
        if line.kind == "final":
            silent = line.status != "ok" or line.form in _SPEAKING
            held.append(Prediction(None if silent else said))
            return
        t = line.t_ask if line.t_emit is None else line.t_emit
        if line.form not in _SPEAKING:
            self._states[line.sample, line.turn].append((t, said))
        elif line.speak is not False:
            held.append(Prediction(line.raw, t))

    def lookup(self, samples: Sequence[Sample]) -> Lookup:
        """What was said to each question; of one that was followed by its state: the last up to the time asked."""
        ids = [sample.id for sample in samples]

        def find(number: int, turn: int, probe: int) -> Sequence[Prediction]:
            changes = self._states.get((ids[number], turn))
            if changes is None:
                return self._said.get((ids[number], turn, probe), ())
            t = samples[number].turns[turn].asks[probe]
            past = [said for at, said in sorted(changes) if at <= t + EPSILON_S]
            return (Prediction(past[-1] if past else None),)

        return find
