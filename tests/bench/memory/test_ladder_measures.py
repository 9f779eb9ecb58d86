"""The ladder by hand: six videos, one question about now and one about the past in each."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_kit import answered, dataset, run_folder, sample

from bench.data import Sample
from bench.data.schema import Part
from bench.memory import CONDITIONS, Ladder, Rung, measure, read_ladder, sheets, write_ladder
from bench.memory.conditions import config_for
from bench.memory.ladder import chosen
from bench.run.config import load_config
from bench.run.folder import RunFolder
from bench.run.records import Play, Record
from shared.errors import ConfigError, DataError
from shared.messages import Draft, Note
from shared.messages import Path as Way

VIDEOS = 6
ASK_S = 50.0
NOW = [sample(f"now/{n}", video=f"v{n}.mp4", ask_s=ASK_S) for n in range(VIDEOS)]
PAST = [
    # Evidence that ended 10 s (odd videos: 40 s) before the ask.
    sample(
        f"past/{n}",
        part=Part.REASONING,
        video=f"v{n}.mp4",
        ask_s=ASK_S,
        span=(5.0, 10.0) if n % 2 else (35.0, 40.0),
    )
    for n in range(VIDEOS)
]
RIGHT = {
    # Right answers on the past and on the present, of six; who is right goes by the number of the video.
    "none": (2, 6),
    "short": (3, 6),
    "long": (5, 5),
    "both": (5, 6),
    "oracle": (6, 6),
    "shuffled": (2, 6),
    "wrong-video": (2, 6),
    "random-weights": (1, 2),
    "last-frames": (2, 6),
}


def told(t: float) -> tuple[Note, ...]:
    return (Note(opening="r_0_1", run="r", seq=0, t_start=t, t_end=t, text="x"),)


def records(name: str) -> list[Record]:
    past, now = RIGHT[name]
    made = []
    for items, right in ((PAST, past), (NOW, now)):
        for number, item in enumerate(items):
            made.append(said(item, number, number < right, Way.S2))
            if name == "none":
                made.append(said(item, number, item in NOW, Way.S1))
    return made


def said(item: Sample, number: int, right: bool, way: Way) -> Record:
    letter = "A" if right else "B"
    # A note within the evidence of even videos only.
    notes = told(36.0) if way is Way.S2 and item in PAST else ()
    draft = Draft(raw=letter, choice=letter, frames_ts=(49.0,), frames_idx=(49,), notes=notes)
    return answered(item, letter, path=way, play=Play("r", f"r_{number}_1", number, 1), draft=draft)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunFolder]:
    root = tmp_path_factory.mktemp("ladder")
    data = dataset(root, [*PAST, *NOW])
    return {
        condition.name: run_folder(
            root / condition.name,
            data,
            records(condition.name),
            config=config_for(condition, load_config(None), folder=str(root)),
        )
        for condition in CONDITIONS
    }


@pytest.fixture(scope="module")
def ladder(folders: dict[str, RunFolder]) -> Ladder:
    return measure(folders)


def rung(ladder: Ladder, name: str) -> Rung:
    return next(one for one in ladder.rungs if one.name == name)


def test_every_condition_is_a_rung_in_its_order(ladder: Ladder) -> None:
    assert [one.name for one in ladder.rungs] == [condition.name for condition in CONDITIONS]
    assert ladder.missing == ()
    assert ladder.questions == {"realtime": VIDEOS, "reasoning": VIDEOS}


def test_gain_and_tax_are_differences_to_no_memory(ladder: Ladder) -> None:
    long = rung(ladder, "long")
    assert long.reasoning.value == pytest.approx(5 / 6, abs=1e-6)
    assert long.gain is not None
    assert long.gain.value == pytest.approx(3 / 6, abs=1e-6)
    assert long.tax is not None
    assert long.tax.value == pytest.approx(1 / 6, abs=1e-6)
    assert rung(ladder, "none").gain is None
    wrong = rung(ladder, "wrong-video")
    assert wrong.gain is not None
    assert (wrong.gain.value, wrong.gain.low, wrong.gain.high) == (0.0, 0.0, 0.0)
    assert wrong.p_sign_flip == 1.0


def test_progress_is_more_than_the_last_frames_with_its_interval(ladder: Ladder) -> None:
    assert rung(ladder, "oracle").progress is True
    assert rung(ladder, "short").over_last_frames is not None
    # One of six more: the interval holds zero.
    assert rung(ladder, "short").progress is False
    assert rung(ladder, "wrong-video").progress is False
    assert rung(ladder, "last-frames").progress is None


def test_clue_recovery_is_capped_by_the_oracle(ladder: Ladder) -> None:
    assert rung(ladder, "long").clue_recovery == pytest.approx(5 / 6, abs=1e-6)
    assert rung(ladder, "oracle").clue_recovery == 1.0


def test_recall_counts_notes_within_the_evidence_where_notes_tell_the_truth(ladder: Ladder) -> None:
    recall = rung(ladder, "long").recall
    assert recall is not None
    assert (recall.questions, recall.share, recall.notes) == (VIDEOS, 0.5, 1.0)
    assert rung(ladder, "none").recall is None
    assert rung(ladder, "shuffled").recall is None
    assert rung(ladder, "wrong-video").recall is None


def test_accuracy_goes_by_the_age_of_the_evidence(ladder: Ladder) -> None:
    bands = {(b.from_s, b.to_s): (b.accuracy.n, b.accuracy.value) for b in rung(ladder, "none").by_age}
    # Videos 0, 2, 4: 10 s, of which 0 is right; 1, 3, 5: 40 s, of which 1 is.
    assert bands == {
        (8.0, 30.0): (3, pytest.approx(1 / 3, abs=1e-6)),
        (30.0, 120.0): (3, pytest.approx(1 / 3, abs=1e-6)),
    }


def test_s1_itself_is_told_beside_them(ladder: Ladder) -> None:
    assert {part: found.value for part, found in ladder.s1.items()} == {"realtime": 1.0, "reasoning": 0.0}


def test_a_ladder_with_rungs_missing_says_so(folders: dict[str, RunFolder]) -> None:
    some = measure({name: folders[name] for name in ("none", "long")})
    assert [one.name for one in some.rungs] == ["none", "long"]
    assert "oracle" in some.missing
    assert some.rungs[1].clue_recovery is None
    assert some.rungs[1].progress is None


def test_without_no_memory_there_is_no_ladder(folders: dict[str, RunFolder]) -> None:
    with pytest.raises(DataError, match="no complete condition 'none'"):
        measure({"long": folders["long"]})


def test_the_tables_are_written_in_three_forms(ladder: Ladder, tmp_path: Path) -> None:
    paths = write_ladder(ladder, tmp_path)
    assert [path.name for path in paths] == ["ladder.json", "ladder.md", "ladder.csv"]
    assert read_ladder(tmp_path) == ladder
    assert "| long | 83.3 [50, 100] | +50.0" in paths[1].read_text()
    assert len(paths[2].read_text().splitlines()) > len(CONDITIONS)
    assert sheets(ladder)[1].columns[1:] == ["8–30 s (n 3)", "30–120 s (n 3)"]


@pytest.mark.parametrize(
    ("text", "why"), [(None, "no ladder.json"), ("{}", "/data: Field required"), ("{", "ladder.json")]
)
def test_what_is_no_ladder_is_told_in_one_line(tmp_path: Path, text: str | None, why: str) -> None:
    if text is not None:
        (tmp_path / "ladder.json").write_text(text)
    with pytest.raises(DataError, match=why) as error:
        read_ladder(tmp_path)
    assert "\n" not in str(error.value)


def test_a_condition_sets_memory_and_nothing_else() -> None:
    base = load_config(None, {"memory.k": 3, "stream.mode": "offline"})
    runs = {c.name: config_for(c, base, folder="out") for c in CONDITIONS}
    assert [r.memory.mode.value for r in runs.values()][:4] == ["none", "short", "long", "both"]
    assert {r.memory.k for r in runs.values()} == {3}
    assert runs["none"].system.route == "both"
    assert {r.system.route for name, r in runs.items() if name != "none"} == {"force-s2"}
    assert {r.system.s2 for name, r in runs.items() if name != "last-frames"} == {base.system.s2}
    last = runs["last-frames"].system.s2
    assert (last.frames, last.stride, last.newest) == (base.system.s2.frames, 1, False)


def test_an_unknown_condition_is_refused_and_no_memory_is_always_there() -> None:
    assert [c.name for c in chosen(["long"])] == ["none", "long"]
    with pytest.raises(ConfigError, match="'lang' is unknown"):
        chosen(["lang"])
