from __future__ import annotations

from pathlib import Path

import batch_kit
import pytest
from batch_server import BatchServer
from provider_server import KEY, provider_server

from bench.run.audit import audit_run
from bench.run.check import check_folder
from bench.run.driver import play, prepare
from bench.scoring import score_run
from shared.errors import ConfigError

MEMORY = {"memory": {"enabled": True, "every_s": 4.0}}


def test_a_run_by_batch_has_the_records_of_an_offline_run_at_half_the_price(
    server: BatchServer, tmp_path: Path
) -> None:
    samples = batch_kit.all_parts(tmp_path)
    run, folder, _ = batch_kit.batch_run(
        batch_kit.config(tmp_path, samples, server.provider, server.base_url)
    )
    batch_kit.to_the_end(run)
    with provider_server(server.provider, batch_kit.says) as live:
        whole = {"output": {"name": "live"}, "stream": {"mode": "offline"}}
        prepared = prepare(batch_kit.config(tmp_path, samples, server.provider, live.base_url, **whole))
        play(prepared)
    ours, theirs = folder.records(), prepared.folder.records()
    assert batch_kit.kept(ours) == batch_kit.kept(theirs)
    assert len(ours) > 30
    costs = [sum(record.usage.cost_usd or 0 for record in found) for found in (ours, theirs)]
    assert costs[0] == pytest.approx(costs[1] / 2)
    assert max(server.paid.values()) == 1
    assert not check_folder(folder).problems


def test_what_depends_on_an_answer_waits_for_the_round_behind_it(openai: BatchServer, tmp_path: Path) -> None:
    asked = batch_kit.config(tmp_path, batch_kit.all_parts(tmp_path), "openai", openai.base_url)
    run, folder, _ = batch_kit.batch_run(asked)
    batch_kit.to_the_end(run)
    # The chain has three turns, each told of the one before.
    assert [batch.round for batch in run.state.batches] == [1, 1, 2, 2, 3, 3]
    assert {len(record.history) for record in folder.records() if record.history} == {2}


def test_notes_of_s1_come_from_batches_before_s2_is_asked(openai: BatchServer, tmp_path: Path) -> None:
    samples = batch_kit.choices(tmp_path, 3)
    run, folder, _ = batch_kit.batch_run(
        batch_kit.config(tmp_path, samples, "openai", openai.base_url, **MEMORY)
    )
    batch_kit.to_the_end(run)
    # S1: three questions, and notes at 0 and 4 s. S2: its questions, once the notes are there.
    assert [(batch.round, batch.system, len(batch.ids)) for batch in run.state.batches] == [
        (1, "s1", 5),
        (2, "s2", 3),
    ]
    assert {len(record.notes) for record in folder.records() if record.path == "s2"} == {1, 2}


def test_a_local_s1_answers_at_once_and_writes_the_notes(openai: BatchServer, tmp_path: Path) -> None:
    local = {"model": {"s1": {"backend": "llava", "path": "tiny-s1"}}}
    samples = batch_kit.choices(tmp_path, 2)
    asked = batch_kit.config(tmp_path, samples, "openai", openai.base_url, **MEMORY, **local)
    run, folder, _ = batch_kit.batch_run(asked)
    batch_kit.to_the_end(run)
    assert [(batch.system, len(batch.ids)) for batch in run.state.batches] == [("s2", 2)]
    s1, s2 = ([record for record in folder.records() if record.path == path] for path in ("s1", "s2"))
    assert all(record.notes for record in s2)
    assert {record.model for record in s1} == {"tiny-s1"}
    assert [record.latency_s is None for record in (*s1, *s2)] == [False, False, True, True]


def test_the_folder_is_scored_and_says_that_there_is_no_latency(openai: BatchServer, tmp_path: Path) -> None:
    samples = batch_kit.choices(tmp_path)
    run, folder, _ = batch_kit.batch_run(batch_kit.config(tmp_path, samples, "openai", openai.base_url))
    batch_kit.to_the_end(run)
    assert {latency.p50_s for latency in score_run(folder).timings} == {None}
    assert not audit_run(folder).violations
    manifest = folder.manifest()
    assert manifest.status == "complete"
    assert manifest.batch["latency"].startswith("none")
    assert manifest.batch["s2"] == {
        "answers": 6,
        "prompt_tokens": 6000,
        "output_tokens": 60,
        "cost_usd": pytest.approx((6000 * 1 + 60 * 4) / 2e6),
    }


def test_no_key_is_in_any_file_of_a_run(server: BatchServer, tmp_path: Path) -> None:
    server.fate = lambda batch, place: "429" if batch == 0 else "ok"
    samples = batch_kit.choices(tmp_path, 2)
    asked = batch_kit.config(tmp_path, samples, server.provider, server.base_url)
    run, folder, said = batch_kit.batch_run(asked)
    batch_kit.to_the_end(run)
    held = b"".join(file.read_bytes() for file in folder.path.rglob("*") if file.is_file())
    assert KEY.encode() not in held
    assert KEY not in "".join(said)


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"stream": {"mode": "live"}}, "stream.mode is 'live', and a batch has no clock"),
        (
            {"model": {system: {"backend": "llava", "path": f"tiny-{system}"} for system in ("s1", "s2")}},
            "neither model is a provider's",
        ),
        ({"system": {"route": "cascade"}}, "system.route is 'cascade', which decides question by question"),
        (
            {"memory": {"enabled": True, "source": "wrong-video"}},
            "memory.source is 'wrong-video', whose notes are written before anything is asked",
        ),
    ],
)
def test_what_can_not_be_asked_by_batch_is_refused_before_anything_is_sent(
    openai: BatchServer, tmp_path: Path, section: dict[str, object], says: str
) -> None:
    asked = batch_kit.config(tmp_path, batch_kit.choices(tmp_path), "openai", openai.base_url, **section)
    with pytest.raises(ConfigError, match=says):
        batch_kit.batch_run(asked)
    assert not openai.batches
    assert not (tmp_path / "runs").exists()


def test_questions_behind_a_break_in_the_video_are_errors_and_are_not_sent(
    openai: BatchServer, tmp_path: Path
) -> None:
    samples = batch_kit.choices(tmp_path, 6)
    (tmp_path / "frames" / "4.jpg").write_bytes(b"no picture")
    asked = batch_kit.config(tmp_path, samples, "openai", openai.base_url, system={"route": "force-s2"})
    run, folder, _ = batch_kit.batch_run(asked)
    batch_kit.to_the_end(run)
    # Asked at 2, 3 … 7 s; the frame of 4 s can't be read.
    assert [record.status for record in folder.records()] == ["ok", "ok", "error", "error", "error", "error"]
    assert sum(openai.paid.values()) == 2
