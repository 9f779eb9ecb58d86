"""A trial that broke ends neither the search nor, by being kept, all searches after it; slots are a setting of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.load import Crowd, Kept, Limit, limits, max_streams
from shared.errors import TransportError

FOUND: dict[str, Any] = {
    "fps": 2.0,
    "frames_due": 96,
    "frames_encoded": 96,
    "frames_dropped": 0,
    "drop_share": 0.0,
    "asked": 9,
    "failed": 0,
    "latencies_p95_s": 0.1,
}


class Stack:
    """One that starts and stops and owns nothing."""

    def __init__(self, spec: object) -> None:
        self.running = False

    def start(self) -> Stack:
        self.running = True
        return self

    def stop(self) -> None:
        self.running = False


class Lab:
    """Plays trials; breaks the first ones."""

    def __init__(self, *, breaks: int) -> None:
        self.breaks = breaks
        self.tried: list[int] = []

    def trial(
        self, stack: Stack, folder: Path, crowd: Crowd, *, wanted: int, seconds: float
    ) -> dict[str, Any]:
        assert stack.running
        self.tried.append(wanted)
        if len(self.tried) <= self.breaks:
            raise TransportError("it did not start")
        return FOUND | {"streams": wanted}


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    made = Lab(breaks=1)
    monkeypatch.setattr(limits, "Stack", Stack)
    monkeypatch.setattr(limits, "owned", lambda stack: 0)
    monkeypatch.setattr(limits, "trial", made.trial)
    return made


def search(folder: Path, *, only: int | None = None, most: int = 8) -> dict[str, Any]:
    """A search of a process of its own."""
    kept = Kept(folder / "trials.jsonl", {})
    limit = Limit("latency", 0.5)
    return max_streams(
        folder, Crowd(), seconds=60, most=most, limit=limit, only=only, kept=kept, say=lambda _: None
    )


def test_a_broken_trial_makes_one_search_too_low_and_no_other(lab: Lab, tmp_path: Path) -> None:
    first = search(tmp_path)
    assert first["n_star"] < 8
    assert first["trials"][0] == {
        "fps": 2.0,
        "streams": 8,
        "broke": "it did not start",
        "why_not": "it did not start",
    }
    assert search(tmp_path)["n_star"] == 8


def test_a_trial_with_fewer_slots_is_another_trial(lab: Lab, tmp_path: Path) -> None:
    lab.breaks = 0
    search(tmp_path, only=8)
    search(tmp_path, only=8)
    assert lab.tried == [8]
    search(tmp_path, most=16)
    assert lab.tried.count(8) == 2
