"""World questions as samples: one a question, with its probes; one a request; one a chain, with its turns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import bench.data.world as world
from bench.data.schema import (
    AnswerForm,
    AnswerSpec,
    Depends,
    Evidence,
    Gold,
    Part,
    Sample,
    Source,
    Span,
    Stream,
    Trigger,
    Turn,
)  # fmt: skip
from bench.data.world_chains import Chain, ChainTurn, chains
from bench.data.world_clue import ClueQuestion, clue_questions
from bench.data.world_watch import HORIZON_S, TOLERANCE_S, WatchQuestion, watch_questions
from bench.data.world_words import SLOT
from bench.files import canonical
from shared.messages import Option
from shared.video.synth import Scene

__all__ = ["samples_of"]


class _Item(NamedTuple):
    """A sample before it has a name."""

    part: Part
    task: str
    turns: tuple[Turn, ...]


def samples_of(
    scene: Scene, stream: Stream, *, numbers: Mapping[str, int], split: str, seed: int
) -> list[Sample]:
    """Samples about a scene, up to so many of each part, by the time of their first ask; the same at every call."""
    made = [
        (item, number)
        for part, n in numbers.items()
        for number, item in enumerate(_items(scene, Part(part), seed=seed, n=n))
    ]
    made.sort(key=lambda pair: (pair[0].turns[0].ask_s, pair[0].part, pair[1]))
    return [_sample(item, stream, f"{split}/{scene.seed}/{item.part}/{number}") for item, number in made]


def _items(scene: Scene, part: Part, *, seed: int, n: int) -> Iterator[_Item]:
    if part is Part.CLUE:
        yield from (_clue(asked) for asked in clue_questions(scene, seed=seed, n=n))
    elif part is Part.PROACTIVE:
        yield from (_watch(asked, scene) for asked in watch_questions(scene, seed=seed, n=n))
    elif part is Part.SEQUENTIAL:
        yield from (_chain(chain) for chain in chains(scene, seed=seed, n=n))
    else:
        name: world.Part = "realtime" if part is Part.REALTIME else "reasoning"
        for asked in world.questions(scene, name, seed=seed, n=n):
            yield _Item(part, asked.task.value, (_turn(asked),))


def _sample(item: _Item, stream: Stream, pointer: str) -> Sample:
    turns = [turn.model_dump(mode="json") for turn in item.turns]
    # One turn is hashed bare, as ever, so that the name of a question stays when other parts gain chains.
    digest = hashlib.sha1(canonical(turns[0] if len(turns) == 1 else turns).encode()).hexdigest()[:8]
    return Sample(
        id=f"synth/{pointer}#{digest}",
        part=item.part,
        task=item.task,
        streams=(stream,),
        turns=item.turns,
        source=Source(bench="synth", subset=pointer.split("/")[0], pointer=pointer),
    )


def _options(choices: Sequence[world.Choice]) -> tuple[Option, ...]:
    return tuple(Option(key=choice.key, text=choice.text) for choice in choices)


def _evidence(spans: Iterable[Sequence[float]]) -> tuple[Evidence, ...]:
    return tuple(Evidence(span=Span(from_s=a, to_s=b)) for a, b in spans)


def _turn(asked: world.WorldQuestion, depends: tuple[Depends, ...] = ()) -> Turn:
    """A multiple-choice question that is asked once."""
    spans = [Gold(from_s=g.from_s, to_s=g.to_s, value=g.key) for g in asked.gold_spans]
    gold = tuple(spans) or (Gold(value=asked.gold),)
    return Turn(
        question=asked.text,
        ask_s=asked.ask_s,
        answer=AnswerSpec(options=_options(asked.options), gold=gold),
        evidence=_evidence(asked.evidence),
        depends_on=depends,
        ability=asked.difficulty,
    )


def _clue(asked: ClueQuestion) -> _Item:
    answer = AnswerSpec(
        form=AnswerForm(asked.form),
        options=_options(asked.options),
        gold=tuple(Gold(from_s=g.from_s, to_s=g.to_s, value=g.value, text=g.text) for g in asked.gold),
    )
    turn = Turn(
        question=asked.text,
        ask_s=asked.ask_s,
        probe_s=asked.probe_s,
        answer=answer,
        evidence=_evidence(asked.evidence),
    )
    return _Item(Part.CLUE, asked.task.value, (turn,))


def _watch(asked: WatchQuestion, scene: Scene) -> _Item:
    spans = [(float(span.from_s), min(float(span.to_s), scene.duration_s)) for span in asked.spans]
    trigger = Trigger(gold_s=tuple(start for start, _ in spans), tolerance_s=TOLERANCE_S)
    turn = Turn(
        question=asked.text,
        ask_s=asked.ask_s,
        trigger=trigger,
        answer=AnswerSpec(form=AnswerForm.ALERT, gold=tuple(_truth(asked, spans, scene.duration_s))),
        evidence=_evidence(spans),
    )
    return _Item(Part.PROACTIVE, asked.watch.task.value, (turn,))


def _truth(asked: WatchQuestion, spans: Sequence[tuple[float, float]], duration_s: float) -> Iterator[Gold]:
    """Whether it is true, from the ask on up to the horizon."""
    t, end = asked.ask_s, asked.ask_s + HORIZON_S
    for start, stop in spans:
        yield Gold(from_s=t, to_s=start, value=False)
        yield Gold(from_s=start, to_s=stop, value=True)
        t = stop
    if t < min(end, duration_s):
        yield Gold(from_s=t, to_s=end if end < duration_s else None, value=False)


def _chain(chain: Chain) -> _Item:
    return _Item(Part.SEQUENTIAL, "chain", tuple(_link(turn) for turn in chain.turns))


def _link(turn: ChainTurn) -> Turn:
    slot = Depends(turn=turn.slot_of, mode="slot", slot=SLOT) if turn.slot_of is not None else None
    return _turn(turn.asked, (slot,) if slot is not None else ())
