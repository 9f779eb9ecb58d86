"""The run that a policy would have made, from one that was played already: only what it lacks is asked.

Answers that are there are copied. Asked anew is what has no record on the path that the policy takes, and whole chains
in which a later turn would have been told another answer. It is played in `asked/` within the new folder, by a route
that stands in `decisions.json`; when that is complete, both are joined into an ordinary run of the policy.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import NamedTuple

from bench.data import AskedQuestion
from bench.files import open_atomic
from bench.run.config import RunConfig, config_of
from bench.run.driver import play, prepare
from bench.run.folder import RunFolder
from bench.run.plan import Play, plan, questions, states
from bench.run.records import Record, effective
from shared.errors import ConfigError, DataError
from shared.messages import Path, RouteStamp, Status, question_key
from shared.routing import First, Guard, policy
from shared.routing.fixed import Pin, PinFile
from shared.subjects import opening_id

__all__ = ["Rerun", "rerun", "wanted"]

DECISIONS = "decisions.json"
_ASKED = "asked"

Key = tuple[str, int, int]


class _Wanted(NamedTuple):
    """What a policy says of one question, and what of it has to be asked."""

    stamp: RouteStamp
    paths: tuple[Path, ...]
    missing: tuple[Path, ...]


class Rerun(NamedTuple):
    """What came of it."""

    folder: RunFolder
    copied: int
    """Finals."""
    asked: int
    complete: bool


def rerun(source: RunFolder, route: str, target: FilePath, *, nats: str = "") -> Rerun:
    """Make (or go on making) the run of `route` in `target`; raises `ConfigError`, `DataError`. Blocks."""
    policy(route)
    manifest = source.manifest()
    if manifest.status != "complete":
        raise ConfigError(f"{source.path} is {manifest.status}: go on with `dsb run --resume {source.path}`")
    if (target / "records.jsonl").exists():
        raise ConfigError(f"{target} already holds a run: choose another --name")
    config = config_of(manifest.settings)
    if also := config.memory.notes().also:
        raise ConfigError(
            f"{source.path} remembers what is said (memory.also: {', '.join(also)}), so what it lacks can't be asked "
            f"alone: play it with `dsb run … --route {route}`"
        )
    plays = plan(source.dataset(), config.ask_rules())
    held = effective(source.records())
    found = wanted(config, plays, held, route)
    asked: list[Record] = []
    if any(one.missing for one in found.values()):
        folder, complete = _ask(config, found, route, target, nats)
        if not complete:
            return Rerun(folder, 0, len(effective(folder.records())), False)
        _check_models(source, folder)
        asked = effective(folder.records())
    copied = [record for record in held if _keeps(record, found)]
    made = _join(source, config, route, target, [*copied, *asked], found)
    finals = [sum(record.kind == "final" for record in records) for records in (copied, asked)]
    return Rerun(made, finals[0], finals[1], True)


def wanted(
    config: RunConfig, plays: Sequence[Play], held: Iterable[Record], route: str
) -> dict[Key, _Wanted]:
    """What the policy wants of every question, and what of it is missing; raises `DataError`."""
    finals = {(r.sample, r.turn, r.probe, r.path): r for r in held if r.kind == "final"}
    guard, found = Guard(route), dict[Key, _Wanted]()
    for one in plays:
        items = questions(one, "rerun")
        seen = states(items, config.profile())
        for item in items:
            routed = guard.decide(item.question, seen[item.key])
            if routed.then and item.question.standing is None and not item.polls:
                routed = guard.after(item.question, seen[item.key], _first(finals, item, route))
            key = (item.sample, item.turn, item.probe)
            missing = tuple(path for path in routed.paths if (*key, path) not in finals)
            found[key] = _Wanted(routed.stamp, routed.paths, missing)
        _whole_chains(config, one, found)
    return found


def _first(finals: Mapping[tuple[str, int, int, Path], Record], item: AskedQuestion, route: str) -> First:
    answer = finals.get((item.sample, item.turn, item.probe, Path.S1))
    if answer is None:
        text = f"{route} decides on S1's answers, and {item.sample} has none"
        raise DataError(f"{text}: play the run with --route both or force-s1")
    return First(Status(answer.status), answer.confidence)


def _whole_chains(config: RunConfig, one: Play, found: dict[Key, _Wanted]) -> None:
    """A chain in which something is missing, or turns take different paths, is asked from its beginning."""
    if config.system.history != "self":
        return
    for sample in one.samples:
        if not any(turn.depends_on for turn in sample.turns):
            continue
        keys = [key for key in found if key[0] == sample.id]
        if any(found[key].missing for key in keys) or len({found[key].paths for key in keys}) > 1:
            for key in keys:
                found[key] = found[key]._replace(missing=found[key].paths)


def _keeps(record: Record, found: Mapping[Key, _Wanted]) -> bool:
    one = found.get((record.sample, record.turn, record.probe))
    return one is not None and record.path in one.paths and record.path not in one.missing


def _ask(
    config: RunConfig, found: Mapping[Key, _Wanted], route: str, target: FilePath, nats: str
) -> tuple[RunFolder, bool]:
    """Play what is missing, or go on with it."""
    file = (target / DECISIONS).resolve()
    pins = {
        question_key(*key): Pin(paths=one.missing, score=one.stamp.score, reason=one.stamp.reason)
        for key, one in found.items()
    }
    if not file.exists():
        with open_atomic(file) as out:
            out.write(PinFile(policy=route, decisions=pins).model_dump_json(indent=1).encode())
    settings = {
        "system.route": f"pinned:{file}",
        "output.dir": str(target),
        "output.name": _ASKED,
        "output.compact": False,
    }
    begun = (target / _ASKED / "manifest.json").exists()
    resume = RunFolder.open(target / _ASKED) if begun else None
    prepared = prepare(config.override(settings), resume=resume, local=not nats)
    return prepared.folder, play(prepared, nats=nats)


def _check_models(source: RunFolder, asked: RunFolder) -> None:
    before, now = source.manifest().models, asked.manifest().models
    for system, model in now.items():
        known = before.get(system)
        if known and known["fingerprint"] != model["fingerprint"]:
            text = f"{system} was {known['model']} ({known['fingerprint']}) in {source.path} and is "
            raise ConfigError(f"{text}{model['model']} ({model['fingerprint']}): start the same model")


def _join(
    source: RunFolder,
    config: RunConfig,
    route: str,
    target: FilePath,
    records: Sequence[Record],
    found: Mapping[Key, _Wanted],
) -> RunFolder:
    """An ordinary run folder of these records."""
    settings = {"system.route": route, "output.dir": str(target.parent), "output.name": target.name}
    made = config.override(settings)
    run = f"rerun-{secrets.token_hex(4)}"
    update = {"run": run, "settings": made.masked(), "identity": made.identity(), "status": "complete"}
    folder = RunFolder.create(target, source.manifest().model_copy(update=update), source.dataset())
    plays = sorted({record.play for record in records})
    with folder.writer() as writer:
        for number in plays:
            writer.begin(number)
        writer.write(*_stamped(records, run, route, found))
    return folder


def _stamped(
    records: Iterable[Record], run: str, route: str, found: Mapping[Key, _Wanted]
) -> Iterator[Record]:
    """As the policy's own run would have them: one play a video, its own ids, the policy's decision."""
    for record in records:
        one = found[record.sample, record.turn, record.probe]
        opening = opening_id(run, record.play, 1)
        notes = tuple(note.model_copy(update={"opening": opening, "run": run}) for note in record.notes)
        yield record.model_copy(
            update={
                "run": run,
                "opening": opening,
                "attempt": 1,
                "notes": notes,
                "route": route,
                "route_score": one.stamp.score,
                "route_reason": one.stamp.reason,
                "route_fallback": one.stamp.fallback,
                "route_cost_usd": one.stamp.cost_usd,
                "routed": one.paths,
                "router_s": one.stamp.router_s,
            }
        )
