from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from native_kit import back, bring, choice, crr, entry, ovo, rtv
from typer.testing import CliRunner
from video_files import encode

from bench.cli import main
from bench.cli.app import app
from bench.data import load_dataset
from bench.data.errata import load_errata
from bench.data.importers import import_set, importer_names
from bench.data.lint import CODES
from shared.errors import ConfigError, DataError


def write_video(path: Path, *, seconds: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    encode(path, count=10 * seconds, fps=10)


def known_mistake(**more: Any) -> dict[str, Any]:
    """The entry whose time stamp lacks a colon, in other words."""
    return entry(choice("00:12450", **more), video="sample_132_real", time="[0:12:00 - 0:13:00]")


def test_a_known_mistake_is_mended_and_the_sample_says_so(tmp_path: Path) -> None:
    imported = bring(tmp_path, "streamingbench", [known_mistake()], name="questions_real.json")
    sample = imported.samples[0]
    assert sample.turns[0].ask_s == 765.0
    told = {issue.code: issue.text for issue in sample.issues}
    assert "a colon is missing" in told["erratum"]
    assert "ts_unparseable" in told
    assert sample.source.native["question"]["time_stamp"] == "00:12450"
    assert back(tmp_path) == [known_mistake()]


def test_without_errata_a_known_mistake_stays_and_is_noted(tmp_path: Path) -> None:
    imported = bring(tmp_path, "streamingbench", [known_mistake()], errata=False)
    assert imported.samples[0].turns[0].ask_s == 12450.0
    assert imported.codes() == {"ts_unparseable", "interval_mismatch"}
    assert load_dataset(tmp_path / "out").errata == ""


def test_the_errata_version_stands_in_the_head_of_the_set(tmp_path: Path) -> None:
    bring(tmp_path, "streamingbench", [entry(choice())])
    version = load_errata("streamingbench").version
    assert version.startswith("streamingbench-1+")
    assert load_dataset(tmp_path / "out").errata == version
    assert json.loads((tmp_path / "out/import.json").read_text())["errata"] == version


@pytest.mark.parametrize(
    ("video", "stamp", "interval", "ask_s"),
    [
        ("sample_32_Anomaly_Context_Understanding", "05:11:00", "[0:05:00 - 0:06:10]", 311),
        ("sample_32_Anomaly_Context_Understanding", "00:21:00", "[0:00:00 - 0:01:00]", 21),
        ("sample_41_Scene_Understanding_26-50", "00:06:22", "[0:06:00 - 0:07:00]", 262),
        ("sample_32_Anomaly_Context_Understanding", "00:21:00", "[0:20:00 - 0:22:00]", 1260),
        ("sample_33_Anomaly_Context_Understanding", "05:11:00", "[0:05:00 - 0:06:10]", 18660),
    ],
)
def test_errata_match_by_what_the_record_holds(
    tmp_path: Path, video: str, stamp: str, interval: str, ask_s: float
) -> None:
    record = entry(choice(stamp, task_type="Anomaly Context Understanding"), video=video, time=interval)
    assert bring(tmp_path, "streamingbench", [record]).samples[0].turns[0].ask_s == ask_s


def test_every_erratum_has_a_reason_and_an_id_of_its_own() -> None:
    items = load_errata("streamingbench").items
    assert len({item.id for item in items}) == len(items) == 4
    assert all(item.reason and item.to != item.expected for item in items)


def test_videos_are_found_by_the_end_of_their_path_and_tell_their_length(tmp_path: Path) -> None:
    videos = tmp_path / "somewhere"
    write_video(videos / "deep/kites/a.mp4", seconds=2)
    write_video(videos / "other/a.mp4", seconds=1)
    records = [ovo(realtime=1.5), ovo(number=8, video="gone/b.mp4"), ovo(number=9, realtime=9)]
    imported = bring(tmp_path, "ovo-bench", records, videos=videos)
    sample = imported.samples[0]
    assert sample.uri == "deep/kites/a.mp4"
    assert sample.streams[0].duration_s == pytest.approx(2, abs=0.1)
    assert Path(load_dataset(tmp_path / "out").uri(sample)) == videos / "deep/kites/a.mp4"
    assert [imported.codes(n) for n in range(3)] == [set(), {"video_missing"}, {"ts_out_of_video"}]


def test_the_coverage_tells_what_is_missing_unreadable_or_guessed(tmp_path: Path) -> None:
    videos = tmp_path / "v"
    write_video(videos / "a.mkv", seconds=1)
    (videos / "broken.mp4").write_bytes(b"no video")
    records = [ovo(number=n, video=video) for n, video in enumerate(("a.mp4", "broken.mp4", "gone.mp4"))]
    coverage = bring(tmp_path, "ovo-bench", records, videos=videos).made.coverage
    assert coverage is not None
    assert (coverage.videos, coverage.found) == (3, 2)
    assert (coverage.missing, coverage.unreadable, coverage.guessed) == (
        ("gone.mp4",),
        ("broken.mp4",),
        ("a.mp4",),
    )
    assert json.loads((tmp_path / "out/coverage.json").read_text())["missing"] == ["gone.mp4"]
    assert back(tmp_path) == records


def test_the_hash_of_a_set_does_not_depend_on_where_the_videos_are(tmp_path: Path) -> None:
    hashes = []
    for place in ("one/v", "two/deep/v"):
        write_video(tmp_path / place / "kites/a.mp4", seconds=1)
        folder = tmp_path / place.replace("/", "_")
        hashes.append(
            bring(folder, "ovo-bench", [ovo()], videos=tmp_path / place, hashed=True).made.written.hash
        )
    assert hashes[0] == hashes[1]


def test_a_task_without_times_is_asked_at_the_end_of_its_video(tmp_path: Path) -> None:
    write_video(tmp_path / "v/m.mp4", seconds=2)
    record = {"video": "m.mp4", "question": "What next?", "answer": "a", "vocab": ["a", "b"]}
    sample = bring(tmp_path, "omnimmi", [record], videos=tmp_path / "v").samples[0]
    assert sample.turns[0].ask_s == sample.streams[0].duration_s == pytest.approx(2, abs=0.1)
    assert sample.issues[0].code == "ts_unknown"


def test_an_import_again_leaves_no_report_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    bring(tmp_path, "ovo-bench", [ovo(), ovo(number=8, gt="x")], keep_going=True, videos=tmp_path / "v")
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"all.json", "import.json", "rejects.json", "coverage.json"}
    bring(tmp_path, "ovo-bench", [ovo()])
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"all.json", "import.json"}


def test_a_failed_import_leaves_the_set_of_the_one_before(tmp_path: Path) -> None:
    bring(tmp_path, "ovo-bench", [ovo()])
    before = (tmp_path / "out/all.json").read_bytes()
    with pytest.raises(DataError):
        bring(tmp_path, "ovo-bench", [ovo(gt="x")])
    assert (tmp_path / "out/all.json").read_bytes() == before


def test_an_entry_without_questions_is_kept_aside_and_does_not_stop_the_import(tmp_path: Path) -> None:
    value = [entry(), entry(choice())]
    imported = bring(tmp_path, "streamingbench", value)
    assert [(reject.pointer, reject.harmless) for reject in imported.made.rejects] == [("/0", True)]
    assert back(tmp_path) == value


def test_one_bad_question_of_an_entry_leaves_the_others(tmp_path: Path) -> None:
    value = [entry(choice(), {"task_type": "x"}, choice("00:03:12")), entry(choice("00:03:13"))]
    imported = bring(tmp_path, "streamingbench", value, keep_going=True)
    assert [sample.source.pointer for sample in imported.samples] == [
        "/0/questions/0",
        "/0/questions/2",
        "/1/questions/0",
    ]
    assert back(tmp_path) == value


def test_the_same_file_twice_is_told_apart_by_folder_or_refused(tmp_path: Path) -> None:
    for name in ("EGO", "TV"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.json").write_text(json.dumps([rtv(video=name)]))
    files = [tmp_path / "EGO/a.json", tmp_path / "TV/a.json"]
    assert import_set("rtv-bench", files, tmp_path / "out").written.samples == 2
    (tmp_path / "TV/a.json").write_bytes((tmp_path / "EGO/a.json").read_bytes())
    with pytest.raises(DataError, match=r"sample .* is there twice; give each file once"):
        import_set("rtv-bench", files, tmp_path / "out")
    with pytest.raises(DataError, match=r"EGO/a\.json: is given twice; give .* each once"):
        import_set("rtv-bench", [files[0], files[0]], tmp_path / "out")


THIRD_PARTY = """
import json
from bench.data.importers import Kept, NativeFile
from bench.data.schema import AnswerSpec, Gold, Part, Sample, Source, Stream, Turn

class Riddles:
    name = "riddles"

    def read(self, files):
        for file in files:
            for line, text in enumerate(file.path.read_text().splitlines()):
                question, answer = text.split("|")
                turn = Turn(question=question, ask_s=1, answer=AnswerSpec(form="text", gold=(Gold(text=answer),)))
                source = Source(bench="riddles", file=file.name, pointer=f"/{line}", native=text)
                yield Sample(id=f"riddles/{line}", part=Part.REASONING, streams=(Stream(uri="x.mp4"),),
                             turns=(turn,), source=source)

    def rebuild(self, kept):
        return {"lines": [item.native for item in sorted(kept, key=lambda item: int(item.pointer[1:]))]}
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with a package that brings importers."""
    site = tmp_path / "site"
    info = site / "riddles-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "riddles_importer.py").write_text(THIRD_PARTY)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: riddles\nVersion: 1.0\n")
    points = "riddles = riddles_importer:Riddles\nbad = riddles_importer:Nothing\nodd = builtins:dict\n"
    (info / "entry_points.txt").write_text(f"[dualstreambench.importers]\n{points}")
    monkeypatch.syspath_prepend(str(site))
    yield site
    sys.modules.pop("riddles_importer", None)


def test_an_importer_of_another_package_joins_by_its_entry_point(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("What flies?|a kite\nWhat falls?|rain")
    assert "riddles" in importer_names()
    made = import_set("riddles", [tmp_path / "a.txt"], tmp_path / "out")
    assert made.written.samples == 2
    assert back(tmp_path) == {"lines": ["What flies?|a kite", "What falls?|rain"]}


@pytest.mark.parametrize(
    ("name", "said"),
    [("bad", "can't be loaded: AttributeError"), ("odd", "has no `name`, `read` and `rebuild`")],
)
def test_an_importer_that_is_none_is_told_in_one_line(
    installed: Path, tmp_path: Path, name: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        import_set(name, [tmp_path], tmp_path / "out")


def dsb(*args: object) -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_commands_import_lint_and_export(tmp_path: Path) -> None:
    file, out = tmp_path / "ovo.json", tmp_path / "out"
    file.write_text(json.dumps([ovo(), crr(), ovo(number=8)]))
    text = dsb("data", "import", "ovo-bench", "--annotations", file, "--out", out)
    assert "3 questions in 3 samples about 1 videos" in text
    assert "1 clue, 2 realtime" in text
    assert "1  duplicate: the same question is asked twice" in text
    text = dsb("data", "lint", out, "--code", "duplicate")
    assert text.count("duplicate: /turns: the same as") == 1
    lines = dsb("data", "lint", out, "--json").splitlines()
    assert [json.loads(line)["code"] for line in lines] == ["duplicate"]
    text = dsb("data", "export", "--native", out, "--out", tmp_path / "back.json")
    assert "3 records, the values that were imported" in text
    assert json.loads((tmp_path / "back.json").read_text()) == json.loads(file.read_text())


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ["import", "no-bench", "--annotations", "a", "--out", "o"],
            "no importer 'no-bench'; there are cg-bench",
        ),
        (["import", "ovo-bench", "--annotations", "none.json", "--out", "o"], "none.json: no such file"),
        (["import", "ovo-bench", "--annotations", ".", "--out", "o"], "holds no JSON file"),
        (["import", "ovo-bench", "--annotations", "a", "--out", "a"], "a: is a file; give a folder as --out"),
        (["import", "ovo-bench", "--annotations", "a", "--out", "o"], "a: not JSON"),
        (["import", "ovo-bench", "--annotations", "a", "--videos", "v", "--out", "o"], "v: no such folder"),
        (["export", "--native", "none", "--out", "o"], "none: no such file"),
        (["lint", "none"], "none: no such file"),
    ],
)
def test_wrong_arguments_are_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").write_text("{")
    monkeypatch.setattr(sys, "argv", ["dsb", "data", *args])
    assert main() == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line


def test_every_issue_code_is_explained() -> None:
    assert all(text and text[0].islower() for text in CODES.values())
