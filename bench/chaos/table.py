"""Tables of outcomes: one plan's faults, and the recovery times of many plans by fault."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from bench.chaos.outcome import Outcome, Struck
from bench.report.sheet import Sheet

__all__ = ["by_fault", "fault_sheet", "summary", "verdict"]

_SHOWN = 5


def verdict(outcome: Outcome) -> str:
    """One line: what the faults changed."""
    if outcome.trouble:
        return outcome.trouble
    counts = {
        "lost": outcome.lost,
        "twice": outcome.doubled,
        "changed": outcome.changed,
        "scores moved": outcome.moved,
        "violations": outcome.violations,
        "not struck": outcome.missed,
    }
    bad = [f"{len(items)} {name}" for name, items in counts.items() if items]
    return ", ".join(bad) or f"{outcome.finals} finals, none lost, none twice, scores equal"


def fault_sheet(outcome: Outcome) -> Sheet:
    """The faults of one plan, and beneath what they changed."""
    rows = [
        (
            one.fault,
            _seconds(one.struck_s),
            _seconds(one.lasted_s),
            _seconds(one.after(one.ready_s)),
            _seconds(one.after(one.recovery_s)),
        )
        for one in outcome.faults
    ]
    columns = ("fault", "struck at, s", "lasted, s", "ready after, s", "next answer after, s")
    return Sheet("Under faults", columns, rows, notes=tuple(_notes(outcome)))


def _notes(outcome: Outcome) -> Iterable[str]:
    plain = f", and {outcome.reference_s:.1f} s without faults" if outcome.reference_s else ""
    where = f"{outcome.plan.backend}, {outcome.cores} cores, load {outcome.load:g}"
    yield "Seconds after the fault was over, until the target is ready, and until the next answer through it."
    yield f"{verdict(outcome)}. The run took {outcome.seconds:.1f} s{plain} ({where})."
    for name in ("lost", "doubled", "changed", "violations"):
        items: Sequence[str] = getattr(outcome, name)
        yield from (f"{name}: {item}" for item in items[:_SHOWN])
        if len(items) > _SHOWN:
            yield f"{name}: and {len(items) - _SHOWN} more"
    for moved in outcome.moved[:_SHOWN]:
        yield f"{moved.part} on {moved.path}, {moved.score}: {moved.before} became {moved.after}"


def by_fault(outcomes: Iterable[Outcome]) -> Sheet:
    """Recovery times by kind of fault and target: p50 and greatest, seconds since the fault was over."""
    groups: dict[tuple[str, str], list[Struck]] = defaultdict(list)
    for outcome in outcomes:
        for one in outcome.faults:
            if one.struck_s is not None:
                groups[_group(one)].append(one)
    rows = [
        (
            kind,
            target,
            str(len(of)),
            *_spread([one.after(one.ready_s) for one in of]),
            str(sum(one.recovery_s is not None for one in of)),
            *_spread([one.after(one.recovery_s) for one in of]),
        )
        for (kind, target), of in sorted(groups.items())
    ]
    columns = ("fault", "target", "n", "ready p50, s", "max, s", "answered", "next answer p50, s", "max, s")
    notes = (
        "Seconds since the fault was over, until the target is ready, and until the next answer that leads through "
        "it (of S1 and S2: one of theirs). Where the run needed no more, none came.",
    )
    return Sheet("Recovery by fault", columns, rows, text=2, notes=notes)


def _group(one: Struck) -> tuple[str, str]:
    return f"{one.kind} in a gap" if one.at else one.kind, one.target.rpartition("-")[0] or one.target


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The figures of many plans, for programs."""
    struck = [one for outcome in outcomes for one in outcome.faults if one.struck_s is not None]
    recovered = [after for one in struck if (after := one.after(one.recovery_s)) is not None]
    return {
        "plans": len(outcomes),
        "sound": sum(outcome.sound for outcome in outcomes),
        "faults": len(struck),
        "gaps": len({one.at for one in struck if one.at}),
        "not_struck": sum(len(outcome.missed) for outcome in outcomes),
        "lost": sum(len(outcome.lost) for outcome in outcomes),
        "doubled": sum(len(outcome.doubled) for outcome in outcomes),
        "changed": sum(len(outcome.changed) for outcome in outcomes),
        "scores_moved": sum(len(outcome.moved) for outcome in outcomes),
        "troubles": sum(bool(outcome.trouble) for outcome in outcomes),
        "recovery_p50_s": round(median(recovered), 3) if recovered else None,
        "recovery_max_s": round(max(recovered), 3) if recovered else None,
        "plan_p50_s": round(median(outcome.seconds for outcome in outcomes), 3) if outcomes else None,
        "reference_s": outcomes[0].reference_s if outcomes else None,
        "load_max": max((outcome.load for outcome in outcomes), default=None),
    }


def _spread(values: Sequence[float | None]) -> tuple[str, str]:
    known = [value for value in values if value is not None]
    return (_seconds(median(known)), _seconds(max(known))) if known else ("–", "–")


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
