from __future__ import annotations

import asyncio

import pytest
from bus_kit import connected
from live_broker import Broker

from shared import subjects
from shared.bus import init_topology
from shared.bus.topology import streams
from shared.errors import TransportError
from shared.settings import BusSettings

pytestmark = pytest.mark.nats


async def test_init_adds_what_is_missing_and_updates_what_changed(broker: Broker) -> None:
    await init_topology(BusSettings(nats_url=broker.url))
    async with connected(broker.url) as bus:
        await bus.connection.api(f"STREAM.DELETE.{subjects.DLQ}")
        await init_topology(BusSettings(nats_url=broker.url, jobs_max=5, job_ack_wait_s=3, lease_ttl_s=4))
        jobs = await bus.connection.api(f"STREAM.INFO.{subjects.S2_JOBS}")
        consumer = await bus.connection.api(f"CONSUMER.INFO.{subjects.S2_JOBS}.s2")
        bucket = await bus.connection.api("STREAM.INFO.KV_dsb_owner")
        letters = await bus.connection.api(f"STREAM.INFO.{subjects.DLQ}")
    assert jobs["config"]["max_msgs"] == 5
    assert consumer["config"]["ack_wait"] == 3_000_000_000
    assert consumer["config"]["max_deliver"] == -1
    assert bucket["config"]["max_age"] == 4_000_000_000
    assert letters["config"]["storage"] == "file"


def test_what_is_answered_and_asked_is_kept_as_long_as_the_settings_say() -> None:
    ages = {config["name"]: config["max_age"] for config in streams(BusSettings())}
    assert (ages[subjects.ANSWERS], ages["KV_dsb_standing"]) == (7 * 86_400 * 10**9, 86_400 * 10**9)
    short = streams(BusSettings(answers_max_age_s=60, asks_max_age_s=30))
    ages = {config["name"]: (config["max_age"], config["duplicate_window"]) for config in short}
    assert (ages[subjects.ANSWERS], ages["KV_dsb_standing"]) == ((60 * 10**9,) * 2, (30 * 10**9,) * 2)


def test_a_job_that_is_asked_for_again_while_it_is_worked_on_is_queued_once_for_a_quarter_of_an_hour() -> (
    None
):
    windows = {config["name"]: config["duplicate_window"] for config in streams(BusSettings())}
    assert windows[subjects.S2_JOBS] == 900 * 10**9


async def test_replicas_need_a_cluster_and_every_stream_and_bucket_has_as_many(broker: Broker) -> None:
    wanted = BusSettings(nats_url=broker.url, stream_replicas=3)
    assert {config["num_replicas"] for config in streams(wanted)} == {3}
    with pytest.raises(TransportError, match=r"servers for 3 replicas .*DSB_STREAM_REPLICAS"):
        await init_topology(wanted)


async def test_what_is_stored_outlives_a_broker_that_is_killed(broker: Broker) -> None:
    await init_topology(BusSettings(nats_url=broker.url))
    async with connected(broker.url) as bus:
        seq = await bus.append(subjects.frames("a_0_0", live=False), b"jpeg", headers={"Dsb-Kind": "frame"})
        await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
        stored = await bus.get(subjects.FRAMES_CAP, seq)
    assert stored is not None
    assert stored.body == b"jpeg"


async def test_a_refused_user_is_told_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    config = 'authorization { users = [ { user: "s1", password: "right" } ] }'
    broker = Broker(tmp_path_factory.mktemp("auth"), config).start()
    try:
        with pytest.raises(TransportError, match=r"refused user 's1'.*DSB_NATS_PASSWORD"):
            async with connected(broker.url, nats_user="s1", nats_password="wrong"):
                pass
        async with connected(broker.url, nats_user="s1", nats_password="right") as bus:
            assert bus.connection.nc.new_inbox().startswith("_INBOX_s1.")
    finally:
        broker.kill()
