"""A small data set of all five parts and of every form, over the videos of a kit."""

from __future__ import annotations

from stack_kit import Kit

from bench.data import Dataset, Part, Sample, Turn, save_dataset
from bench.data.schema import AnswerForm, AnswerSpec, Depends, Gold, Poll, Stream, StreamEvent, Trigger
from shared.messages import Option

OPTIONS = tuple(
    Option(key=k, text=t) for k, t in zip("ABCD", ("star", "circle", "ring", "cross"), strict=True)
)
SLOT = "##ANSWER##"


def choice(gold: str = "A") -> AnswerSpec:
    return AnswerSpec(options=OPTIONS, gold=(Gold(value=gold),))


def free(form: AnswerForm, value: bool | int | str | None = None) -> AnswerSpec:
    return AnswerSpec(form=form, gold=(Gold(value=value, text="" if value is not None else "a star"),))


def chain() -> tuple[Turn, ...]:
    slot = Depends(turn=0, mode="slot", slot=SLOT)
    return (
        Turn(question="What is there?", ask_s=5.0, answer=choice("B")),
        Turn(question=f"Where is the {SLOT}?", ask_s=6.0, depends_on=(slot,), answer=choice("C")),
        Turn(
            question="What was it before?",
            ask_s=6.0,
            depends_on=(Depends(turn=0), Depends(turn=1)),
            answer=free(AnswerForm.TEXT),
        ),
    )


def _watch(question: str, ask_s: float, form: AnswerForm, hint: str) -> Turn:
    poll = Poll(every_s=1, from_s=ask_s + 1, to_s=ask_s + 4, text=hint)
    trigger = Trigger(gold_s=(ask_s + 3,), poll=poll, view_from=2.0)
    return Turn(question=question, ask_s=ask_s, trigger=trigger, answer=free(form))


def samples(stream: Stream, name: str) -> list[Sample]:
    """One video's questions; the last of them watches for longer than the video lasts."""
    events = tuple(
        StreamEvent(t=t, kind="subtitle", role="host", content=f"said at {t}") for t in (1.0, 30.0)
    )
    waiting = AnswerSpec(form=AnswerForm.SUFFICIENCY, options=OPTIONS, gold=(Gold(value="WAIT"),))
    probes = (4.0, 7.0, 9.0)
    late = (stream.duration_s or 0.0) - 2.5
    turns = {
        (Part.REALTIME, "now"): (Turn(question="What is there now?", ask_s=5.5, answer=choice()),),
        (Part.REALTIME, "cut"): (
            Turn(question="What is there?", ask_s=11.5, trigger=Trigger(view_from=7.5), answer=choice()),
        ),
        (Part.CLUE, "seen"): (
            Turn(
                question="Has a star appeared?",
                ask_s=3.0,
                probe_s=probes,
                answer=free(AnswerForm.YES_NO, False),
            ),
        ),
        (Part.CLUE, "find"): (
            Turn(question="Where is the star?", ask_s=3.0, probe_s=probes, answer=waiting),
        ),
        (Part.CLUE, "count"): (
            Turn(question="How many are there?", ask_s=8.0, answer=free(AnswerForm.COUNT, 2)),
        ),
        (Part.PROACTIVE, "alert"): (_watch("Say when a red object is there.", 2.0, AnswerForm.ALERT, "red"),),
        (Part.PROACTIVE, "tell"): (_watch("Tell what is new.", 6.5, AnswerForm.MULTI_REPLY, ""),),
        (Part.PROACTIVE, "late"): (_watch("Say when it ends.", late, AnswerForm.EMIT, "the end"),),
        (Part.SEQUENTIAL, "chain"): chain(),
    }
    return [
        Sample(id=f"{name}/{task}", part=part, task=task, streams=(stream,), turns=asked, events=events)
        for (part, task), asked in turns.items()
    ]


def save(kit: Kit, *, videos: int = 1, known_length: bool = True) -> str:
    """Write the set; without `known_length` no stream tells how long it is."""
    streams: dict[str, Stream] = {}
    for sample in kit.data.samples:
        whole = sample.streams[0].model_copy(update={"uri": kit.data.uri(sample)})
        streams.setdefault(sample.video, whole)
    found = []
    for number, stream in enumerate(list(streams.values())[:videos]):
        asked = samples(stream, f"v{number}")
        if not known_length:
            bare = stream.model_copy(update={"duration_s": None})
            asked = [sample.model_copy(update={"streams": (bare,)}) for sample in asked]
        found += asked
    path = kit.folder / f"five_{videos}_{known_length}" / "all.json"
    if not path.exists():
        save_dataset(Dataset(path, "five", tuple(found)))
    return str(path)
