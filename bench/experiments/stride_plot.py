"""The plot of a stride experiment: ingest, latency and accuracy over strides, a curve a window length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.experiments.stride import Found
from shared.errors import ConfigError

__all__ = ["plot"]

_COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
"""Paul Tol's bright scheme: told apart by colour-blind readers, and in grey with the markers."""
_MARKERS = "osD^vP"
_PANELS: tuple[tuple[str, Callable[[Found], float | None]], ...] = (
    ("ingest of a frame, ms (mean)", lambda one: _thousand(one.ingest_mean_s)),
    ("an answer, ms (median)", lambda one: _thousand(one.answer_p50_s)),
    ("accuracy, %", lambda one: None if one.accuracy is None else 100 * one.accuracy),
)


def plot(found: Sequence[Found], folder: Path) -> list[Path]:
    """Write `stride.svg` and `stride.png`; gives their paths. `ConfigError` where matplotlib is missing."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise ConfigError(
            "a plot needs the package 'matplotlib': pip install 'dualstreambench[plot]', or --no-plot"
        ) from error
    mpl.use("Agg")  # no window: this may run where there is no screen
    mpl.rcParams["svg.hashsalt"] = "dsb"  # the same curves make the same file
    from matplotlib import pyplot as plt

    good = [one for one in found if not one.error]
    strides = sorted({one.cell.stride for one in good}, key=lambda stride: stride or 1 << 30)
    figure, axes = plt.subplots(1, len(_PANELS), figsize=(12, 3.8), layout="constrained")
    for panel, (title, value) in zip(axes, _PANELS, strict=True):
        _panel(panel, title, value, good, strides)
    if good:
        figure.legend(*axes[0].get_legend_handles_labels(), title="window, frames", loc="outside right upper")
    paths = [folder / "stride.svg", folder / "stride.png"]
    figure.savefig(paths[0], metadata={"Date": None})
    figure.savefig(paths[1], dpi=150)
    plt.close(figure)
    return paths


def _panel(
    panel: Any,
    title: str,
    value: Callable[[Found], float | None],
    good: Sequence[Found],
    strides: Sequence[Any],
) -> None:
    panel.set_title(title, fontsize=10)
    panel.set_xlabel("prefill stride, frames")
    panel.set_xticks(range(len(strides)), ["none" if stride is None else str(stride) for stride in strides])
    windows = sorted({one.cell.frames for one in good})
    for number, window in enumerate(windows):
        line = sorted(
            (strides.index(one.cell.stride), value(one)) for one in good if one.cell.frames == window
        )
        look = {"color": _COLOURS[number % len(_COLOURS)], "marker": _MARKERS[number % len(_MARKERS)]}
        panel.plot([x for x, _ in line], [y for _, y in line], label=str(window), linewidth=1.6, **look)
    panel.grid(axis="y", alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
    if not title.startswith("accuracy"):
        panel.set_ylim(bottom=0)


def _thousand(value: float | None) -> float | None:
    return None if value is None else 1000 * value
