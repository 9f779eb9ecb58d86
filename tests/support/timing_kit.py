"""What tests of staleness and of the virtual clock share: a question whose answer changes, and lines about it."""

from __future__ import annotations

from typing import Any

from bench_kit import OPTIONS
from scoring_kit import RULES

from bench.data.schema import AnswerSpec, Gold, Part, Sample, Stream, Turn
from bench.run.lines import SeenLine

BOTH = RULES._replace(owes=("s1", "s2"))


def changing(name: str = "q", *, ask_s: float = 10.0, until: float = 12.0, video: str = "v0.mp4") -> Sample:
    """A is right from the ask up to `until`, then B to the end of the video at 60 s."""
    gold = (Gold(from_s=ask_s, to_s=until, value="A"), Gold(from_s=until, to_s=60.0, value="B"))
    turn = Turn(question="What is it now?", ask_s=ask_s, answer=AnswerSpec(options=OPTIONS, gold=gold))
    stream = Stream(uri=video, duration_s=60.0)
    return Sample(id=name, part=Part.REALTIME, task="now", streams=(stream,), turns=(turn,))


def seen(sample: str = "q", raw: str = "A", *, path: str = "s1", **more: Any) -> SeenLine:
    """A final in capacity mode, asked at 10 s."""
    fixed = {"play": 0, "attempt": 1, "form": "mcq", "status": "ok", "t_ask": 10.0, "mode": "capacity"}
    return SeenLine(
        **{**fixed, "sample": sample, "turn": 0, "probe": 0, "raw": raw, "path": path, **more}  # type: ignore[arg-type]
    )
