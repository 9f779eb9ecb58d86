from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bench_kit
import pytest
import tiny_llava
from provider_server import KEY, ProviderServer, provider_server

from bench.data import AskRules
from bench.data.schema import AnswerForm
from bench.run.book import Book
from bench.run.chains import Chains
from bench.run.offline import Offline
from bench.run.offline_steps import answer_all
from bench.run.plan import Play, opened, questions
from bench.run.records import Play as PlayStamp
from bench.run.records import Record, record_of
from bench.scoring.answers import parse_answer
from shared.memory import Memory
from shared.messages import Answer, Draft, NoteSpec, Profile, RecallSpec, RouteStamp, Timings, Usage
from shared.messages import Path as Way
from shared.video import encode_jpeg
from shared.vlm import ModelSpec
from shared.vlm.providers.openai_chat import OpenAiChat
from shared.vlm.providers.vlm import Backoff, ProviderVlm


class NoMemory(Memory):
    """Never asked: the profile recalls nothing."""

    def __init__(self) -> None:
        pass


def records(server: ProviderServer, folder: Path, *, max_retries: int) -> Sequence[Record]:
    """What an offline run of six questions leaves, S1 and S2 behind the server."""
    folder.mkdir()
    for i, image in enumerate(tiny_llava.images(4)):
        (folder / f"{i}.jpg").write_bytes(encode_jpeg(image, quality=90))
    spec = ModelSpec(
        backend="openai", path="m", base_url=server.base_url, max_retries=max_retries, price=(1.0, 1.0)
    )
    model = ProviderVlm(spec, OpenAiChat(spec), backoff=Backoff(first_s=0.01, most_s=0.01))
    samples = tuple(bench_kit.sample(f"s{i}", gold="B", ask_s=1.0 + i / 4) for i in range(6))
    play, found = Play(0, "v", str(folder), samples), list[Record]()
    profile = Profile(notes=NoteSpec(enabled=False), recall=RecallSpec(enabled=False))
    request = opened(play, run="r", attempt=1, profile=profile)
    items = questions(play, request.opening)
    stamp = PlayStamp("r", request.opening, 0, 1, "offline")
    book = Book(
        items, stamp=stamp, route="both", chains=Chains(samples, items, AskRules()), write=found.append
    )
    offline = Offline(request, play, s1=model, s2=model, memory=NoMemory())
    for item in items:
        answer_all(offline, book, item, "both")
    return found


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return KEY


def test_with_half_of_the_calls_failing_every_question_ends_in_one_record(key: str, tmp_path: Path) -> None:
    with provider_server("openai", lambda texts: "The answer is B.") as server:
        server.plan = [429, 200, 500, 200, "drop", 200] * 4
        found = records(server, tmp_path / "frames", max_retries=3)
    assert len({record.final for record in found}) == len(found) == 12
    assert {record.status for record in found} == {"ok"}
    assert [record.usage.retries for record in found] == [1] * 12
    assert all(record.usage.cost_usd == pytest.approx(0.00101) for record in found)
    read = {parse_answer(record.raw, AnswerForm.MCQ, bench_kit.OPTIONS).value for record in found}
    assert read == {"B"}
    assert key not in "".join(record.to_line().decode() for record in found)


def test_who_is_overloaded_to_the_end_is_a_failure_and_no_wrong_answer(key: str, tmp_path: Path) -> None:
    with provider_server("openai", lambda texts: "B") as server:
        server.plan = [429] * 100
        found = records(server, tmp_path / "frames", max_retries=1)
    assert {(record.status, record.raw) for record in found} == {("error", "")}
    assert "429" in found[0].error


def test_time_in_which_a_provider_could_not_be_had_is_no_latency() -> None:
    item = bench_kit.sample("s")
    asked = bench_kit.asked(item)
    answer = Answer(
        opening=asked.question.opening,
        key=asked.key,
        path=Way.S1,
        t_ask=asked.ask_s,
        route=RouteStamp(route="both"),
        draft=Draft(raw="B", usage=Usage(retries=2, retry_s=7.0)),
        timings=Timings(model=8.5, total=9.0),
    )
    record = record_of(answer, asked, play=PlayStamp("r", "r_0_1", 0, 1), latency_s=10.0)
    assert (record.latency_s, record.stages.model, record.stages.total) == (3.0, 1.5, 2.0)
    assert (record.usage.retry_s, record.usage.retries) == (7.0, 2)
