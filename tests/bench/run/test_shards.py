from __future__ import annotations

from pathlib import Path

import pytest
from bench_kit import both, dataset, quick, run_folder, sample
from hypothesis import given
from hypothesis import strategies as st

from bench.data import Dataset, Sample, load_dataset, save_dataset
from bench.run.config import RunConfig, load_config
from bench.run.folder import RunFolder
from bench.run.merge import merge, shard_folder
from bench.run.plan import plan
from bench.run.preparing import prepare, prepare_shard, whole_run
from bench.run.records import Play, Record, strip_timings
from bench.run.runall import planned
from bench.run.shards import Shard, assign, cost, parse_shard
from bench.scoring import score_run
from shared.errors import ConfigError, DataError


def _samples(videos: int, each: int = 2) -> list[Sample]:
    return [
        sample(f"{v}-{n}", video=f"v{v}.mp4", ask_s=5.5 + 7 * v + n, gold="ABCD"[(v + n) % 4])
        for n in range(each)
        for v in range(videos)
    ]


def _set(folder: Path, videos: int = 5) -> Dataset:
    save_dataset(dataset(folder / "set", _samples(videos)))
    return load_dataset(folder / "set")


def _config(folder: Path, **settings: str) -> RunConfig:
    basic = {"dataset.path": str(folder / "set"), "output.dir": str(folder / "runs"), "output.name": "all"}
    return load_config(None, {**basic, "stream.mode": "offline", **settings})


def _say(item: Sample) -> str:
    return "AB"[len(item.id) % 2]


def _play(config: RunConfig, shard: Shard) -> RunFolder:
    """Answer everything of a shard, as a run would."""
    prepared = prepare_shard(config, shard)
    with prepared.folder.writer() as writer:
        for play in prepared.left:
            attempt = writer.begin(play.number)
            stamp = Play(prepared.run, f"{prepared.run}_{play.number}_{attempt}", play.number, attempt)
            writer.write(*(_stamped(record, stamp) for record in both(play.samples, lambda s, w: _say(s))))
    folder = prepared.folder
    folder.write_manifest(folder.manifest().model_copy(update={"status": "complete"}))
    return folder


def _stamped(record: Record, play: Play) -> Record:
    return record.model_copy(update=play._asdict())


@quick
@given(st.integers(1, 12), st.data())
def test_every_play_is_in_one_shard_under_its_own_number(
    tmp_path_factory: pytest.TempPathFactory, videos: int, data: st.DataObject
) -> None:
    plays = plan(dataset(tmp_path_factory.getbasetemp(), _samples(videos)))
    of = data.draw(st.integers(1, videos))
    shares = assign(plays, of, "both")
    assert sorted(play.number for share in shares for play in share) == list(range(videos))
    assert all(play in plays for share in shares for play in share)
    assert all(shares)
    loads = [cost(share, "both").total for share in shares]
    dearest = max(cost([play], "both").total for play in plays)
    assert max(loads) <= sum(loads) / of + dearest


def test_more_shards_than_videos_are_refused(tmp_path: Path) -> None:
    _set(tmp_path, 2)
    with pytest.raises(ConfigError, match="3 shards of 2 videos"):
        whole_run(_config(tmp_path), 3)
    assert len(whole_run(_config(tmp_path), 3, adopt=True).shares) == 2


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2", "1/99999"])
def test_a_shard_that_can_not_be_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write k/N"):
        parse_shard(text)


def test_merged_shards_are_the_whole_run(tmp_path: Path) -> None:
    data = _set(tmp_path)
    config = _config(tmp_path)
    for number in (3, 1, 2):
        _play(config, Shard(number, 3))
    whole = RunFolder.open(tmp_path / "runs" / "all")
    merge(whole)
    records = [r for play in plan(data) for r in both(play.samples, lambda s, w: _say(s))]
    numbered = [r.model_copy(update={"play": int(r.sample[0])}) for r in records]
    plain = run_folder(tmp_path / "plain", data, numbered, config=config)
    key = lambda r: (r.sample, r.path)  # noqa: E731
    assert [strip_timings(r) for r in sorted(whole.iter_records(), key=key)] == [
        strip_timings(r) for r in sorted(plain.iter_records(), key=key)
    ]
    assert score_run(whole).scores == score_run(plain).scores
    assert whole.manifest().status == "complete"


def test_merging_again_gives_the_same_bytes(tmp_path: Path) -> None:
    _set(tmp_path)
    for number in (1, 2):
        _play(_config(tmp_path), Shard(number, 2))
    whole = RunFolder.open(tmp_path / "runs" / "all")
    names = ("manifest.json", "samples.json", "records.jsonl", "plays.jsonl")
    merge(whole)
    first = [(whole.path / name).read_bytes() for name in names]
    merge(whole)
    assert first == [(whole.path / name).read_bytes() for name in names]


def test_what_is_there_of_a_shard_is_not_played_again(tmp_path: Path) -> None:
    _set(tmp_path)
    config = _config(tmp_path)
    folder = _play(config, Shard(1, 2))
    lines = folder.records_path.read_bytes().splitlines(keepends=True)
    assert prepare_shard(config, Shard(1, 2)).left == []
    folder.records_path.write_bytes(b"".join(lines[:-1]))
    (lacking,) = prepare_shard(config, Shard(1, 2)).left
    assert f'"play":{lacking.number}' in lines[-1].decode()
    assert prepare(config, resume=folder).left == [lacking]


def test_an_incomplete_shard_is_not_merged(tmp_path: Path) -> None:
    _set(tmp_path)
    config = _config(tmp_path)
    _play(config, Shard(1, 2))
    whole = RunFolder.open(tmp_path / "runs" / "all")
    with pytest.raises(ConfigError, match="002-of-002 has not been run"):
        merge(whole)
    prepare_shard(config, Shard(2, 2))
    with pytest.raises(ConfigError, match="002-of-002 is running"):
        merge(whole)


def test_shards_of_other_settings_or_another_number_are_refused(tmp_path: Path) -> None:
    _set(tmp_path)
    prepare_shard(_config(tmp_path), Shard(1, 2))
    with pytest.raises(ConfigError, match=r"begun with 2 shards, not 3"):
        prepare_shard(_config(tmp_path), Shard(1, 3))
    with pytest.raises(ConfigError, match=r"system\.route was 'both' and is 'rule'"):
        prepare_shard(_config(tmp_path, **{"system.route": "rule"}), Shard(1, 2))
    other = _config(tmp_path, **{"output.name": "other"})
    foreign = _play(other, Shard(2, 2))
    _play(_config(tmp_path), Shard(1, 2))
    whole = RunFolder.open(tmp_path / "runs" / "all")
    place = shard_folder(whole.path, Shard(2, 2)).path
    foreign.path.rename(place)
    manifest = RunFolder.open(place).manifest()
    changed = manifest.model_copy(update={"data": manifest.data.model_copy(update={"whole": "0" * 16})})
    RunFolder(place).write_manifest(changed)
    with pytest.raises(ConfigError, match="a shard of another run"):
        merge(whole)


def test_without_a_name_the_same_run_is_found_again(tmp_path: Path) -> None:
    _set(tmp_path)
    config = _config(tmp_path, **{"output.name": ""})
    one, two = whole_run(config, 2), whole_run(config, 2)
    assert one.folder.path == two.folder.path
    assert one.folder.manifest().run == two.folder.manifest().run
    other = config.override({"system.route": "rule"})
    assert whole_run(other, 2).folder.path != one.folder.path


def test_planning_without_beginning_writes_nothing(tmp_path: Path) -> None:
    _set(tmp_path)
    items = planned(whole_run(_config(tmp_path), 2, begin=False))
    assert [(item.cost.videos, item.cost.answers) for item in items] == [(3, 12), (2, 8)]
    assert [item.left for item in items] == [item.cost for item in items]
    assert not (tmp_path / "runs").exists()


def test_a_sharded_run_is_not_resumed_as_a_plain_one(tmp_path: Path) -> None:
    _set(tmp_path)
    whole = whole_run(_config(tmp_path), 2)
    with pytest.raises(ConfigError, match="go on with the `dsb run-all`"):
        prepare(_config(tmp_path), resume=whole.folder)


def test_a_run_that_is_not_sharded_is_not_merged(tmp_path: Path) -> None:
    plain = run_folder(tmp_path / "plain", _set(tmp_path))
    with pytest.raises(DataError, match="was not run in shards"):
        merge(plain)
