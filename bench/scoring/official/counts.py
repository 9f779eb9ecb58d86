"""Two formulas that stand alone: mean relative accuracy of counts, and StreamingEval's composite."""

from __future__ import annotations

import math

from shared.errors import ConfigError

__all__ = ["mra", "streaming_score"]

_THETAS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


def mra(predicted: float | None, gold: float) -> float:
    """Mean relative accuracy: the share of θ in .50, .55 … .95 for which |p − g| / |g| ≤ 1 − θ.

    Source: VSI-Bench (arXiv 2412.14171), used for streaming counts by VSI-Super. At g = 0 it is 1 for p = 0 and
    else 0. What could not be read (null, NaN) is 0. The comparison allows for rounding of the decimals.
    """
    if predicted is None or not math.isfinite(predicted):
        return 0.0
    if gold == 0:
        return float(predicted == 0)
    error = abs(predicted - gold) / abs(gold)
    return sum(error <= 1 - theta + 1e-9 for theta in _THETAS) / len(_THETAS)


def streaming_score(
    *,
    max_fps: float,
    accuracy: float,
    ttft_s: float,
    memory_gb: float,
    params_b: float,
    weights: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25),
) -> float:
    """StreamingScore = MaxFPS^wf · Acc^wa / (TTFT^wt · (Mem · ln Params)^wr), by default its fourth root.

    Source: StreamingEval (arXiv 2603.21493, `explanation/metrics.md`). `accuracy` is a fraction, times are seconds,
    memory is in GB, parameters in billions. Raises `ConfigError` up to one billion: the logarithm is not positive.
    """
    if params_b <= 1:
        raise ConfigError(
            f"StreamingScore of a model of {params_b:g} billion parameters: it is undefined up to 1 billion; "
            "compare accuracy, latency and memory instead"
        )
    if not 0 <= accuracy <= 1 or min(max_fps, ttft_s, memory_gb) <= 0:
        given = f"accuracy {accuracy:g}, MaxFPS {max_fps:g}, TTFT {ttft_s:g} s, memory {memory_gb:g} GB"
        raise ConfigError(f"StreamingScore of {given}: accuracy is a fraction, the others are above 0")
    fps, accurate, first, memory = weights
    above = math.pow(max_fps, fps) * math.pow(accuracy, accurate)
    return above / (math.pow(ttft_s, first) * math.pow(memory_gb * math.log(params_b), memory))
