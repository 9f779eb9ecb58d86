from __future__ import annotations

from typing import Any

import pytest
import tiny_llava
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ModelError
from shared.messages import Note, NotePolicy, NoteSpec, Profile
from shared.perception import Perceiver, tick_of
from shared.video import Frame, encode_jpeg
from shared.vlm import PromptParts
from shared.vlm.engine import LocalVlm

# Irregular: several frames in a tick, frames on ticks, one just behind, ticks without frames.
TIMES = (0.0, 0.4, 2.5, 4.999999, 5.0, 5.000001, 9.9, 23.0, 24.0, 25.0, 31.2)
FRAMES = [
    Frame(i, t, encode_jpeg(image, quality=90))
    for i, (t, image) in enumerate(zip(TIMES, tiny_llava.images(len(TIMES)), strict=True))
]


def rule(frames: list[Frame], every: float, until: float) -> dict[int, float]:
    """Which tick has a note, and about the frame of which time: the rule in its plain words."""
    notes, k = {}, 0
    while k * every <= until:
        inside = [frame.t for frame in frames if (k - 1) * every < frame.t <= k * every]
        notes |= {k: inside[-1]} if inside else {}
        k += 1
    return notes


def perceiver(vlm: LocalVlm, *, every_s: float = 5.0, enabled: bool = True) -> Perceiver:
    profile = Profile(notes=NoteSpec(every_s=every_s, enabled=enabled))
    return Perceiver(vlm, profile, opening="r_0_0", run="r")


def notes_of(worker: Perceiver, frames: list[Frame], until: float) -> list[Note]:
    return [note for frame in frames for note in worker.push(frame)] + worker.advance(until)


@given(st.floats(0, 1e6), st.floats(1e-3, 1e3))
def test_the_tick_of_a_time_is_the_first_one_not_before_it(t: float, every_s: float) -> None:
    k = tick_of(t, every_s)
    assert k * every_s >= t
    assert k == 0 or (k - 1) * every_s < t


@pytest.mark.parametrize("every", [0.3, 1.0, 5.0, 7.0, 100.0])
@pytest.mark.parametrize("until", [24.999, 25.0, 31.2, 40.0])
def test_each_tick_notes_the_last_frame_since_the_tick_before(
    vlm: LocalVlm, every: float, until: float
) -> None:
    frames = [frame for frame in FRAMES if frame.t <= until]
    notes = notes_of(perceiver(vlm, every_s=every), frames, until)
    assert {note.seq: note.t_end for note in notes} == rule(frames, every, until)
    assert [note.seq for note in notes] == sorted({note.seq for note in notes})
    assert all(note.t_start == note.t_end for note in notes)


def test_a_note_waits_until_its_tick_is_past_or_said_to_be(vlm: LocalVlm) -> None:
    worker = perceiver(vlm)
    assert worker.push(FRAMES[0]) == []
    assert [note.seq for note in worker.push(FRAMES[1])] == [0]
    for frame in FRAMES[2:5]:
        assert worker.push(frame) == []
    assert worker.advance(4.9) == []
    assert [(note.seq, note.t_end) for note in worker.advance(5.0)] == [(1, 5.0)]
    assert worker.advance(5.0) == []
    assert worker.push(FRAMES[5]) == []


def test_watermarks_at_any_time_change_no_note(vlm: LocalVlm) -> None:
    plain, marked = perceiver(vlm), perceiver(vlm)
    notes = []
    for frame in FRAMES:
        notes += [*marked.push(frame), *marked.advance(frame.t)]
    assert notes + marked.advance(40.0) == notes_of(plain, FRAMES, 40.0)


def test_a_note_is_about_its_frame_alone(vlm: LocalVlm) -> None:
    alone = [
        note
        for frame in FRAMES
        for note in notes_of(perceiver(vlm), [frame], 40.0)
        if note.seq == tick_of(frame.t, 5.0)
    ]
    for note in notes_of(perceiver(vlm), FRAMES, 40.0):
        assert note in alone


@pytest.mark.parametrize("start", [1, 4, 6, 8])
def test_a_successor_writes_the_notes_that_its_predecessor_would_have(vlm: LocalVlm, start: int) -> None:
    whole = notes_of(perceiver(vlm), FRAMES, 40.0)
    after = notes_of(perceiver(vlm), FRAMES[start:], 40.0)
    assert after == [note for note in whole if note.seq >= tick_of(FRAMES[start].t, 5.0)]


def test_without_notes_nothing_is_written(vlm: LocalVlm) -> None:
    assert notes_of(perceiver(vlm, enabled=False), FRAMES, 40.0) == []


def test_a_note_that_the_model_fails_at_is_left_out_and_the_next_is_written(vlm: LocalVlm) -> None:
    class Failing(Repeating):
        def generate(self, parts: PromptParts, *, max_new_tokens: int) -> Any:
            if parts.units[0].times[-1] == 5.0:
                raise ModelError("out of memory")
            return super().generate(parts, max_new_tokens=max_new_tokens)

    profile, model = Profile(notes=NoteSpec(every_s=5.0)), Failing(vlm, SAID)
    worker = Perceiver(model, profile, opening="r_0_0", run="r")  # type: ignore[arg-type]
    notes = notes_of(worker, FRAMES, 40.0)
    assert {note.seq for note in notes} == set(rule(FRAMES, 5.0, 40.0)) - {1}
    assert worker.newest_index == FRAMES[-1].index


class Repeating:
    """A model that describes frames as it is told: it says the same of neighbours."""

    def __init__(self, vlm: LocalVlm, says: dict[float, str]) -> None:
        self._vlm, self._says = vlm, says

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vlm, name)

    def generate(self, parts: PromptParts, *, max_new_tokens: int) -> Any:
        said = self._vlm.generate(parts, max_new_tokens=1)
        return said._replace(text=self._says[parts.units[0].times[-1]])


SAID = dict(zip(TIMES, "aaaabbbbbcc", strict=True))
"""At ticks 0, 1, 2, 5 (two frames), 7: a, b, b, b, c."""


def changes(vlm: LocalVlm, frames: list[Frame], writer: NotePolicy = "on_change") -> list[Note]:
    profile = Profile(notes=NoteSpec(writer=writer))
    model: Any = Repeating(vlm, SAID)
    return notes_of(Perceiver(model, profile, opening="r_0_0", run="r"), frames, 40.0)


def test_on_change_a_note_is_written_only_where_it_says_something_else(vlm: LocalVlm) -> None:
    every, changed = changes(vlm, FRAMES, "every"), changes(vlm, FRAMES)
    said, kept = None, []
    for one in every:
        if one.text != said:
            kept.append((one.seq, one.t_end, one.text))
        said = one.text
    assert [(one.seq, one.t_end, one.text) for one in changed] == kept
    assert len(kept) < len(every)
    assert [one.kind for one in changed] == ["scene"] + ["change"] * (len(kept) - 1)


@pytest.mark.parametrize("start", range(1, len(FRAMES)))
def test_on_change_a_successor_repeats_nothing_that_its_predecessor_knew(vlm: LocalVlm, start: int) -> None:
    whole, after = changes(vlm, FRAMES), changes(vlm, FRAMES[start:])
    first = tick_of(FRAMES[start].t, 5.0)
    assert after == [one for one in whole if one.seq > first]
