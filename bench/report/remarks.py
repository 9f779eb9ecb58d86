"""What stands beneath the tables: what is missing, what could not be read, and how to read the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from bench.report.words import UNDEFINED, percent, seconds
from bench.scoring.scores import CacheUse, PartScores, Row, Scores

__all__ = ["remarks"]


def remarks(scores: Scores) -> Iterator[Text]:
    """Lines of text, the alarming ones first."""
    table = scores.scores
    if not table.complete:
        text = f"Incomplete: {table.missing} answers are missing"
        onward = (
            "Score with --partial"
            if scores.route == "none"
            else "Go on with --resume, or score with --partial"
        )
        more = "." if scores.partial else f"; scores are withheld. {onward}."
        yield Text(text + more, style="yellow")
    yield from _protocol(scores)
    for part in table.parts:
        yield from _unread(part)
        if scores.headline:
            for row in part.rows:
                yield from _staleness(part, row)
                yield from _details(part, row)
        if part.without_gold:
            yield Text(f"{part.part}: {part.without_gold} questions have no gold and are in no score.")
    yield from _kept(scores)
    yield Text(
        "Failures count as wrong; intervals and tests go by whole videos; "
        f"skill is over the best blind baseline: 0 is no better than blind, 1 is perfect. {UNDEFINED}",
        style="dim",
    )


def _kept(scores: Scores) -> Iterator[Text]:
    """What each system had computed before it was asked."""
    for path in ("s1", "s2"):
        found = [item.cache for item in scores.timings if item.path == path and item.cache]
        answers = sum(one.answers for one in found)
        if answers:
            frames, tokens = (_mean(found, name) for name in ("frame_hits", "token_hits"))
            again, saved = sum(one.frames_reencoded for one in found), sum(one.saved_s for one in found)
            size = max(one.most_bytes for one in found) / 1e6
            yield Text(
                f"{path}: {percent(frames)} of the frames shown were encoded before, {percent(tokens)} of the "
                f"prompts' tokens were run before, {again} frames were encoded again; that saved "
                f"{seconds(saved / answers)} s an answer; at most {size:.1f} MB kept of a stream.",
                style="dim",
            )


def _mean(found: list[CacheUse], name: str) -> float | None:
    """Over answers."""
    told = [(getattr(one, name), one.answers) for one in found if getattr(one, name) is not None]
    return sum(value * count for value, count in told) / sum(count for _, count in told) if told else None


def _protocol(scores: Scores) -> Iterator[Text]:
    """Protocols that tell a system what it ought to find out by itself."""
    asked, parts = scores.protocol, {part.part for part in scores.scores.parts}
    if asked is None:
        return
    if asked.proactive == "poll" and "proactive" in parts:
        text = "proactive: polled, with the right answer in the question; not to be compared with push."
        yield Text(text, style="yellow")
    if asked.history != "self" and "sequential" in parts:
        told = (
            "the right answers to earlier turns" if asked.history == "oracle" else "nothing of earlier turns"
        )
        yield Text(f"sequential: told {told}; not to be compared with history self.", style="yellow")


def _unread(part: PartScores) -> Iterator[Text]:
    unread = {
        rung: sum(row.rungs.get(rung, 0) for row in part.rows) for rung in ("unparsed", "ambiguous", "empty")
    }
    if any(unread.values()):
        told = ", ".join(f"{count} {rung}" for rung, count in unread.items() if count)
        yield Text(
            f"{part.part}: answers that could not be read, and count as wrong: {told}.", style="yellow"
        )


def _staleness(part: PartScores, row: Row) -> Iterator[Text]:
    """Live mode: what it cost that the world went on while a system thought."""
    if row.accuracy_at_ask is not None and row.accuracy_at_ask != row.accuracy.value:
        text = f"{part.part} {row.path}: {percent(row.accuracy_at_ask)} by the gold of the ask time; "
        yield Text(text + "the table has that of the time at which answers came.")


def _details(part: PartScores, row: Row) -> Iterator[Text]:
    told = _TOLD.get(part.part, _nothing)(row.details) if row.details else ""
    if told:
        yield Text(f"{part.part} {row.path}: {told}.")


def _nothing(details: Mapping[str, Any]) -> str:
    return ""


def _clue(details: Mapping[str, Any]) -> str:
    before, after = details["accuracy_before"], details["accuracy_after"]
    first = details["first_ready"]
    told = f"right {percent(before)} before the clue, {percent(after)} after it"
    if first["asked_before"]:
        told += f"; too early in {percent(first['premature_rate'])} of {first['asked_before']} questions"
    if first["reached"]:
        told += f"; first said {seconds(first['delay_p50_s'])} s after it (median)"
    return told


def _proactive(details: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{details[name]} {name}" for name in ("hits", "early", "late", "missed", "spurious"))
    delay = f"delay of hits p50 {seconds(details['delay_p50_s'])} s, p90 {seconds(details['delay_p90_s'])} s"
    return f"{counts}; {delay}" if details["hits"] else counts


def _sequential(details: Mapping[str, Any]) -> str:
    turns = ", ".join(percent(told["accuracy"]) for told in details["by_position"].values())
    after = details["after_an_error"]
    told = f"by turn {turns}"
    return (
        f"{told}; {percent(after['accuracy'])} of {after['n']} turns after an error" if after["n"] else told
    )


_TOLD = {"clue": _clue, "proactive": _proactive, "sequential": _sequential}
