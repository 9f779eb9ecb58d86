from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest
from bench_kit import answered, dataset, run_folder, sample

from bench.run.check import check_folder
from bench.run.config import RunConfig, config_of, load_config
from bench.scoring import score_run
from shared.errors import ConfigError
from shared.messages import Mode


def _load(tmp_path: Path, text: str) -> RunConfig:
    file = tmp_path / "run.yaml"
    file.write_text(text)
    return load_config(file)


def test_an_empty_file_is_a_run_of_the_defaults(tmp_path: Path) -> None:
    assert _load(tmp_path, "") == RunConfig()
    assert _load(tmp_path, "# nothing yet\nsystem:\n") == RunConfig()


def test_what_is_left_out_keeps_the_default_of_its_place(tmp_path: Path) -> None:
    config = _load(tmp_path, "system: {s2: {frames: 9}}\nmodel: {s2: {dtype: float16}}\n")
    assert (config.system.s2.frames, config.system.s2.stride) == (9, 5)
    assert (config.model.s2.path, config.model.s2.dtype) == ("tiny-s2", "float16")


def test_the_profile_is_what_workers_play_by(tmp_path: Path) -> None:
    text = "memory: {enabled: false, every_s: 2, k: 3}\nstream: {mode: live}\nvideo: {fps: 2}\nsystem: {s1: {hop: 1}}"
    profile = _load(tmp_path, text).profile()
    assert profile.mode is Mode.LIVE
    assert (profile.notes.enabled, profile.notes.every_s, profile.recall.k) == (False, 2, 3)
    assert (profile.video.fps, profile.s1.hop, profile.s2.stride) == (2, 1, 5)


def test_offline_plays_by_the_profile_of_capacity_mode() -> None:
    assert load_config(None, {"stream.mode": "offline"}).profile() == load_config(None).profile()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("system:\n  rout: both\n", "run.yaml:2: system.rout is not a setting; did you mean system.route?"),
        ("mode: live\n", "run.yaml:1: mode is not a setting; did you mean memory.mode or stream.mode?"),
        (
            "stream:\n  seed: 1\n  zzz: 1\n",
            "run.yaml:3: stream.zzz is not a setting; known here: mode, concurrency",
        ),
        (
            "system:\n\n  route: rle\n",
            "run.yaml:3: system.route is 'rle': no routing policy 'rle': did you mean 'rule'?",
        ),
        ("video:\n  fps: 0\n", "run.yaml:2: video.fps is '0'"),
        ("video: {fps: .nan}\n", "run.yaml:1: video.fps"),
        ("stream:\n  mode: lve\n", "run.yaml:2: stream.mode is 'lve'"),
        ("video: 3\n", "run.yaml:1: video is '3'"),
        ("video:\n  fps: 1\n  fps: 2\n", "run.yaml:3: video.fps stands twice, first on line 2"),
        ("video: [\n", "not YAML"),
        ("- a\n", "holds a list, not a map"),
        ("dataset: {parts: [realtme]}\n", "run.yaml:1: dataset.parts.0 is 'realtme'"),
        ("model: {s1: {pth: x}}\n", "model.s1.pth is not a setting; did you mean model.s1.path?"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "no.yaml")


def test_overrides_by_dotted_key_win_and_none_changes_nothing() -> None:
    config = load_config(None, {"stream.mode": "live", "dataset.parts": ["reasoning"], "stream.seed": None})
    assert (config.stream.mode, config.dataset.parts, config.stream.seed) == ("live", ("reasoning",), 0)
    with pytest.raises(ConfigError, match=r"did you mean stream\.mode\?"):
        load_config(None, {"stream.mod": "live"})


def test_secrets_are_masked_in_the_manifest_settings() -> None:
    store = "https://me:hunter2@host:6333/x?api_key=hunter2&a=b"
    config = load_config(None, {"memory.store": store})
    assert "hunter2" not in json.dumps(config.masked())
    assert config.masked()["memory"]["store"] == "https://***@host:6333/x?api_key=***&a=b"


def test_a_refused_setting_is_quoted_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="base_url") as caught:
        load_config(None, {"model.s1": {"base_url": "http://me:hunter2@host"}})
    assert "hunter2" not in str(caught.value)


def test_masked_settings_can_be_read_again() -> None:
    config = load_config(None, {"system.route": "rule", "video.width": 128})
    assert config_of(json.loads(json.dumps(config.masked()))) == config


def test_how_many_streams_at_once_does_not_change_what_a_run_is() -> None:
    assert load_config(None, {"stream.concurrency": 1}).identity() == load_config(None).identity()
    assert load_config(None, {"video.fps": 2}).identity() != load_config(None).identity()


def test_what_changes_no_bit_of_an_answer_may_be_another_when_a_run_goes_on() -> None:
    plain = load_config(None)
    kept = {"enabled": False, "max_frames": 9, "ahead": "both"}
    for key, value in kept.items():
        changed = plain.override({f"system.streaming_embed_cache.{key}": value})
        assert changed.identity() == plain.identity()
        assert getattr(changed.profile().cache, key) == value
    for key, rounds in {"kv_reuse": False, "prefill_stride": 3}.items():
        assert plain.override({f"system.streaming_embed_cache.{key}": rounds}).identity() != plain.identity()


def test_a_run_is_not_gone_on_with_by_a_policy_file_that_was_changed(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    marks = []
    for default in ("s1", "s2", "s1"):
        rules.write_text(f'default = "{default}"\n')
        marks.append(load_config(None, {"system.route": f"rule:{rules}"}).identity()["system"]["route_file"])
    assert marks[0] == marks[2] != marks[1]
    assert "route_file" not in load_config(None).identity()["system"]


def test_a_run_is_scored_and_checked_where_the_file_of_its_policy_is_not(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_bytes((resources.files("shared.routing") / "rules.toml").read_bytes())
    route = {"system.route": f"rule:{file}"}
    item = sample("a")
    data = dataset(tmp_path, [item])
    folder = run_folder(tmp_path / "run", data, [answered(item, "A")], config=load_config(None, route))
    there = score_run(folder, write=False)
    file.rename(tmp_path / "elsewhere.toml")
    assert score_run(folder, write=False) == there
    assert check_folder(folder).audit.records == 1
    with pytest.raises(ConfigError, match="is not there"):
        load_config(None, route)
