"""Tables of staleness, revisions, and a run by the virtual clock."""

from __future__ import annotations

from collections.abc import Sequence

from bench.analysis.replayed import Clocked
from bench.analysis.revision import Revision
from bench.analysis.staleness import DEADLINES_S, Staleness
from bench.report.sheet import Sheet
from bench.report.words import interval, percent, seconds, signed

__all__ = ["clock_sheet", "deadline_sheet", "revision_sheet", "staleness_sheet"]


def staleness_sheet(found: Sequence[Staleness]) -> Sheet:
    """Accuracy at the ask and at the emission, and what lies between."""
    columns = ("part", "path", "n", "at ask", "at emission", "loss", "95 % interval", "latency p50 s",
               "p95 s", "age p50 s", "p95 s")  # fmt: skip
    rows = [
        (
            one.part, one.path, str(one.n), percent(one.at_ask.value), percent(one.at_emission.value),
            percent(one.loss.value), interval(one.loss), seconds(one.latency.p50),
            seconds(one.latency.p95), seconds(one.information_age.p50), seconds(one.information_age.p95),
        )
        for one in found
    ]  # fmt: skip
    return Sheet("Staleness: the gold of the ask, and that of the emission", columns, rows, text=2)


def deadline_sheet(found: Sequence[Staleness]) -> Sheet:
    """Acc@D, and its area over log D."""
    columns = ("part", "path", *(f"≤ {d:g} s" for d in DEADLINES_S), "area")
    rows = [
        (one.part, one.path, *(percent(one.within[f"{d:g}"].value) for d in DEADLINES_S), percent(one.area))
        for one in found
    ]
    return Sheet("Right within a deadline", columns, rows, text=2)


def revision_sheet(found: Sequence[Revision]) -> Sheet:
    """What S1 now and S2's revision later are worth together."""
    columns = ("part", "n", "s1", "s2", "s1, then s2", "95 % interval", "gain on s1", "95 % interval", "flips",
               "harmful", "helpful")  # fmt: skip
    rows = [
        (
            one.part, str(one.n), percent(one.s1.value), percent(one.s2.value), percent(one.revised.value),
            interval(one.revised), signed(one.gain.value, 1, scale=100), interval(one.gain, plus=True),
            percent(one.flips.value), percent(one.harmful.value), percent(one.helpful.value),
        )
        for one in found
    ]  # fmt: skip
    horizon = found[0].horizon_s if found else 0
    return Sheet(f"Quality over the {horizon:g} s from the ask: S1 now, S2's revision later", columns, rows)


def clock_sheet(clocked: Clocked) -> Sheet:
    """Primary scores as the run was played, and by the virtual clock."""
    rows = []
    for part in clocked.scores.parts:
        before = clocked.played.part(part.part)
        for row in part.rows:
            old = before.row(row.path) if before else None
            value = old.primary.estimate.value if old else None
            rows.append((
                part.part, row.path, row.primary.name, str(row.primary.estimate.n), percent(value),
                percent(row.primary.estimate.value), interval(row.primary.estimate),
            ))  # fmt: skip
    columns = ("part", "path", "score", "n", "as played", "by this clock", "95 % interval")
    return Sheet("Scores by the virtual clock", columns, rows, text=3, notes=(f"digest {clocked.digest}",))
