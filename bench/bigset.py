"""Big data for benchmarks of the bench: native annotation files, data sets and run folders of any size.

All of it is a function of the sizes and a seed, made as a stream. Questions, golds and answers are drawn; the
shares of parts, the number of probes and the length of a record's line are those of real runs.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.data.dataset import Dataset, load_dataset, write_samples
from bench.data.schema import (
    AnswerForm,
    AnswerSpec,
    Depends,
    Evidence,
    Gold,
    Part,
    Sample,
    Scoring,
    Source,
    Span,
    Stream,
    Trigger,
    Turn,
)
from bench.files import open_atomic
from shared.messages import Option, WindowSpec, question_key
from shared.messages import Path as Way
from shared.perception.window import window
from shared.subjects import opening_id

__all__ = ["main", "native_file", "run_folder", "samples"]

_COLOURS = ("red", "green", "blue", "white", "black", "orange", "brown", "grey")
_VIDEO_S = 600.0
_FPS = 1.0
"""Of the default settings."""
_A_VIDEO = 20
"""Samples a video."""
_ORDER = (Part.REALTIME,) * 8 + (Part.REASONING,) * 4 + (Part.CLUE,) * 4 + (Part.PROACTIVE,) * 2
_STANDS_S = 22
"""How long a standing question stands, until the next one is asked."""
_CHAIN = 2
"""One chain of so many turns follows on each row of `_ORDER`: twenty turns together."""
_RIGHT = {Way.S1: 0.6, Way.S2: 0.7}


class Asked(NamedTuple):
    """What a run was asked: a question at one time."""

    sample: Sample
    turn: int
    probe: int
    t: float


def native_file(path: Path, records: int, *, seed: int = 0) -> None:
    """A file in OVO-Bench's form, every record a choice."""
    draw = random.Random(f"native/{seed}")
    tasks = ("EPM", "HLD", "ASI", "OJR", "STU", "OCR", "ATR", "ACR", "FPD")
    with open_atomic(path) as file:
        for number in range(records):
            options, gt = draw.sample(_COLOURS, k=4), draw.randrange(4)
            record = {
                "id": number,
                "task": tasks[number % len(tasks)],
                "video": f"big/{number // _A_VIDEO:06d}.mp4",
                "realtime": round(draw.uniform(5, _VIDEO_S), 2),
                "question": f"What colour is thing {draw.randrange(10_000)} on shelf {number}?",
                "options": options,
                "answer": options[gt],
                "gt": gt,
            }
            file.write((b",\n" if number else b"[\n") + json.dumps(record).encode())
        file.write(b"\n]\n")


def samples(turns: int, *, seed: int = 0) -> Iterator[Sample]:
    """Samples of all five parts with so many turns between them."""
    draw = random.Random(f"samples/{seed}")
    number = made = 0
    while made < turns:
        for part in (*_ORDER, Part.SEQUENTIAL):
            if made >= turns:
                return
            sample = _sample(part, number, min(_CHAIN, turns - made), draw)
            number, made = number + 1, made + len(sample.turns)
            yield sample


def run_folder(path: Path, records: int, *, seed: int = 0) -> int:
    """A run folder whose every question is answered on both paths, of about so many records; gives their number."""
    from bench.run.config import load_config
    from bench.run.folder import RunFolder
    from bench.run.manifest import make_manifest

    turns = records * 100 // 395
    data_file = path.parent / f"{path.name}-set.json"
    write_samples(data_file, samples(turns, seed=seed), name="big")
    data = load_dataset(data_file)
    config = load_config(None, {"system.route": "both", "stream.mode": "capacity"})
    folder = RunFolder.create(path, make_manifest(config, data, run="big"), data)
    profile = config.profile()
    windows = {Way.S1: profile.s1, Way.S2: profile.s2}
    draw = random.Random(f"records/{seed}")
    count = 0
    encode = msgspec.json.encode
    with open_atomic(folder.records_path) as file:
        for asked in _asked(data):
            for record in _records(asked, count, windows, draw):
                file.write(encode(record) + b"\n")
                count += 1
    return count


def main(argv: Sequence[str]) -> int:
    """`native|set|run SIZE PATH`: make one, in a process of its own."""
    what, size, path = argv[0], int(argv[1]), Path(argv[2])
    if what == "native":
        native_file(path, size)
    elif what == "set":
        write_samples(path, samples(size), name="big")
    else:
        run_folder(path, size)
    return 0


def _sample(part: Part, number: int, chain: int, draw: random.Random) -> Sample:
    ask = float(draw.randrange(60, int(_VIDEO_S) - 120)) + 0.5
    if part is Part.CLUE:
        turns = [_clue(ask, number, draw)]
    elif part is Part.PROACTIVE:
        ask = 60.5 + _STANDS_S * (number % _A_VIDEO)
        due = sorted(draw.sample(range(4, _STANDS_S - 2), k=draw.randrange(4)))
        trigger = Trigger(gold_s=tuple(ask + t for t in due))
        question = f"Say when thing {draw.randrange(500)} is there."
        turns = [
            Turn(question=question, ask_s=ask, trigger=trigger, answer=AnswerSpec(form=AnswerForm.ALERT))
        ]
    elif part is Part.SEQUENTIAL:
        turns = [_choice(ask + 5 * n, draw, back=1.0, link=n - 1) for n in range(chain)]
    else:
        turns = [_choice(ask, draw, back=1.0 if part is Part.REALTIME else draw.uniform(10, 50))]
    return Sample(
        id=f"big/all/{number}#{draw.getrandbits(32):08x}",
        part=part,
        task=f"{part.value}_{number % 3}",
        streams=(Stream(uri=f"videos/{number // _A_VIDEO:06d}.mp4", duration_s=_VIDEO_S),),
        turns=tuple(turns),
        scoring=Scoring(),
        source=Source(bench="big", subset="all", pointer=f"/{number}", native={"n": number, "by": "hand"}),
    )


def _choice(ask: float, draw: random.Random, *, back: float, link: int = -1) -> Turn:
    key = draw.choice("ABCD")
    options = tuple(
        Option(key=k, text=text) for k, text in zip("ABCD", draw.sample(_COLOURS, k=4), strict=True)
    )
    return Turn(
        question=f"What colour is thing {draw.randrange(500)} now?",
        ask_s=ask,
        answer=AnswerSpec(options=options, gold=(Gold(value=key),)),
        evidence=(Evidence(span=Span(from_s=max(0.0, ask - back - 1), to_s=ask - back)),),
        depends_on=(Depends(turn=link),) if link >= 0 else (),
        ability="big",
    )


def _clue(ask: float, number: int, draw: random.Random) -> Turn:
    probes = tuple(ask + 6.0 * n for n in range(5))
    since = ask + 6.0 * draw.randrange(5) - 2
    if number % 2:
        form, before, after = AnswerForm.YES_NO, False, True
        golds = (Gold(to_s=since, value=before), Gold(from_s=since, value=after))
    else:
        form = AnswerForm.COUNT
        golds = (Gold(to_s=since, value=1), Gold(from_s=since, value=2))
    answer = AnswerSpec(form=form, gold=golds)
    return Turn(
        question=f"Has thing {draw.randrange(500)} appeared?", ask_s=ask, probe_s=probes, answer=answer
    )


def _asked(data: Dataset) -> Iterator[Asked]:
    for sample in data.samples:
        for number, turn in enumerate(sample.turns):
            for probe, t in enumerate(turn.asks):
                yield Asked(sample, number, probe, t)


def _records(
    asked: Asked, number: int, windows: Mapping[Way, WindowSpec], draw: random.Random
) -> Iterator[dict[str, Any]]:
    """The emissions and the final of a question, on both paths."""
    turn = asked.sample.turns[asked.turn]
    for way in Way:
        seen = window(int(asked.t * _FPS), windows[way])
        head = _head(asked, number, way) | _frames(seen)
        if asked.sample.part is Part.PROACTIVE:
            due = turn.trigger.gold_s if turn.trigger else ()
            said = {int(t - asked.t) + draw.choice((0, 1, 2)) for t in due if draw.random() < _RIGHT[way]}
            for tick in sorted({*said, draw.randrange(1, _STANDS_S)}):
                t = asked.t + tick
                seen_then = _frames(window(int(t * _FPS), windows[way]))
                spoke = {"kind": "emission", "tick": tick, "t_emit": t, "raw": "yes", "speak": True}
                yield head | seen_then | spoke
            yield head | {"raw": ""}
        else:
            yield head | _said(turn, asked.t, draw.random() < _RIGHT[way], draw)


def _said(turn: Turn, t: float, right: bool, draw: random.Random) -> dict[str, Any]:
    gold = turn.answer.gold_at(t)
    value = gold.value if gold else None
    if turn.answer.form is AnswerForm.YES_NO:
        return {"raw": "yes" if value is right else "no", "confidence": 0.9}
    if turn.answer.form is AnswerForm.COUNT:
        return {"raw": str(value) if right else str(draw.randrange(5))}
    key = value if right else draw.choice("ABCD")
    return {"raw": key, "choice": key, "confidence": 0.8, "probs": {"A": 0.7, "B": 0.1, "C": 0.1, "D": 0.1}}


def _frames(seen: Sequence[int]) -> dict[str, Any]:
    return {"frames_idx": seen, "frames_ts": [index / _FPS for index in seen]}


def _head(asked: Asked, number: int, way: Way) -> dict[str, Any]:
    play = int(asked.sample.streams[0].uri[7:13])
    return {
        "schema": "dsb.record/1",
        "run": "big",
        "mode": "capacity",
        "opening": opening_id("big", play, 1),
        "play": play,
        "attempt": 1,
        "sample": asked.sample.id,
        "turn": asked.turn,
        "probe": asked.probe,
        "key": question_key(asked.sample.id, asked.turn, asked.probe),
        "form": asked.sample.turns[asked.turn].answer.form.value,
        "path": way.value,
        "status": "ok" if number % 97 else "timeout",
        "error": "" if number % 97 else "no answer in time",
        "route": "both",
        "t_ask": asked.t,
        "usage": {"prompt_tokens": 900, "output_tokens": 1},
        "stages": {"router": 0.0002, "model": 0.0103, "total": 0.0116},
        "wait_s": 0.0,
        "latency_s": 0.012 + number % 50 / 1000,
        "model": "none",
        "worker": "w1",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
