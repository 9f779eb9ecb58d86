"""What a large memory costs: `make bench-memory`, or `python -m bench.memory.cost`.

A million notes over a thousand streams in the engine in process: vectors of 20,000 encoded notes, each with noise.
Three ways answer the same searches and take the same writes: the engine's own call, the store (`VectorStore`), and the
memory service over the broker, in a process of its own. Encoding is timed apart; the service's figures leave it out.
Found is compared with an exact search by numpy. The last line printed is one JSON object; times are milliseconds, by
the clock and, what a busy machine leaves alone, of the process' own CPU time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

from bench.run.embedded import Stack, StackSpec
from shared import subjects
from shared.bus import Bus
from shared.memory import Encoder, Point, Vector, Where, encode_many, load_encoder, note_id
from shared.memory.edge import EdgeStore
from shared.memory.store import collection_name
from shared.messages import Done, Note, Search, SearchReply, Upsert

__all__ = ["Size", "main", "measure"]

_RUN, _EVERY_S, _K = "bench", 5.0, 10
_BATCH = 500
_NOISE = 0.35
"""Of a unit vector's length: a note and its model are then alike by 0.94."""
_WITHIN_S = 120.0
_COLOURS = ("red", "green", "blue", "yellow", "white", "black", "orange", "violet")
_SHAPES = ("circle", "square", "triangle", "star", "dog", "person", "car", "cup")
_PLACES = ("on the left", "on the right", "at the top", "at the bottom", "in the middle", "far away")
_DOING = ("stands still", "moves", "turns", "falls", "is gone", "comes back", "grows", "meets another")


class Size(NamedTuple):
    """How much is measured."""

    notes: int = 1_000_000
    streams: int = 1_000
    encoded: int = 20_000
    searches: int = 400
    writes: int = 400


class Corpus:
    """Notes and their vectors, the same each time; made as they are needed."""

    def __init__(self, size: Size, encoder: Encoder, *, seed: int = 0) -> None:
        self.size, self._rng = size, random.Random(seed)
        self.texts = self._some(size.encoded)
        self._base = encode_many(encoder, self.texts)

    def _some(self, count: int) -> list[str]:
        found = dict[str, None]()
        while len(found) < count:
            things = [
                f"a {self._rng.choice(_COLOURS)} {self._rng.choice(_SHAPES)} {self._rng.choice(_DOING)} "
                f"{self._rng.choice(_PLACES)}"
                for _ in range(self._rng.randint(1, 4))
            ]
            found[", ".join(things)] = None
        return list(found)

    def batches(self) -> Iterator[list[Point]]:
        """All points, as streams write them: the first note of each stream, then the second of each, and so on."""
        rng = np.random.default_rng(1)
        for first in range(0, self.size.notes, _BATCH):
            numbers = range(first, min(first + _BATCH, self.size.notes))
            which = rng.integers(len(self.texts), size=len(numbers))
            vectors = self._noisy(which, rng)
            yield [
                _point(n % self.size.streams, n // self.size.streams, self.texts[w], vector)
                for n, w, vector in zip(numbers, which.tolist(), vectors, strict=True)
            ]

    def _noisy(self, which: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
        base = self._base[which]
        noise = rng.standard_normal(base.shape, dtype=np.float32) * (_NOISE / np.sqrt(base.shape[1]))
        rows = base + noise
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def measure(size: Size, folder: Path, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Build the store in `folder`, and measure it in process and through the service. Blocks."""
    encoder = load_encoder()
    corpus = Corpus(size, encoder)
    say(f"{size.encoded} notes encoded; storing {size.notes} …")
    name = collection_name(encoder.name, encoder.dim)
    probes = _probes(corpus)
    store = EdgeStore(str(folder), collection=name, dim=encoder.dim)
    try:
        load_s, exact = _load(store, corpus, {where.opening for _, where in probes})
        say(f"{size.notes} stored in {load_s:.0f} s; searching …")
        engine = _in_process(store, encoder, probes, size, exact)
    finally:
        store.close()
    say("in process measured; the service …")
    service = _through_the_service(folder, probes, size)
    return {
        "notes": size.notes,
        "streams": size.streams,
        "dim": encoder.dim,
        "stored_per_s": round(size.notes / load_s),
        "disk_mb": round(sum(f.stat().st_blocks * 512 for f in folder.rglob("*") if f.is_file()) / 1e6),
        **engine,
        **service,
        "service_adds_p50": round(service["service_search"]["p50"] - engine["engine_search"]["p50"], 3),
        "service_adds_cpu": round(service["service_search_cpu"] - engine["engine_search_cpu"], 3),
        "peak_mb": round(_peak_mb()),
    }


Probe = tuple[str, Where]


def _probes(corpus: Corpus) -> list[Probe]:
    """Questions: what is like one of the notes, in one of the streams, asked in its second half."""
    rng = random.Random(2)
    per_stream = corpus.size.notes // corpus.size.streams
    texts = rng.sample(corpus.texts, k=min(200, len(corpus.texts)))
    return [
        (
            texts[n % len(texts)],
            Where(
                _opening(rng.randrange(corpus.size.streams)),
                _EVERY_S * rng.randrange(per_stream // 2, per_stream),
            ),
        )
        for n in range(corpus.size.searches)
    ]


def _load(
    store: EdgeStore, corpus: Corpus, kept: set[str]
) -> tuple[float, dict[str, tuple[list[Note], list[Vector]]]]:
    """Store all; gives the seconds that the engine took, and the points of the openings that will be asked."""
    exact: dict[str, tuple[list[Note], list[Vector]]] = {opening: ([], []) for opening in kept}
    took = 0.0
    for batch in corpus.batches():
        for point in batch:
            if point.note.opening in exact:
                exact[point.note.opening][0].append(point.note)
                exact[point.note.opening][1].append(point.vector)
        began = time.perf_counter()
        store.upsert(batch)
        took += time.perf_counter() - began
    return took, exact


def _in_process(
    store: EdgeStore,
    encoder: Encoder,
    probes: Sequence[Probe],
    size: Size,
    exact: dict[str, tuple[list[Note], list[Vector]]],
) -> dict[str, Any]:
    engine, through, recalls = list[float](), list[float](), list[float]()
    asked = [(encoder.encode(text), where) for text, where in probes]
    for vector, where in asked:
        store.scored(vector, where, limit=_K)  # read from the disk once
    cpu_began = time.process_time()
    for vector, where in asked:
        store.scored(vector, where, limit=_K)
    cpu_s = time.process_time() - cpu_began
    for vector, where in asked:
        engine.append(_timed(partial(store.scored, vector, where, limit=_K)))
        began = time.perf_counter()
        found = store.nearest(vector, where, limit=_K)
        through.append(time.perf_counter() - began)
        best = _exact(exact[where.opening], vector, where)
        recalls.append(len(best & {one.id for one in found}) / max(1, len(best)))
    writes = []
    for n in range(size.writes):
        point = _point(n % size.streams, 10_000_000 + n, "a note", encoder.encode("a note"))
        writes.append(_timed(partial(store.upsert, [point])))
    return {
        "engine_search": _spread(engine),
        "engine_search_cpu": round(1e3 * cpu_s / len(asked), 3),
        "store_search": _spread(through),
        "store_upsert": _spread(writes),
        "recall_at_10": round(statistics.fmean(recalls), 4),
    }


def _exact(held: tuple[list[Note], list[Vector]], vector: Vector, where: Where) -> set[str]:
    notes, vectors = held
    scores = np.stack(vectors).astype(np.float64) @ vector.astype(np.float64)
    seen = [n for n in np.argsort(-scores).tolist() if notes[n].t_end <= where.t_max]
    return {note_id(notes[n]) for n in seen[:_K]}


def _through_the_service(folder: Path, probes: Sequence[Probe], size: Size) -> dict[str, Any]:
    counts = {"reader": 0, "s1": 0, "s2": 0, "router": 0, "memory": 1}
    env = {"memory": {"DSB_MEMORY_STORE": f"edge:{folder}"}}
    with tempfile.TemporaryDirectory(prefix="dsb-bench-") as place:
        spec = StackSpec(folder=Path(place), counts=counts, service_env=env, ready_s=_WITHIN_S)
        with Stack(spec) as stack:
            [pid] = stack.pids("memory")
            return asyncio.run(_ask(stack, psutil.Process(pid), probes, size))


async def _ask(stack: Stack, memory: psutil.Process, probes: Sequence[Probe], size: Size) -> dict[str, Any]:
    bus = await Bus.connect(stack.bus_settings(), name="bench-memory")
    try:
        encodes = [await _search(bus, probe) for probe in probes[: size.searches // 2]]
        # Texts are known by now: what is left of their encoding is a look at a cache, and is taken off.
        before = memory.cpu_times()
        answers = [await _search(bus, probe) for probe in probes]
        after = memory.cpu_times()
        cpu_s = after.user + after.system - before.user - before.system
        writes = [await _write(bus, n, size) for n in range(size.writes)]
        return {
            "query_encode": _spread([encode for _, encode in encodes]),
            "service_search": _spread([whole - encode for whole, encode in answers]),
            "service_search_cpu": round(1e3 * cpu_s / len(probes), 3),
            "service_upsert": _spread(writes[1:]),
        }
    finally:
        await bus.drain()


async def _search(bus: Bus, probe: Probe) -> tuple[float, float]:
    """Seconds from the request to its reply, and those of encoding within."""
    text, where = probe
    request = Search(opening=where.opening, text=text, t_max=where.t_max, k=_K)
    reply: SearchReply
    took, reply = await _clocked(
        lambda: bus.request(subjects.MEM_SEARCH, request, SearchReply, timeout=_WITHIN_S)
    )
    return took, reply.encode_s


async def _write(bus: Bus, n: int, size: Size) -> float:
    note = _note(n % size.streams, 20_000_000 + n, "a note")
    took, _ = await _clocked(
        lambda: bus.request(subjects.MEM_UPSERT, Upsert(notes=(note,)), Done, timeout=_WITHIN_S)
    )
    return took


async def _clocked(call: Callable[[], Awaitable[Any]]) -> tuple[float, Any]:
    began = time.perf_counter()
    reply = await call()
    return time.perf_counter() - began, reply


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    p50, p99 = np.percentile(seconds, [50, 99])
    return {"p50": round(1e3 * float(p50), 3), "p99": round(1e3 * float(p99), 3)}


def _opening(stream: int) -> str:
    return f"bench_{stream}_1"


def _note(stream: int, seq: int, text: str) -> Note:
    t = _EVERY_S * (seq % 10_000_000)
    return Note(opening=_opening(stream), run=_RUN, seq=seq, t_start=t, t_end=t, text=text)


def _point(stream: int, seq: int, text: str, vector: Vector) -> Point:
    note = _note(stream, seq, text)
    return Point(note_id(note), vector, note)


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What a large memory costs.")
    for name, default in Size()._asdict().items():
        parser.add_argument(f"--{name}", type=int, default=default)
    size = Size(**vars(parser.parse_args(argv)))
    with tempfile.TemporaryDirectory(prefix="dsb-memory-") as folder:
        figures = measure(size, Path(folder), lambda text: print(text, file=sys.stderr, flush=True))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
