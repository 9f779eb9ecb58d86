"""What more than one service counts: of each answer how it ended, how long each stage took, what it cost and what
caches saved; and the frames that gave way.

All count by the same rules, so that their figures can stand beside each other.
"""

from __future__ import annotations

from shared.messages import Answer, Usage
from shared.telemetry import counter, exemplar, histogram

__all__ = ["answered", "dropped", "stage"]

_ANSWERS = counter(
    "answers_total", "Answers by path and status; `duplicate`: another one was stored", "path", "status"
)
_SECONDS = histogram("answer_seconds", "From a question taken up to its answer published", "path")
_STAGES = histogram(
    "stage_seconds",
    "Stages of the work: perceive and prefill as frames come; queue, gather, retrieve, vision and model of an answer",
    "path",
    "stage",
)
_TOKENS = counter(
    "model_tokens_total",
    "Tokens by model: prompt (visual and reused ones included), visual, reused from a prefix, output",
    "path",
    "model",
    "kind",
)
_FRAMES = counter(
    "cache_frames_total",
    "Frames that answers needed: reused from the visual cache, encoded, encoded again after they were dropped",
    "path",
    "outcome",
)
_DROPPED = counter("frames_dropped_total", "Frames dropped, by who and why", "service", "reason")
_OF_ANSWER = ("queue", "gather", "retrieve", "vision", "model")


def stage(path: str, name: str, seconds: float, *, trace: str = "") -> None:
    """One stage of the work took so many seconds of wall clock."""
    _STAGES.labels(path, name).observe(seconds, exemplar(trace))


def answered(answer: Answer, *, stored: bool) -> None:
    """An answer was published; `stored` is false when another one stood there already."""
    path = str(answer.path)
    _ANSWERS.labels(path, str(answer.status) if stored else "duplicate").inc()
    timings = answer.timings
    if timings.total:
        _SECONDS.labels(path).observe(timings.total, exemplar(answer.trace))
    for name in _OF_ANSWER:
        if seconds := getattr(timings, name):
            stage(path, name, seconds, trace=answer.trace)
    if answer.draft is not None:
        _spent(path, answer.model, answer.draft.usage)


def dropped(service: str, reason: str, count: int = 1) -> None:
    """So many frames gave way."""
    _DROPPED.labels(service, reason).inc(count)


def _spent(path: str, model: str, usage: Usage) -> None:
    tokens = {
        "prompt": usage.prompt_tokens,
        "visual": usage.visual_tokens,
        "reused": usage.reused_tokens,
        "output": usage.output_tokens,
    }
    for kind, count in tokens.items():
        _TOKENS.labels(path, model, kind).inc(count)
    frames = {
        "reused": usage.frames_reused,
        "encoded": usage.frames_encoded - usage.frames_reencoded,
        "reencoded": usage.frames_reencoded,
    }
    for outcome, count in frames.items():
        _FRAMES.labels(path, outcome).inc(max(0, count))
