"""Live mode: what the bench does when a path is slow, is refused, or its source breaks; over a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path as FilePath

import pytest
from bench_kit import OPTIONS, dataset
from bus_kit import connected, fresh_opening, until

from bench.data import AskRules, Part, Sample, Turn
from bench.data.schema import AnswerForm, AnswerSpec, Depends, Gold, Poll, Stream, Trigger
from bench.run.asking import Asking
from bench.run.book import Book
from bench.run.chains import Chains
from bench.run.live import emitted, play_live
from bench.run.plan import plan, questions
from bench.run.pulse import Pulse
from bench.run.records import Play, Record
from bench.run.session import Session
from shared import subjects
from shared.bus import Bus, Meta
from shared.messages import (
    Answer,
    Ask,
    AskReply,
    Draft,
    Event,
    EventKind,
    Mode,
    Open,
    Path,
    Profile,
    RouteStamp,
    Status,
)

pytestmark = pytest.mark.nats

POLLS = (0.2, 0.3, 0.4)
Says = Callable[[Ask, Path], str | None]


class Desk:
    """Takes the place of the router and both systems: says what it is told to, to whom it is asked."""

    def __init__(self, bus: Bus, says: Says, *, refuses: bool = False) -> None:
        self._bus, self._says, self._refuses = bus, says, refuses
        self.heard: set[tuple[Path, str, float]] = set()
        """Path, text and time of every question that was asked."""

    async def answer(self, ask: Ask, meta: Meta) -> AskReply:
        if self._refuses:
            return AskReply(status="refused", reason="no room")
        for path in (ask.only,) if ask.only else tuple(Path):
            self.heard.add((path, ask.question.text, ask.question.t_ask))
            said = self._says(ask, path)
            if said is not None:
                await self._bus.publish_answer(_answer(ask, path, said))
        return AskReply(status="accepted")


def _answer(ask: Ask, path: Path, said: str) -> Answer:
    question = ask.question
    return Answer(
        opening=question.opening,
        key=question.key,
        path=path,
        t_ask=question.t_ask,
        draft=Draft(raw=said, choice=said),
        route=RouteStamp(route="both"),
    )


class Playing:
    """A sample that is played live."""

    def __init__(self, session: Session, desk: Desk, records: list[Record], task: asyncio.Task[None]) -> None:
        self.session, self.desk, self._records, self._task = session, desk, records, task

    async def tell(self, kind: EventKind, *, t: float, text: str = "") -> None:
        opening = self.session.opened.opening
        await self.session.bus.publish_event(Event(opening=opening, kind=kind, by="reader", t=t, text=text))

    async def finals(self) -> list[Record]:
        """When the bench has done with it."""
        await asyncio.wait_for(self._task, 60)
        return [record for record in self._records if record.kind == "final"]


@asynccontextmanager
async def playing(
    url: str, folder: FilePath, sample: Sample, says: Says, *, refuses: bool = False, **rules: object
) -> AsyncIterator[Playing]:
    asked, opening, pulse = AskRules(**rules), fresh_opening(), Pulse(120)  # type: ignore[arg-type]
    [play] = plan(dataset(folder, [sample]), asked)
    items = questions(play, opening)
    records: list[Record] = []
    book = Book(
        items,
        stamp=Play("r", opening, 0, 1, "live"),
        route="both",
        chains=Chains(play.samples, items, asked),
        write=records.append,
    )
    async with connected(url) as bus:
        desk = Desk(bus, says, refuses=refuses)
        await bus.serve(subjects.ask(opening), Ask, desk.answer)
        asking = Asking(book, route="both", retry_s=0.5, emitted=lambda final: emitted(session, final))
        opened = Open(opening=opening, run="r", uri="v.mp4", profile=Profile(mode=Mode.LIVE))
        session = Session(bus, opened, pulse=pulse, on_answer=asking.on_answer, on_time=lambda t: None)
        async with session.running():
            task = asyncio.create_task(play_live(session, asking, items, pulse, answer_s=300))
            play_of = Playing(session, desk, records, task)
            await play_of.tell(EventKind.STARTED, t=0.0)
            yield play_of
            task.cancel()


def watch() -> Sample:
    poll = Poll(every_s=0.1, from_s=POLLS[0], to_s=POLLS[-1], text="a star")
    answer = AnswerSpec(form=AnswerForm.EMIT, gold=(Gold(text="a star"),))
    turn = Turn(question="Say when.", ask_s=0.1, trigger=Trigger(gold_s=(0.3,), poll=poll), answer=answer)
    return Sample(id="w", part=Part.PROACTIVE, streams=(Stream(uri="v.mp4", duration_s=30),), turns=(turn,))


def chain() -> Sample:
    answer = AnswerSpec(options=OPTIONS, gold=(Gold(value="A"),))
    turns = (
        Turn(question="What colour?", ask_s=0.1, answer=answer),
        Turn(
            question="Where is the SLOT one?",
            ask_s=0.2,
            depends_on=(Depends(turn=0, mode="slot", slot="SLOT"),),
            answer=answer,
        ),
    )
    return Sample(id="c", part=Part.SEQUENTIAL, streams=(Stream(uri="v.mp4", duration_s=30),), turns=turns)


def only_s1(said: str) -> Says:
    return lambda ask, path: said if path is Path.S1 else None


async def test_a_path_that_does_not_answer_its_polls_holds_up_no_other(
    nats_url: str, tmp_path: FilePath
) -> None:
    async with playing(nats_url, tmp_path, watch(), only_s1("no"), proactive="poll") as play:
        heard = play.desk.heard
        await until(lambda: {t for path, _, t in heard if path is Path.S1} == set(POLLS), within_s=60)
        assert {t for path, _, t in heard if path is Path.S2} <= {POLLS[0]}


async def test_a_path_that_does_not_answer_a_turn_holds_up_no_other(
    nats_url: str, tmp_path: FilePath
) -> None:
    async with playing(nats_url, tmp_path, chain(), only_s1("A")) as play:
        heard = play.desk.heard
        await until(lambda: any(t == 0.2 for _, _, t in heard), within_s=60)
        assert {(path, text) for path, text, t in heard if t == 0.2} == {(Path.S1, "Where is the red one?")}


async def test_a_standing_question_that_is_refused_ends_refused(nats_url: str, tmp_path: FilePath) -> None:
    async with playing(nats_url, tmp_path, watch(), only_s1("no"), refuses=True) as play:
        finals = await play.finals()
    assert {(final.path, final.status, final.error) for final in finals} == {
        (path, Status.REFUSED, "no room") for path in Path
    }


async def test_a_source_that_breaks_while_it_is_polled_is_the_questions_error(
    nats_url: str, tmp_path: FilePath
) -> None:
    broken = asyncio.Event()

    def says(ask: Ask, path: Path) -> str | None:
        return "no" if broken.is_set() else None

    async with playing(nats_url, tmp_path, watch(), says, proactive="poll") as play:
        await play.tell(EventKind.ERROR, t=0.25, text="the file is damaged")
        await play.tell(EventKind.EOS, t=0.25)
        await until(lambda: play.session.end_t is not None, within_s=60)
        broken.set()
        finals = await play.finals()
    assert {(final.path, final.status, final.error) for final in finals} == {
        (path, Status.ERROR, "the file is damaged") for path in Path
    }
    assert {t for _, _, t in play.desk.heard} == {POLLS[0]}
