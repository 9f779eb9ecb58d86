"""Logging in by key and over TLS, on the broker as it is shipped."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_broker import Broker, free_port
from trusted_broker import TrustedBroker

from shared.bus import Bus, discover, init_topology
from shared.bus.secure import urls
from shared.errors import ConfigError, TransportError
from shared.settings import BusSettings

pytestmark = pytest.mark.nats


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrustedBroker]:
    """Keys for passwords, and certificates on both sides."""
    broker = TrustedBroker(tmp_path_factory.mktemp("secured"), nkeys=True, tls=True).start()
    yield broker
    broker.kill()


async def test_a_user_with_key_and_certificate_does_its_work(secured: TrustedBroker) -> None:
    await init_topology(secured.settings("admin"))
    bus = await Bus.connect(secured.settings("bench"), name="bench")
    lease_holder = await Bus.connect(secured.settings("s1"), name="s1")
    assert bus.connection.url.startswith("tls://")
    assert await discover(bus, wait_s=0.1) == []
    lease = lease_holder.lease("dsb_owner", "run_0_0", holder="w", ttl=6)
    assert await lease.take()
    await lease.release()
    await lease_holder.drain()
    await bus.drain()


async def test_a_seed_in_the_environment_does_as_well_as_one_in_a_file(secured: TrustedBroker) -> None:
    fields = secured.login("s2")
    fields["nats_nkey_seed"] = Path(fields.pop("nats_nkey_seed_file")).read_text()
    await (await Bus.connect(BusSettings(**fields), name="s2")).drain()


def test_public_keys_stand_beside_their_seeds(secured: TrustedBroker) -> None:
    for seed in (secured.secrets / "nkeys").glob("*.seed"):
        assert seed.with_suffix(".pub").read_text() == secured.env[f"NATS_NKEY_{seed.stem.upper()}"]


async def refused(settings: BusSettings) -> str:
    with pytest.raises(TransportError) as caught:
        await Bus.connect(settings, name="wrong")
    said = str(caught.value)
    assert "\n" not in said
    return said


async def test_another_key_is_refused(secured: TrustedBroker) -> None:
    stranger = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
    said = await refused(secured.settings("s1", nats_nkey_seed_file="", nats_nkey_seed=stranger))
    assert "refused the nkey: check DSB_NATS_NKEY_SEED" in said


async def test_without_a_certificate_the_broker_lets_nobody_in(secured: TrustedBroker) -> None:
    said = await refused(secured.settings("s1", nats_tls_cert="", nats_tls_key="", connect_timeout_s=3.0))
    assert "tls://127.0.0.1" in said
    assert "certificate" in said.lower()


async def test_a_broker_of_another_authority_is_not_trusted(secured: TrustedBroker, tmp_path: Path) -> None:
    other = TrustedBroker(tmp_path, tls=True)
    said = await refused(secured.settings("s1", nats_tls_ca=str(other.secrets / "tls/ca.pem")))
    assert "certificate verify failed" in said
    assert "check DSB_NATS_TLS_CA" in said


async def test_a_broker_without_tls_hears_no_password(tmp_path: Path) -> None:
    broker = Broker(tmp_path, "authorization { user: s1, password: secret, timeout: 3 }\n").start()
    try:
        url = broker.url.replace("nats://", "tls://")
        said = await refused(BusSettings(nats_url=url, nats_user="s1", nats_password="secret"))
        assert "the broker offers no TLS: nothing was sent to it" in said
    finally:
        broker.kill()


async def test_in_clear_the_client_says_nothing_at_all() -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", free_port())) as server:

        def pretend() -> None:
            line, _ = server.accept()
            with line:
                line.sendall(b'INFO {"server_id":"x","auth_required":true,"max_payload":1024}\r\n')
                line.settimeout(5)
                heard.append(line.recv(4096))

        thread = threading.Thread(target=pretend)
        thread.start()
        url = f"tls://127.0.0.1:{server.getsockname()[1]}"
        await refused(BusSettings(nats_url=url, nats_user="s1", nats_password="secret"))
        await asyncio.to_thread(thread.join, 10)
    assert heard == [b""]


@pytest.mark.parametrize("file", ["nats_tls_ca", "nats_tls_cert", "nats_tls_key"])
def test_with_any_file_for_tls_no_address_is_in_clear(file: str) -> None:
    given = BusSettings(nats_url="a:4222, nats://u:p@b:4222,tls://c", **{file: "x.pem"})  # type: ignore[arg-type]
    assert urls(given) == ["tls://a:4222", "tls://u:p@b:4222", "tls://c"]
    assert urls(BusSettings(nats_url="a:4222")) == ["nats://a:4222"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"nats_tls_ca": "/no/ca.pem"}, "DSB_NATS_TLS_CA='/no/ca.pem' is no file"),
        ({"nats_tls_cert": __file__}, "DSB_NATS_TLS_CERT and DSB_NATS_TLS_KEY belong together"),
        ({"nats_tls_key": __file__}, "DSB_NATS_TLS_CERT and DSB_NATS_TLS_KEY belong together"),
        ({"nats_tls_cert": __file__, "nats_tls_key": __file__}, "do not fit together"),
        ({"nats_tls_ca": __file__}, "give a PEM file"),
        ({"nats_nkey_seed": "SUABC"}, "DSB_NATS_NKEY_SEED is no seed of an nkey"),
        ({"nats_nkey_seed": "x", "nats_nkey_seed_file": "y"}, "keep one"),
        ({"nats_nkey_seed_file": "/no/seed"}, "DSB_NATS_NKEY_SEED_FILE='/no/seed' can't be read"),
    ],
)
async def test_a_file_that_can_not_be_is_named_in_one_line(fields: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        await Bus.connect(BusSettings(nats_url="nats://127.0.0.1:1", **fields), name="wrong")  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
