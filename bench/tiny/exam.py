"""Every part's questions about one test scene, asked of every condition and judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bench.data.world import LETTERS, Choice, Part, WorldQuestion, questions
from bench.data.world_chains import Chain, chains, filled
from bench.data.world_clue import READY, ClueQuestion, GoldState, clue_questions
from bench.data.world_watch import TOLERANCE_S, WatchQuestion, watch_questions
from bench.scoring.base import Due
from bench.scoring.matching import outcome
from bench.scoring.official.counts import mra
from bench.tiny.watching import CONDITIONS, Watching
from shared.messages import Form, Option, Question, Standing

__all__ = ["TIMER", "Add", "ask_all"]

_PARTS: tuple[Part, ...] = ("realtime", "reasoning")
_SEEING = ("s1", "s2", "text-s1", "text-s2")
_PROBED = _CHAINS = (*_SEEING, "s2-no-notes")
_BLIND = {
    "yes_no": {"always": "yes", "never": "no"},
    "sufficiency+text": {"always": LETTERS[0], "never": "wait"},
    "count": {"always": "1", "never": "0"},
}
"""What those say who only ever say one thing."""
DELAYS = range(1, 40)
"""Seconds that timers wait."""
TIMER = "timer "


class Add(Protocol):
    """Takes one judged answer."""

    def __call__(self, condition: str, kinds: Sequence[str], video: int, *row: float) -> None:
        """A row of the kind's measure."""


def ask_all(watching: Watching, per_part: int, add: Add) -> None:
    """Ask all parts' questions of a scene, `per_part` of each at most."""
    scene = watching.scene
    for part in _PARTS:
        for asked in questions(scene, part, seed=0, n=per_part):
            _ask_now(watching, asked, add)
    for clue in clue_questions(scene, seed=0, n=per_part):
        _ask_probes(watching, clue, add)
    for watch in watch_questions(scene, seed=0, n=per_part):
        _ask_ticks(watching, watch, add)
    for chain in chains(scene, seed=0, n=per_part):
        _ask_chain(watching, chain, add)


def _question(
    watching: Watching,
    text: str,
    t: float,
    form: Form,
    options: Sequence[Choice] = (),
    standing: Standing | None = None,
) -> Question:
    keyed = tuple(Option(key=o.key, text=o.text) for o in options)
    return Question(
        opening=watching.opening, key="k", sample="x", t_ask=t, text=text, form=form, options=keyed,
        standing=standing,
    )  # fmt: skip


def _ask_now(watching: Watching, asked: WorldQuestion, add: Add) -> None:
    kinds = [asked.part, asked.task] + ([f"past {asked.difficulty}"] if asked.part == "reasoning" else [])
    question = _question(watching, asked.text, asked.ask_s, Form.MCQ, asked.options)
    for condition in CONDITIONS:
        right = watching.ask(condition, question).choice == asked.gold
        add(condition, kinds, watching.scene.seed, right, 1)


def _ask_probes(watching: Watching, asked: ClueQuestion, add: Add) -> None:
    for t in asked.probe_s:
        question = _question(watching, asked.text, t, Form(asked.form), asked.options)
        gold = asked.gold_at(t)
        said = {condition: watching.ask(condition, question).raw for condition in _PROBED}
        for condition, raw in (said | _BLIND[asked.form]).items():
            if asked.form == "count":
                add(condition, ["count mra"], watching.scene.seed, _near(raw, gold), 1)
            else:
                after = gold.value in (READY, True)
                right = raw == _label(gold)
                row = (0, 0, right, 1) if after else (right, 1, 0, 0)
                add(condition, ["clue", f"clue {asked.task.split('_')[0]}"], watching.scene.seed, *row)


def _near(raw: str, gold: GoldState) -> float:
    return mra(float(raw), float(gold.value)) if raw.isdigit() and not isinstance(gold.value, str) else 0.0


def _label(gold: GoldState) -> str:
    if isinstance(gold.value, bool):
        return "yes" if gold.value else "no"
    return gold.text if gold.value == READY else "wait"


def _ask_ticks(watching: Watching, asked: WatchQuestion, add: Add) -> None:
    standing = Standing(kind="speak", until_s=asked.until_s)
    ticks = standing.ticks(asked.ask_s)
    said: dict[str, list[float]] = {}
    for condition in _SEEING:
        yes = [
            watching.ask(condition, _question(watching, asked.text, t, Form.ALERT, standing=standing)).choice
            == "yes"
            for t in ticks
        ]
        said[condition] = [t for i, t in enumerate(ticks) if yes[i] and not (i and yes[i - 1])]
    said["always"] = ticks
    said |= {f"{TIMER}{k}": [asked.ask_s + k] * (asked.ask_s + k <= asked.until_s) for k in DELAYS}
    due = [Due(at=t, low=t - TOLERANCE_S, high=t + TOLERANCE_S) for t in asked.gold_s]
    for condition, times in said.items():
        found = outcome(times, due)
        row = (len(found.hits), found.false_positives, found.false_negatives)
        add(condition, ["proactive", f"proactive {asked.watch.task}"], watching.scene.seed, *row)


def _ask_chain(watching: Watching, chain: Chain, add: Add) -> None:
    """Turns in order; a slot holds the condition's own earlier answer."""
    for condition in _CHAINS:
        said: list[str] = []
        rights = []
        for i, (asked, slot) in enumerate(chain.turns):
            text = asked.text if slot is None else filled(asked.text, said[slot])
            question = _question(watching, text, asked.ask_s, Form.MCQ, asked.options)
            choice = watching.ask(condition, question).choice or LETTERS[0]
            said.append(next(o.text for o in asked.options if o.key == choice))
            rights.append(choice == asked.gold)
            add(condition, ["sequential", f"seq turn {i}"], watching.scene.seed, rights[-1], 1)
        add(condition, ["seq whole"], watching.scene.seed, all(rights), 1)
