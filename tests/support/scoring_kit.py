"""What tests of the scorers share: samples of every part, their items, and lines as they stand in records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bench_kit import OPTIONS

from bench.data.schema import AnswerForm, AnswerSpec, Depends, Gold, Part, Sample, Stream, Trigger, Turn
from bench.run.config import load_config
from bench.run.lines import ScoredLine
from bench.scoring.base import Item, Rules
from bench.scoring.book import Book, Ledger
from bench.scoring.items import items_of
from bench.scoring.score import SCORERS, Judged, score

PROFILE = load_config(None).profile()
RULES = Rules(profile=PROFILE, owes=("s1",))


def clue_sample(
    name: str,
    form: AnswerForm,
    gold: Sequence[Gold],
    *,
    probes: Sequence[float] = (),
    video: str = "v0.mp4",
    task: str = "seen",
    options: bool = False,
    ask_s: float = 0.0,
    duration_s: float = 60.0,
) -> Sample:
    """A question that waits for its clue."""
    answer = AnswerSpec(form=form, options=OPTIONS if options else (), gold=tuple(gold))
    turn = Turn(question="Has a star appeared?", ask_s=ask_s, probe_s=tuple(probes), answer=answer)
    stream = Stream(uri=video, duration_s=duration_s)
    return Sample(id=name, part=Part.CLUE, task=task, streams=(stream,), turns=(turn,))


def watch_sample(
    name: str,
    gold_s: Sequence[float],
    *,
    video: str = "v0.mp4",
    ask_s: float = 0.0,
    duration_s: float = 60.0,
    form: AnswerForm = AnswerForm.ALERT,
    **trigger: Any,
) -> Sample:
    """A question to be answered when it is time."""
    turn = Turn(
        question="Say when a star is there.",
        ask_s=ask_s,
        trigger=Trigger(gold_s=tuple(gold_s), **trigger),
        answer=AnswerSpec(form=form),
    )
    stream = Stream(uri=video, duration_s=duration_s)
    return Sample(id=name, part=Part.PROACTIVE, task="appear", streams=(stream,), turns=(turn,))


def chain(name: str, golds: str, *, video: str = "v0.mp4") -> Sample:
    """A chain of choices, one a letter of `golds`, each leaning on the one before."""
    turns = [
        Turn(
            question=f"Where is the ##ANSWER## in turn {number}?",
            ask_s=10.0 + number,
            answer=AnswerSpec(options=OPTIONS, gold=(Gold(value=gold),)),
            depends_on=(Depends(turn=number - 1, mode="slot", slot="##ANSWER##"),) if number else (),
        )
        for number, gold in enumerate(golds)
    ]
    stream = Stream(uri=video, duration_s=60)
    return Sample(id=name, part=Part.SEQUENTIAL, task="chain", streams=(stream,), turns=tuple(turns))


def line(
    sample: str, raw: str = "", *, turn: int = 0, probe: int = 0, path: str = "s1", **more: Any
) -> ScoredLine:
    """A record as scoring reads it."""
    fixed = {"play": 0, "attempt": 1, "form": "mcq", "status": "ok", "t_ask": 0.0, "mode": "capacity"}
    return ScoredLine(
        **{**fixed, "sample": sample, "raw": raw, "turn": turn, "probe": probe, "path": path, **more}
    )


def spoke(sample: str, times: Iterable[float], *, path: str = "s1", raw: str = "") -> list[ScoredLine]:
    """Emissions at these times, and the final that closes them."""
    said = [
        line(sample, raw, path=path, kind="emission", tick=tick, t_emit=t, speak=True)
        for tick, t in enumerate(times)
    ]
    return [*said, line(sample, path=path)]


def items(samples: Iterable[Sample], rules: Rules = RULES) -> list[Item]:
    """The items of some samples."""
    return list(items_of(samples, rules))


def judged(samples: Iterable[Sample], lines: Iterable[ScoredLine], rules: Rules = RULES) -> Judged:
    """Score some lines."""
    return score(list(samples), lines, rules)


def book(made: Sequence[Item], said: Iterable[Any], rules: Rules = RULES) -> Book:
    """A book of what was said to each item, judged by the part's scorer."""
    scorer = SCORERS[made[0].part]
    ledger = Ledger(made, scorer.columns)
    for place, answer in enumerate(said):
        ledger.add(place, answer.status, scorer.judge(made[place], answer, rules))
    return ledger.book()
