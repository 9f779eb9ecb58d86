from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from subprocess import run as execute

import batch_kit
import pytest
from batch_server import BatchServer

from bench.batch import Stage, begin
from bench.run.config import RunConfig
from shared.errors import ConfigError, ModelError

GOOD = ("ok", "length", "refusal")


def asked(server: BatchServer, tmp_path: Path, count: int = 4, **more: object) -> RunConfig:
    """Questions to S2 alone."""
    samples, route = batch_kit.choices(tmp_path, count), {"route": "force-s2"}
    return batch_kit.config(tmp_path, samples, server.provider, server.base_url, system=route, **more)


def test_half_of_the_requests_fail_and_each_question_ends_in_one_record(
    server: BatchServer, tmp_path: Path
) -> None:
    fates = ["429", "ok", "500", "length", "expired", "ok", "missing", "refusal"]
    server.fate = lambda batch, place: fates[place] if batch == 0 else "ok"
    run, folder, _ = batch_kit.batch_run(asked(server, tmp_path, 8))
    batch_kit.to_the_end(run)
    records = folder.records()
    assert len({record.final for record in records}) == len(records) == 8
    assert {record.status for record in records} == {"ok"}
    assert [len(batch.ids) for batch in run.state.batches] == [8, 4]
    assert [record.usage.retries for record in records] == [1, 0, 1, 0, 1, 0, 1, 0]
    assert [(record.usage.retry_s, record.latency_s) for record in records] == [(0.0, None)] * 8
    assert set(server.paid.values()) == {1}


def test_truncation_and_refusal_are_answers(server: BatchServer, tmp_path: Path) -> None:
    server.fate = lambda batch, place: GOOD[place]
    run, folder, _ = batch_kit.batch_run(asked(server, tmp_path, 3))
    batch_kit.to_the_end(run)
    told = ["", "length", "filter" if server.provider == "google" else "refusal"]
    assert [record.usage.stop for record in folder.records()] == told
    assert len(server.batches) == 1


def test_what_goes_on_failing_is_given_up_and_recorded_as_an_error(
    openai: BatchServer, tmp_path: Path
) -> None:
    openai.fate = lambda batch, place: "500" if place == 0 else "ok"
    run, folder, _ = batch_kit.batch_run(asked(openai, tmp_path, 2))
    run.submit(attempts=2)
    batch_kit.to_the_end(run)
    first, second = folder.records()
    assert (first.status, second.status) == ("error", "ok")
    assert "failed in 2 batches, the limit of `--attempts` is 2" in first.error
    assert len(openai.batches) == 2


def test_a_request_that_is_malformed_is_not_repeated(server: BatchServer, tmp_path: Path) -> None:
    server.fate = lambda batch, place: "400" if place == 0 else "ok"
    run, folder, _ = batch_kit.batch_run(asked(server, tmp_path, 2))
    batch_kit.to_the_end(run)
    assert [record.status for record in folder.records()] == ["error", "ok"]
    assert "answered 400" in folder.records()[0].error
    assert len(server.batches) == 1


def test_a_batch_that_fails_as_a_whole_is_handed_in_again(server: BatchServer, tmp_path: Path) -> None:
    if server.provider == "anthropic":
        pytest.skip("its batches do not fail as a whole")
    server.fails = True
    run, folder, _ = batch_kit.batch_run(asked(server, tmp_path, 2))
    run.submit()
    run.collect()
    server.fails = False
    batch_kit.to_the_end(run)
    assert [record.usage.retries for record in folder.records()] == [1, 1]
    assert set(server.paid.values()) == {1}


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_results_that_arrive_torn_are_fetched_again_and_not_paid_again(
    server: BatchServer, tmp_path: Path
) -> None:
    server.torn = 1
    run, folder, said = batch_kit.batch_run(asked(server, tmp_path))
    run.submit()
    assert not run.collect()
    assert "arrive" in said[-1]
    batch_kit.to_the_end(run)
    assert [record.usage.retries for record in folder.records()] == [0] * 4
    assert (len(server.batches), set(server.paid.values())) == (1, {1})


def test_a_second_call_hands_in_nothing_twice(openai: BatchServer, tmp_path: Path) -> None:
    openai.hold = True
    config = asked(openai, tmp_path)
    for _ in range(2):
        run, folder, _ = batch_kit.batch_run(config)
        run.submit()
    batch_kit.again(folder).submit()
    assert not batch_kit.again(folder).collect()
    assert len(openai.batches) == 1


def test_a_batch_whose_taking_was_not_heard_of_is_found_and_not_paid_again(
    server: BatchServer, tmp_path: Path
) -> None:
    server.lost = 1
    run, folder, _ = batch_kit.batch_run(asked(server, tmp_path))
    batch_kit.to_the_end(run)
    assert len(folder.records()) == 4
    assert (len(server.batches), set(server.paid.values())) == (1, {1})


def test_a_provider_that_is_overloaded_is_asked_again(server: BatchServer, tmp_path: Path) -> None:
    server.refusals = [429, 500]
    run, folder, _ = batch_kit.batch_run(asked(server, tmp_path))
    batch_kit.to_the_end(run)
    assert (len(folder.records()), len(server.batches)) == (4, 1)


def test_a_batch_that_is_refused_is_told_and_can_be_handed_in_later(
    openai: BatchServer, tmp_path: Path
) -> None:
    openai.refusals = [403]
    run, folder, _ = batch_kit.batch_run(asked(openai, tmp_path))
    with pytest.raises(ModelError, match=r"answered 403.*check its key"):
        run.submit()
    assert [batch.stage for batch in run.state.batches] == [Stage.PLANNED]
    batch_kit.to_the_end(batch_kit.again(folder))
    assert len(openai.batches) == 1


class Killed(BaseException):
    """What no code of ours catches."""


@pytest.mark.parametrize("point", ["batch.accepted", "batch.fetched"])
def test_who_ends_in_the_middle_of_a_batch_goes_on_and_pays_nothing_twice(
    server: BatchServer, tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(name: str, tag: str = "") -> None:
        if name == point:
            raise Killed

    config = asked(server, tmp_path)
    run, _, _ = batch_kit.batch_run(config)
    with monkeypatch.context() as patch:
        patch.setattr("bench.batch.sending.hit", dying)
        with pytest.raises(Killed):
            batch_kit.to_the_end(run)
    _goes_on(server, config, Stage.SENDING if point == "batch.accepted" else Stage.SENT)


CHILD = """
import sys
import batch_kit
from pathlib import Path
from bench.run.config import load_config
run, _, _ = batch_kit.batch_run(load_config(Path(sys.argv[1])))
batch_kit.to_the_end(run)
"""


@pytest.mark.parametrize("provider", ["anthropic"])
def test_a_process_that_is_killed_when_a_batch_was_just_taken_leaves_it_to_be_found(
    server: BatchServer, tmp_path: Path
) -> None:
    config = asked(server, tmp_path)
    file = tmp_path / "run.yaml"
    file.write_text(config.model_dump_json())
    support = Path(batch_kit.__file__).parent
    paths = f"{support}:{support.parents[1]}"
    env = {**os.environ, "DSB_FAILPOINTS": "batch.accepted=kill", "PYTHONPATH": paths}
    ended = execute([sys.executable, "-c", CHILD, str(file)], env=env, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    _goes_on(server, config, Stage.SENDING)


def _goes_on(server: BatchServer, config: RunConfig, stage: Stage) -> None:
    run, folder, _ = batch_kit.batch_run(config)
    assert [batch.stage for batch in run.state.batches] == [stage]
    batch_kit.to_the_end(run)
    assert len({record.final for record in folder.records()}) == len(folder.records()) == 4
    assert (len(server.batches), set(server.paid.values())) == (1, {1})


@pytest.mark.parametrize("provider", ["anthropic"])
def test_while_it_is_unclear_whether_a_batch_was_taken_none_is_handed_in(
    server: BatchServer, tmp_path: Path
) -> None:
    server.lost, server.hold = 1, True
    run, _, said = batch_kit.batch_run(asked(server, tmp_path))
    run.submit()
    assert not run.collect()
    assert "until then none is handed in again" in said[-1]
    assert len(server.batches) == 1
    server.hold = False
    batch_kit.to_the_end(run)
    assert (len(server.batches), set(server.paid.values())) == (1, {1})


def test_a_cancelled_run_keeps_what_was_answered_and_goes_on_when_told(
    server: BatchServer, tmp_path: Path
) -> None:
    server.hold = True
    run, folder, _ = batch_kit.batch_run(asked(server, tmp_path))
    run.submit()
    assert run.cancel() == 1
    with pytest.raises(ConfigError, match="was cancelled: go on with `dsb batch resume"):
        run.submit()
    assert run.collect()
    assert not run.complete
    assert len(server.batches) == 1
    server.hold = False
    run.submit(again=True)
    batch_kit.to_the_end(run)
    # What was called off was no failure.
    assert [record.usage.retries for record in folder.records()] == [0] * 4
    assert set(server.paid.values()) == {1}


def test_what_is_called_off_elsewhere_is_not_handed_in_again_unasked(
    openai: BatchServer, tmp_path: Path
) -> None:
    openai.hold = True
    run, _, _ = batch_kit.batch_run(asked(openai, tmp_path))
    run.submit()
    openai.batches[0].cancelled = True
    assert run.collect()
    assert run.state.cancelled
    assert len(openai.batches) == 1


def test_a_clean_start_puts_the_earlier_run_aside_unless_it_is_under_way(
    openai: BatchServer, tmp_path: Path
) -> None:
    openai.hold = True
    config = asked(openai, tmp_path)
    run, folder, _ = batch_kit.batch_run(config)
    run.submit()
    with pytest.raises(ConfigError, match=r"1 batches of .* are under way, and paid"):
        begin(config, clean=True)
    openai.hold = False
    batch_kit.to_the_end(run)
    run, again, _ = batch_kit.batch_run(config, clean=True)
    batch_kit.to_the_end(run)
    assert len(openai.batches) == 2
    assert again.path == folder.path
    assert len((folder.path.with_name("it.1") / "records.jsonl").read_text().splitlines()) == 4


def test_a_folder_of_another_run_is_left_alone(openai: BatchServer, tmp_path: Path) -> None:
    config = asked(openai, tmp_path)
    place = tmp_path / "runs" / "it"
    batch_kit.bench_kit.run_folder(place, batch_kit.bench_kit.dataset(tmp_path, []), config=config)
    with pytest.raises(ConfigError, match="was not made by batch"):
        begin(config)


def test_requests_are_split_as_the_provider_takes_them(
    openai: BatchServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.vlm.providers.batch_openai.OpenAiBatches.most_requests", 3)
    run, folder, _ = batch_kit.batch_run(asked(openai, tmp_path, 7))
    batch_kit.to_the_end(run)
    assert [len(batch.ids) for batch in run.state.batches] == [3, 3, 1]
    assert len(folder.records()) == 7
