from __future__ import annotations

from pathlib import Path

import pytest
from bench_kit import answered, dataset, quick, run_folder, sample
from hypothesis import given
from hypothesis import strategies as st

from bench.run.folder import RunFolder
from bench.run.lines import ScoredLine, UsageLine, scored_lines
from bench.run.records import Play, Record
from shared.errors import DataError
from shared.messages import Draft, Timings, Usage


def _read(folder: Path, *records: Record) -> list[ScoredLine]:
    file = folder / "records.jsonl"
    file.write_bytes(b"".join(record.to_line() for record in records))
    return list(scored_lines(file))


@quick
@given(st.text(max_size=20), st.one_of(st.none(), st.sampled_from("ABCD")), st.floats(0, 1e6))
def test_a_line_says_what_the_whole_record_says(
    tmp_path_factory: pytest.TempPathFactory, raw: str, choice: str | None, latency_s: float
) -> None:
    usage = Usage(prompt_tokens=9, visual_tokens=4, frames_reused=1, reused_tokens=5, cache_bytes=80)
    draft = Draft(raw=raw, choice=choice, frames_ts=(1.0,), frames_idx=(1,), speak=True, usage=usage)
    record = answered(sample("a\nü"), "", draft=draft, latency_s=latency_s)
    (line,) = _read(tmp_path_factory.mktemp("lines"), record)
    names = [name for name in ScoredLine.__struct_fields__ if name not in ("stages", "usage")]
    assert {name: getattr(line, name) for name in names} == {name: getattr(record, name) for name in names}
    assert all(getattr(line.usage, name) == getattr(usage, name) for name in UsageLine.__struct_fields__)


def test_stages_that_took_no_time_are_left_out(tmp_path: Path) -> None:
    record = answered(sample("a"), "A").model_copy(update={"stages": Timings(model=0.5)})
    assert _read(tmp_path, record)[0].stages == {"model": 0.5}


def test_superseded_attempts_do_not_count_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    a, b = sample("a"), sample("b", video="v1.mp4")
    records = [
        answered(a, "A"),
        answered(b, "C", play=Play("r", "r_1_1", 1, 1)),
        answered(a, "B", play=Play("r", "r_0_2", 0, 2)),
    ]
    folder = run_folder(tmp_path / "run", dataset(tmp_path, [a, b]), records)
    with folder.records_path.open("ab") as file:
        file.write(records[0].to_line()[:-1])
    assert [(line.sample, line.choice) for line in folder.scored()] == [("b", "C"), ("a", "B")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "truncated"),
        (b"[]", "object"),
        (b'{"schema":"dsb.record/1"}', "play"),
        (answered(sample("a"), "A").to_line().replace(b'"path":"s1"', b'"path":"s3"')[:-1], "path"),
        (answered(sample("a"), "A").to_line().replace(b'"t_ask":10.5', b'"t_ask":NaN')[:-1], "JSON"),
        (b'{"play":0,"attempt":1,"sample":"\xff"}', "UTF-8|utf-8"),
    ],
)
def test_a_wrong_line_is_named_with_its_number(tmp_path: Path, line: bytes, said: str) -> None:
    folder = run_folder(tmp_path / "run", dataset(tmp_path, [sample("a")]), [answered(sample("a"), "A")])
    with folder.records_path.open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(DataError, match=rf"records\.jsonl:2: .*({said})"):
        list(RunFolder.open(folder.path).scored())
