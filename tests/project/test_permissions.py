"""Nobody may say or hear what is another's: every subject there is, tried as every user of the broker as it is shipped.

The table is `tests/support/rights.py`. A refusal is the broker's own word, told to the client.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from rights import STREAMS, USERS, WIDE, catalogue
from trusted_broker import TrustedBroker

from shared import subjects
from shared.bus import init_topology
from shared.bus.connection import Connection
from shared.bus.topology import streams
from shared.settings import BusSettings

pytestmark = pytest.mark.nats

_SAID = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"', re.IGNORECASE)


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrustedBroker]:
    broker = TrustedBroker(tmp_path_factory.mktemp("nats")).start()
    asyncio.run(init_topology(broker.settings("admin")))
    yield broker
    broker.kill()


class Refused(NamedTuple):
    """What the broker would not let a user do."""

    publish: set[str]
    subscribe: set[str]


async def attempt(
    trusted: TrustedBroker, user: str, *, publish: list[str] | None = None, subscribe: list[str] | None = None
) -> Refused:
    """Try all of them over a real connection; the flush at the end makes sure that every refusal was heard."""
    found = Refused(set(), set())
    # The client hands on what the broker said in small letters.
    exact = {subject.lower(): subject for subject in [*(publish or []), *(subscribe or [])]}
    connection = Connection(trusted.settings(user), name=user)
    await connection.open()

    async def note(error: Exception) -> None:
        if told := _SAID.search(str(error)):
            (found.publish if told[1].lower() == "publish" else found.subscribe).add(exact[told[2]])

    connection.nc._error_cb = note
    for subject in publish or []:
        await connection.nc.publish(subject, b"")
    for subject in subscribe or []:
        await connection.nc.subscribe(subject)
    await connection.flush()
    await asyncio.sleep(0.2)
    await connection.drain()
    return found


@pytest.mark.parametrize("user", USERS)
async def test_a_user_may_publish_what_its_work_needs_and_nothing_else(
    trusted: TrustedBroker, user: str
) -> None:
    every = catalogue()
    found = await attempt(trusted, user, publish=[entry.subject for entry in every])
    wrong = {entry.subject for entry in every if (user in entry.say) == (entry.subject in found.publish)}
    assert wrong == set()


@pytest.mark.parametrize("user", USERS)
async def test_a_user_may_hear_what_its_work_needs_and_nothing_else(
    trusted: TrustedBroker, user: str
) -> None:
    every = catalogue()
    found = await attempt(trusted, user, subscribe=[*(entry.subject for entry in every), *WIDE])
    wrong = {entry.subject for entry in every if (user in entry.hear) == (entry.subject in found.subscribe)}
    assert wrong == set()
    assert set(WIDE) - found.subscribe == set()


async def test_even_the_administrator_hears_no_answers_to_others_and_no_system_account(
    trusted: TrustedBroker,
) -> None:
    mine = ["$SYS.>", ">", *(f"_INBOX_{user}.>" for user in USERS)]
    found = await attempt(trusted, "admin", subscribe=mine, publish=["$SYS.REQ.SERVER.PING", "other"])
    assert found == Refused({"$SYS.REQ.SERVER.PING", "other"}, set(mine))


async def test_all_refusals_stand_in_the_brokers_log_with_the_name_of_the_user(
    trusted: TrustedBroker,
) -> None:
    await attempt(trusted, "memory", publish=["dsb.v1.s1.run_7_0"])
    assert any("memory" in line and "dsb.v1.s1.run_7_0" in line for line in trusted.violations())


def test_every_stream_of_the_topology_is_tried() -> None:
    assert {config["name"] for config in streams(BusSettings())} == set(STREAMS)


def test_every_subject_of_the_protocol_is_tried() -> None:
    """A new name in `shared/subjects.py` must say in the table who may use it."""
    makers = {
        name
        for name, made in inspect.getmembers(subjects, inspect.isfunction)
        if made.__module__ == subjects.__name__
    }
    names = {
        name
        for name, value in vars(subjects).items()
        if isinstance(value, str) and value.startswith("dsb.v1.") and "*" not in value and ">" not in value
    }
    tried = {entry.subject for entry in catalogue()}
    assert {getattr(subjects, name) for name in names} <= tried
    known = {"frames", "event", "reader_ctl", "ask", "s1", "s2_job", "answer", "grant", "credit", "dlq"}
    helpers = {"opening_id", "frames_stream", "answers", "standing", "hop"}
    assert makers == known | helpers
