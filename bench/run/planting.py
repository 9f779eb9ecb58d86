"""Notes that the bench itself writes beforehand: the oracle and the controls of the memory ladder (docs/memory.md).

S1 then writes none. What is planted lies in memory from the start, the future too: that no question reads it is the
store's filter, `t_end` no later than the ask. Notes of `oracle` and `shuffled` are planted question by question, under
the question's key; the others for the stream as S1's would be. Every note is in S1's own words.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from bench.data import AskedQuestion
from bench.data.ask import steps
from bench.run.config import RunConfig
from bench.run.plan import Play
from shared.errors import ConfigError
from shared.messages import Note, Open
from shared.perception import encode_frames, note_for, tick_of
from shared.video import Frame, frames
from shared.vlm import Vlm, load_vlm

__all__ = ["GIVES_EVIDENCE", "Planter", "planter"]

GIVES_EVIDENCE = "oracle"
"""The source that knows where the evidence is: gold leaves the bench by this door, and records say so."""
_RANDOM_WEIGHTS = 1


class _Video(NamedTuple):
    """A video as far as it can be read."""

    frames: list[Frame]
    ticks: list[int]
    """Of the frames that have a note: the last ones up to a tick."""
    noted: list[Frame]


class Planter:
    """The notes of every play of a run; models block, so call it in a thread."""

    def __init__(self, config: RunConfig, plays: Sequence[Play], load: Callable[[], Vlm]) -> None:
        self._config, self._plays = config, {play.number: play for play in plays}
        self._load = load
        self._vlm: Vlm | None = None
        self._videos: dict[str, _Video] = {}
        self._texts: dict[tuple[str, int], str] = {}

    def notes(self, opened: Open, play: Play, items: Sequence[AskedQuestion]) -> list[Note]:
        """All notes of one opening; raises `VideoError` or `ModelError`."""
        source = self._config.memory.source
        if source == "oracle":
            return [note for item in items for note in self._oracle(opened, play, item)]
        if source == "shuffled":
            return [note for item in items for note in self._shuffled(opened, play, item)]
        other = self._next(play) if source == "wrong-video" else play
        return [self._note(opened, other, frame, seq) for seq, frame in self._noted(other)]

    def _oracle(self, opened: Open, play: Play, item: AskedQuestion) -> Iterator[Note]:
        """One note for each span of evidence that has begun by the last look: about its last frame up to then."""
        turn = next(sample for sample in play.samples if sample.id == item.sample).turns[item.turn]
        last = steps(item)[-1]
        for seq, evidence in enumerate(turn.evidence):
            span = evidence.span
            within = [f for f in self._video(play).frames if span.from_s <= f.t < span.to_s and f.t <= last]
            if within:
                yield self._note(opened, play, within[-1], seq, scope=item.key)

    def _shuffled(self, opened: Open, play: Play, item: AskedQuestion) -> Iterator[Note]:
        """The notes up to the ask, whose texts have changed places among them: nothing of the future, no right time."""
        past = [(seq, frame) for seq, frame in self._noted(play) if frame.t <= item.ask_s]
        places = list(range(len(past)))
        random.Random(f"{self._config.stream.seed}/{item.key}").shuffle(places)
        for (seq, frame), place in zip(past, places, strict=True):
            told = self._note(opened, play, past[place][1], seq, scope=item.key)
            yield told.model_copy(update={"t_start": frame.t, "t_end": frame.t})

    def _next(self, play: Play) -> Play:
        numbers = sorted(self._plays)
        if len(numbers) < 2:
            raise ConfigError(
                "memory.source 'wrong-video' of a single video: it takes two; add samples of another"
            )
        return self._plays[numbers[(numbers.index(play.number) + 1) % len(numbers)]]

    def _noted(self, play: Play) -> Iterator[tuple[int, Frame]]:
        video = self._video(play)
        return zip(video.ticks, video.noted, strict=True)

    def _note(self, opened: Open, play: Play, frame: Frame, seq: int, *, scope: str = "perception") -> Note:
        return Note(
            opening=opened.opening,
            run=opened.run,
            scope=scope,
            seq=seq,
            t_start=frame.t,
            t_end=frame.t,
            text=self._text(play, frame),
        )

    def _text(self, play: Play, frame: Frame) -> str:
        if (play.uri, frame.index) not in self._texts:
            self._vlm = self._vlm or self._load()
            [unit] = encode_frames(self._vlm, [frame])
            said = note_for(self._vlm, unit, opening="planted", run="planted", seq=0)
            self._texts[play.uri, frame.index] = said.text
        return self._texts[play.uri, frame.index]

    def _video(self, play: Play) -> _Video:
        if play.uri not in self._videos:
            every = self._config.memory.every_s
            found = list(frames(play.uri, self._config.video))
            last = {tick_of(frame.t, every): frame for frame in found}
            # A tick behind the last frame is none: S1 would write its note when stream time is there.
            last = {tick: frame for tick, frame in last.items() if tick * every <= found[-1].t}
            # One video at a time is held, and the next one, which may be the wrong one.
            while len(self._videos) > 1:
                self._videos.pop(next(iter(self._videos)))
            self._videos[play.uri] = _Video(found, list(last), list(last.values()))
        return self._videos[play.uri]


def planter(config: RunConfig, plays: Sequence[Play]) -> Planter | None:
    """What plants the notes of a run; null where S1 writes them itself, or nothing is read."""
    source = config.memory.source
    if source == "s1" or not config.memory.recall().reads:
        return None
    spec = config.model.s1
    if source == "random-weights":
        spec = spec.model_copy(update={"random_weights": _RANDOM_WEIGHTS})
    return Planter(config, plays, lambda: load_vlm(spec))
