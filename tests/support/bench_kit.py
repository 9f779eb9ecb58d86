"""What tests of the bench share: a small data set, answers to it, and a run folder made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from hypothesis import HealthCheck, settings

from bench.data import AskedQuestion, Dataset, Sample, to_questions
from bench.data.schema import AnswerSpec, Evidence, Gold, Part, Span, Stream, Turn
from bench.run.config import RunConfig, load_config
from bench.run.folder import RunFolder
from bench.run.manifest import make_manifest
from bench.run.records import Play, Record, failure_record, record_of
from shared.messages import Answer, Draft, Option, RouteStamp, Status
from shared.messages import Path as Way

quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
"""For property tests: a busy machine is no failure."""
OPTIONS = tuple(Option(key=k, text=t) for k, t in zip("ABCD", ("red", "green", "blue", "white"), strict=True))


def sample(
    name: str,
    *,
    part: Part = Part.REALTIME,
    gold: str = "A",
    ask_s: float = 10.5,
    video: str = "v0.mp4",
    task: str = "colour",
    span: tuple[float, float] | None = None,
) -> Sample:
    """One multiple-choice question."""
    evidence = (Evidence(span=Span(from_s=span[0], to_s=span[1])),) if span else ()
    answer = AnswerSpec(options=OPTIONS, gold=(Gold(value=gold),))
    turn = Turn(question="What colour is it?", ask_s=ask_s, answer=answer, evidence=evidence)
    return Sample(id=name, part=part, task=task, streams=(Stream(uri=video, duration_s=60),), turns=(turn,))


def dataset(folder: Path, samples: Iterable[Sample]) -> Dataset:
    return Dataset(folder / "all.json", "kit", tuple(samples))


def asked(item: Sample, *, opening: str = "r_0_1") -> AskedQuestion:
    return to_questions(item, opening)[0]


def answered(
    item: Sample,
    said: str,
    *,
    path: Way = Way.S1,
    play: Play | None = None,
    frames: tuple[float, ...] = (9.0, 10.0),
    latency_s: float = 0.1,
    t_emit: float | None = None,
    draft: Draft | None = None,
) -> Record:
    """The record of an answer `said` to the only question of `item`."""
    play = play or Play("r", "r_0_1", 0, 1)
    question = asked(item, opening=play.opening)
    indices = tuple(int(t) for t in frames)
    draft = draft or Draft(raw=said, choice=said or None, frames_ts=frames, frames_idx=indices)
    answer = Answer(
        opening=play.opening,
        key=question.key,
        path=path,
        t_ask=question.ask_s,
        route=RouteStamp(route="both"),
        draft=draft,
        worker="w1",
    )
    return record_of(answer, question, play=play, latency_s=latency_s, wait_s=0.0, t_emit=t_emit)


def failed(item: Sample, status: Status, *, path: Way = Way.S1, play: Play | None = None) -> Record:
    play = play or Play("r", "r_0_1", 0, 1)
    return failure_record(asked(item), play=play, path=path, status=status, error="it failed")


def run_folder(
    path: Path, data: Dataset, records: Iterable[Record] = (), *, config: RunConfig | None = None
) -> RunFolder:
    """A run folder with these records."""
    folder = RunFolder.create(path, make_manifest(config or load_config(None), data, run="r"), data)
    with folder.writer() as writer:
        writer.write(*records)
    return folder


def both(samples: Iterable[Sample], say: Callable[[Sample, Way], str]) -> list[Record]:
    """An answer on each path to each sample; videos are plays, in order."""
    plays: dict[str, int] = {}
    records = []
    for item in samples:
        number = plays.setdefault(item.video, len(plays))
        play = Play("r", f"r_{number}_1", number, 1)
        records += [answered(item, say(item, way), path=way, play=play) for way in Way]
    return records
