"""Trials that are kept are not measured again, whenever their writer was killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.load import Kept
from shared.errors import DataError, TransportError

HERE = {"processor": "a laptop", "cores": 4, "code": {"revision": "one"}}


class Lab:
    """Counts what it measures."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> dict[str, Any]:
        self.count += 1
        return {"streams": self.count}


def test_a_trial_is_measured_once_and_found_by_the_next_process(tmp_path: Path) -> None:
    file, lab = tmp_path / "deep" / "trials.jsonl", Lab()
    assert Kept(file, HERE).once({"fps": 2.0}, lab) == {"streams": 1}
    assert Kept(file, HERE).once({"fps": 2.0}, lab) == {"streams": 1}
    assert Kept(file, HERE).once({"fps": 4.0}, lab) == {"streams": 2}


@pytest.mark.parametrize("other", [{"processor": "a server"}, {"code": {"revision": "two"}}])
def test_a_trial_of_another_machine_or_other_code_is_none_of_this_one(
    other: dict[str, Any], tmp_path: Path
) -> None:
    file, lab = tmp_path / "trials.jsonl", Lab()
    Kept(file, HERE).once({"fps": 2.0}, lab)
    assert Kept(file, HERE | other).once({"fps": 2.0}, lab) == {"streams": 2}


def test_a_trial_that_broke_is_measured_again(tmp_path: Path) -> None:
    def breaks() -> dict[str, Any]:
        raise TransportError("nothing in time")

    file, lab = tmp_path / "trials.jsonl", Lab()
    for kept in (first := Kept(file, HERE), first, Kept(file, HERE)):
        with pytest.raises(TransportError):
            kept.once({"fps": 2.0}, breaks)
    assert Kept(file, HERE).once({"fps": 2.0}, lab) == {"streams": 1}


def test_a_torn_last_line_is_measured_again_and_the_file_is_whole_afterwards(tmp_path: Path) -> None:
    file, lab = tmp_path / "trials.jsonl", Lab()
    kept = Kept(file, HERE)
    kept.once({"fps": 1.0}, lab)
    kept.once({"fps": 2.0}, lab)
    file.write_text(file.read_text()[:-9])
    assert Kept(file, HERE).once({"fps": 2.0}, lab) == {"streams": 3}
    again = Kept(file, HERE)
    assert again.once({"fps": 1.0}, lab) == {"streams": 1}
    assert again.once({"fps": 2.0}, lab) == {"streams": 3}
    assert lab.count == 3


def test_a_file_of_something_else_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "trials.jsonl"
    file.write_text("hello\nworld\n")
    with pytest.raises(DataError, match=r"trials\.jsonl, line 1: no trial"):
        Kept(file, HERE)


def test_without_a_file_nothing_is_written_but_a_trial_is_still_measured_once() -> None:
    kept, lab = Kept(None, HERE), Lab()
    assert kept.once({"fps": 2.0}, lab) is kept.once({"fps": 2.0}, lab)
