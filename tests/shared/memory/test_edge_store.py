"""What only the store in process has: a folder, its lock, and what a kill leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from memory_kit import HashEncoder, note
from structlog.testing import capture_logs

from shared.errors import ConfigError, StoreError
from shared.memory import Memory, open_store
from shared.memory.edge import EdgeStore
from shared.messages import Search

KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
from memory_kit import HashEncoder, note
from shared.memory import Memory, open_store
memory = Memory(HashEncoder(), open_store("edge:" + sys.argv[1], collection="c", dim=24))
memory.upsert([note(i) for i in range(50)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def opened(folder: Path) -> Memory:
    return Memory(HashEncoder(), open_store(f"edge:{folder}", collection="c", dim=24))


def test_acknowledged_notes_survive_a_kill(tmp_path: Path) -> None:
    end = subprocess.run([sys.executable, "-c", KILLED.format(path=sys.path), str(tmp_path)], check=False)
    assert end.returncode == -signal.SIGKILL
    with opened(tmp_path) as memory:
        assert memory.count() == 50
        memory.upsert([note(0), note(50)])
        assert memory.count() == 51


def test_notes_are_there_after_closing_and_opening_again(tmp_path: Path) -> None:
    for i in range(3):
        with opened(tmp_path) as memory:
            memory.upsert([note(i)])
            assert memory.count() == i + 1


def test_a_second_holder_is_refused_in_one_line_that_names_the_first(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(StoreError, match=f"held by process {os.getpid()}") as caught:
        opened(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_empty_path_is_a_temporary_folder_that_goes_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = EdgeStore("", collection="c", dim=24)
    assert len(list(tmp_path.iterdir())) == 1
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="choose a folder"):
        opened(tmp_path / "file" / "folder")


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    memory = opened(tmp_path)
    memory.close()
    with pytest.raises(StoreError, match="is closed"):
        memory.count()


def test_vectors_of_another_size_are_refused_and_the_folder_is_let_go(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with pytest.raises(StoreError, match="can't be opened"):
        open_store(f"edge:{tmp_path}", collection="c", dim=25)
    opened(tmp_path).close()


def test_an_unknown_url_is_refused_with_what_is_known() -> None:
    with pytest.raises(ConfigError, match="edge:<path>"):
        open_store("redis://localhost", collection="c", dim=24)


def churned(memory: Memory, rounds: int, *, start: int = 0) -> None:
    """Store 1,000 notes of another run and forget them, `rounds` times."""
    for i in range(start, start + rounds):
        memory.upsert([note(1000 * i + j, run="gone") for j in range(1000)])
        assert memory.delete(run="gone") == 1000


def room(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def test_room_of_removed_notes_is_given_back_and_the_others_stay(tmp_path: Path) -> None:
    kept = [note(i, f"a {colour} circle", run="kept") for i, colour in enumerate(("red", "blue", "green"))]
    search = Search(opening=kept[0].opening, text="a blue circle", t_max=1e6, k=3, recent=2)
    with opened(tmp_path) as memory:
        memory.upsert(kept)
        before = memory.search(search)
        churned(memory, 2, start=1)
        small = room(tmp_path)
        churned(memory, 8, start=3)
        assert room(tmp_path) <= 1.2 * small
        assert memory.runs() == {"kept": 3}
        assert memory.search(search).hits == before.hits
    with opened(tmp_path) as memory:
        assert memory.runs() == {"kept": 3}


@pytest.mark.parametrize("now", ["c", "c.2"])
def test_a_kill_while_the_store_is_written_anew_loses_nothing(tmp_path: Path, now: str) -> None:
    other = {"c": "c.2", "c.2": "c"}[now]
    for folder, notes in ((now, range(5)), (other, range(100, 103))):
        with opened(tmp_path / "made") as memory:
            memory.upsert([note(i) for i in notes])
        (tmp_path / "made" / "c").rename(tmp_path / folder)
    if now != "c":
        (tmp_path / "c.now").write_text(now)
    with opened(tmp_path) as memory:
        assert memory.count() == 5
    assert not (tmp_path / other).exists()


def test_a_store_that_was_written_anew_is_the_one_that_is_opened_again(tmp_path: Path) -> None:
    with opened(tmp_path) as memory:
        memory.upsert([note(0, run="kept")])
    for i in range(1, 4):
        with opened(tmp_path) as memory:
            churned(memory, 1, start=i)
            memory.upsert([note(10_000 + i, run="kept")])
        with opened(tmp_path) as memory:
            assert memory.runs() == {"kept": 1 + i}
        assert sorted(path.name for path in tmp_path.iterdir()) in (
            ["c", "c.now", "lock"],
            ["c.2", "c.now", "lock"],
        )


def test_a_store_that_cannot_be_written_anew_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("shared.memory.edge._copied", full)
    with opened(tmp_path) as memory:
        memory.upsert([note(0, run="kept")])
        with capture_logs() as logs:
            churned(memory, 1, start=1)
        assert len(logs) == 1
        assert "no space left on device" in logs[0]["error"]
        memory.upsert([note(1, run="kept")])
        assert memory.count(run="kept") == memory.count() == 2
