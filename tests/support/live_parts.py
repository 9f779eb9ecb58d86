"""A small data set for live mode: one short video, asked in every way while it plays, with gold that changes."""

from __future__ import annotations

from five_parts import OPTIONS, chain, free
from stack_kit import Kit

from bench.data import Dataset, Part, Sample, Turn, save_dataset
from bench.data.schema import AnswerForm, AnswerSpec, Gold, Poll, Trigger
from bench.data.synth import Recipe, build

DURATION_S = 12.0
CHANGE_S = 5.0
"""When what is right changes."""
SLOWLY = "slowly"
"""Stands in the text of the question that a slow S2 is slow at."""
GOLD_S = 6.0
"""When it is time to speak."""
POLLS = (4.0, 5.0, 6.0, 7.0, 8.0)


def _changing(form: AnswerForm, before: bool | str, after: bool | str, text: str = "") -> AnswerSpec:
    options = OPTIONS if form in (AnswerForm.MCQ, AnswerForm.SUFFICIENCY) else ()
    gold = (Gold(to_s=CHANGE_S, value=before), Gold(from_s=CHANGE_S, value=after, text=text))
    return AnswerSpec(form=form, options=options, gold=gold)


def _watch() -> Turn:
    poll = Poll(every_s=1, from_s=POLLS[0], to_s=POLLS[-1], text="a star")
    trigger = Trigger(gold_s=(GOLD_S,), poll=poll)
    return Turn(question="Tell what is new.", ask_s=3.0, trigger=trigger, answer=free(AnswerForm.MULTI_REPLY))


def save(kit: Kit) -> str:
    """Make the video and write the set; gives its path."""
    made = build(kit.folder / "live_video", Recipe(seed=3, videos=1, duration_s=(DURATION_S, DURATION_S)))
    stream = made.samples[0].streams[0].model_copy(update={"uri": made.uri(made.samples[0])})
    state = _changing(AnswerForm.SUFFICIENCY, "WAIT", "READY", "star")
    seen = _changing(AnswerForm.YES_NO, False, True)
    turns: dict[tuple[Part, str], tuple[Turn, ...]] = {
        (Part.REALTIME, "now"): (
            Turn(question="What is there now?", ask_s=2.5, answer=_changing(AnswerForm.MCQ, "A", "B")),
        ),
        (Part.CLUE, "state"): (
            Turn(question="What shape will come?", ask_s=2.5, probe_s=(2.5, 5.5, 8.5), answer=state),
        ),
        (Part.CLUE, "slow"): (
            Turn(question=f"Has anything {SLOWLY} moved?", ask_s=2.5, probe_s=(2.5, 6.5), answer=seen),
        ),
        # No frame comes behind this one's ask: the newest is of 11 s.
        (Part.CLUE, "last"): (Turn(question="Is it over?", ask_s=11.5, probe_s=(11.5,), answer=seen),),
        (Part.PROACTIVE, "watch"): (_watch(),),
        (Part.SEQUENTIAL, "chain"): chain(),
    }
    samples = [
        Sample(id=f"live/{task}", part=part, task=task, streams=(stream,), turns=asked)
        for (part, task), asked in turns.items()
    ]
    path = kit.folder / "live_parts" / "all.json"
    save_dataset(Dataset(path, "live", tuple(samples)))
    return str(path)
