from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench_kit import answered, dataset, run_folder, sample

from bench.run.config import load_config
from bench.run.folder import RunFolder
from bench.run.manifest import check_resume, make_manifest
from shared.errors import ConfigError, DataError

A, B = sample("a"), sample("b")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return run_folder(tmp_path / "run", dataset(tmp_path, [A, B]), [answered(A, "A"), answered(B, "B")])


def test_records_are_read_as_they_were_written(folder: RunFolder) -> None:
    assert folder.records() == [answered(A, "A"), answered(B, "B")]
    assert folder.dataset().hash == folder.manifest().data.hash


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_torn_last_line_is_passed_over_and_cut_off_by_the_next_writer(folder: RunFolder, kept: int) -> None:
    whole = folder.records_path.read_bytes()
    torn = answered(A, "C").to_line()[:kept]
    folder.records_path.write_bytes(whole + torn)
    assert len(folder.records()) == 2
    with folder.writer() as writer:
        writer.write(answered(A, "D"))
    assert folder.records_path.read_bytes() == whole + answered(A, "D").to_line()


def test_a_line_that_is_whole_and_wrong_is_named(folder: RunFolder) -> None:
    body = folder.records_path.read_bytes()
    folder.records_path.write_bytes(b'{"schema":"dsb.record/1"}\n' + body)
    with pytest.raises(DataError, match=r"records\.jsonl:1: /run: .*--resume"):
        folder.records()


def test_a_second_writer_gets_one_clear_line_and_may_write_afterwards(folder: RunFolder) -> None:
    with folder.writer(), pytest.raises(ConfigError, match=rf"another process \(pid {os.getpid()}\)"):
        folder.writer()
    folder.writer().close()


def test_a_run_that_has_no_record_yet_is_not_made_anew_by_another(folder: RunFolder) -> None:
    folder.records_path.unlink()
    manifest, dataset = folder.manifest(), folder.dataset()
    with folder.writer(), pytest.raises(ConfigError, match="another process"):
        RunFolder.create(folder.path, manifest.model_copy(update={"run": "other"}), dataset)
    assert folder.manifest() == manifest


def test_a_killed_writer_leaves_the_folder_free_and_its_records_whole(folder: RunFolder) -> None:
    code = f"""
        import os, signal
        from bench_kit import answered, sample
        from bench.run.folder import RunFolder
        writer = RunFolder.open({str(folder.path)!r}).writer()
        writer.write(answered(sample("a"), "D"))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = _python(code)
    assert done.returncode == -9
    assert folder.records()[-1].choice == "D"
    folder.writer().close()


def test_an_attempt_is_never_given_twice_even_if_nothing_was_recorded(folder: RunFolder) -> None:
    with folder.writer() as writer:
        assert [writer.begin(0), writer.begin(0), writer.begin(1)] == [1, 2, 1]
    with folder.writer() as writer:
        assert [writer.begin(0), writer.begin(1), writer.begin(2)] == [3, 2, 1]
    assert folder.attempts() == {0: 3, 1: 2, 2: 1}


def test_a_full_disk_loses_nothing_and_is_told_in_one_line(folder: RunFolder) -> None:
    before = folder.records_path.stat().st_size
    code = f"""
        import resource
        from bench_kit import answered, sample
        from bench.run.folder import RunFolder
        from shared.errors import DataError
        writer = RunFolder.open({str(folder.path)!r}).writer()
        line = len(answered(sample("a"), "C").to_line())
        limit = {before} + line + 20
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        writer.write(answered(sample("a"), "C"))
        try:
            writer.write(answered(sample("a"), "D"))
        except DataError as error:
            print(error)
    """
    done = _python(code)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert "records.jsonl: can't be written" in line
    assert "the 3 lines written before are safe; free some space, then go on with --resume" in line
    assert [record.choice for record in folder.records()] == ["A", "B", "C"]
    assert folder.records_path.read_bytes().endswith(b"\n")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if sys.platform != "linux" or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root on Linux only")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_on_a_disk_that_fills_up_every_record_acknowledged_is_kept(small_disk: Path, tmp_path: Path) -> None:
    folder = run_folder(small_disk / "run", dataset(tmp_path, [A, B]))
    acknowledged: list[int] = []

    def fill() -> None:
        for number in range(10_000):
            writer.write(answered(A, "A"))
            acknowledged.append(number)

    with folder.writer() as writer:
        with pytest.raises(DataError, match=r"No space left on device; .*free some space"):
            fill()
        assert len(folder.records()) == len(acknowledged)
        (folder.path / "samples.json").unlink()
        writer.write(answered(A, "B"))
    assert len(folder.records()) == len(acknowledged) + 1


def test_a_folder_with_records_is_not_begun_anew(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"already holds a run: go on with `dsb run --resume"):
        run_folder(folder.path, dataset(tmp_path, [A]))
    assert len(folder.records()) == 2


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no run folder"):
        RunFolder.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"can't be written: .*choose an output\.dir"):
        run_folder(tmp_path / "file" / "run", dataset(tmp_path, [A]))


def test_a_manifest_says_what_the_scores_depend_on(folder: RunFolder) -> None:
    manifest = folder.manifest()
    assert manifest.settings["video"]["fps"] == 1.0
    assert (manifest.data.samples, manifest.data.videos) == (2, 1)
    assert manifest.hardware["cores"] == os.cpu_count()
    assert "pydantic" in manifest.packages
    assert "version" in manifest.code


def test_resume_refuses_other_data_and_other_settings_by_name(folder: RunFolder, tmp_path: Path) -> None:
    config = load_config(None)
    same = dataset(tmp_path, [A, B])
    check_resume(folder.manifest(), config, same)
    check_resume(folder.manifest(), config.override({"stream.concurrency": 9}), same)
    with pytest.raises(ConfigError, match="data hash"):
        check_resume(folder.manifest(), config, dataset(tmp_path, [A]))
    with pytest.raises(ConfigError, match=r"system\.s2\.frames was 6 and is 8"):
        check_resume(folder.manifest(), config.override({"system.s2.frames": 8}), same)


def test_a_broken_manifest_is_told(folder: RunFolder) -> None:
    (folder.path / "manifest.json").write_text('{"run": 3}')
    with pytest.raises(DataError, match=r"manifest\.json: /run"):
        folder.manifest()


def test_a_manifest_is_replaced_whole(folder: RunFolder, tmp_path: Path) -> None:
    manifest = make_manifest(load_config(None), dataset(tmp_path, [A, B]), run="r", codec="simplejpeg")
    folder.write_manifest(manifest)
    assert folder.manifest() == manifest
    assert not list(folder.path.glob(".manifest*"))


def _python(code: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[3]
    env = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests' / 'support'}"}
    words = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(words, capture_output=True, text=True, env=env, check=False)
