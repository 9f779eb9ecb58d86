"""The book of a play whose paths only the router can tell: what is recorded, whatever becomes of the router."""

from __future__ import annotations

import pytest
from bench_kit import asked, sample

from bench.data import AskRules
from bench.run.book import Book
from bench.run.chains import Chains
from bench.run.records import Play, Record, complete_openings
from shared.messages import Answer, Draft, Path, RouteStamp, Status
from shared.routing import First, Routed

ITEM = sample("a")
BOTH = (Path.S1, Path.S2)


class Kept:
    """A book of one question, and what it wrote."""

    def __init__(self, route: str = "cascade@0.7") -> None:
        self.item, self.records = asked(ITEM), list[Record]()
        play = Play("r", "r_0_1", 0, 1)
        chains = Chains([ITEM], [self.item], AskRules())
        self.book = Book([self.item], stamp=play, route=route, chains=chains, write=self.records.append)

    @property
    def key(self) -> str:
        return self.item.key

    def hear(self, path: Path, *, confidence: float = 0.5, latency_s: float = 1.0) -> None:
        answer = Answer(
            opening="r_0_1",
            key=self.key,
            path=path,
            t_ask=10.5,
            route=RouteStamp(route="x"),
            draft=Draft(raw="A", choice="A", confidence=confidence),
        )
        self.book.heard(answer, latency_s=latency_s)


def routed(*paths: Path, then: bool = False, took: float = 0.25) -> Routed:
    return Routed(paths, RouteStamp(route="cascade@0.7", paths=paths, router_s=took), then)


def test_nothing_is_owed_or_done_before_it_is_decided() -> None:
    kept = Kept()
    assert (kept.book.paths(kept.key), kept.book.done(kept.key), kept.book.routed(kept.key)) == (
        (),
        False,
        False,
    )
    kept.hear(Path.S1)
    assert kept.records == []


def test_s1s_answer_is_held_until_the_policy_has_seen_it_and_its_record_names_both_paths() -> None:
    kept = Kept()
    kept.book.settle(kept.key, routed(Path.S1, then=True))
    kept.hear(Path.S1, confidence=0.4)
    kept.hear(Path.S1, confidence=0.9)  # said twice: the first one counts
    assert kept.records == []
    assert kept.book.first(kept.key) == First(Status.OK, 0.4)
    kept.book.resolve(kept.key, routed(*BOTH))
    kept.hear(Path.S2, latency_s=2.0)
    assert [(r.path, r.routed, r.confidence) for r in kept.records] == [
        (Path.S1, BOTH, 0.4),
        (Path.S2, BOTH, 0.5),
    ]
    # Deciding took .25 s twice, and S2 waited for S1.
    assert [record.latency_s for record in kept.records] == [1.25, 3.5]
    assert kept.book.done(kept.key)


def test_where_no_router_ever_decides_the_rules_do() -> None:
    kept = Kept()
    kept.book.fail(kept.key, Status.TIMEOUT, "no answer within 30 s")
    [record] = kept.records
    assert (record.path, record.status, record.route_fallback) == (Path.S1, Status.TIMEOUT, True)
    assert "no answer within 30 s" in record.route_reason
    assert kept.book.done(kept.key)


def test_s1s_answer_stands_when_the_router_is_gone_before_it_decides_again() -> None:
    kept = Kept()
    kept.book.settle(kept.key, routed(Path.S1, then=True))
    kept.hear(Path.S1)
    kept.book.fail(kept.key, Status.TIMEOUT, "no answer within 30 s")
    [record] = kept.records
    assert (record.status, record.routed, record.route_fallback) == (Status.OK, (Path.S1,), True)
    assert kept.book.done(kept.key)


@pytest.mark.parametrize(("recorded", "complete"), [((), False), ((Path.S1,), False), (BOTH, True)])
def test_a_play_is_complete_when_all_that_its_records_name_is_there(
    recorded: tuple[Path, ...], complete: bool
) -> None:
    kept = Kept()
    kept.book.settle(kept.key, routed(*BOTH))
    for path in recorded:
        kept.hear(path)
    done = complete_openings(kept.records, {0: [kept.item]}, lambda item: None)
    assert done == ({0} if complete else set())
