"""One connection to the broker: it reconnects for ever, logs and counts what happens to it, and speaks our
errors.

While there is no connection nothing is buffered: a call waits for it as long as its own timeout allows,
so that nothing stale goes out after an outage.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import nats.errors
from nats.aio.msg import Msg

from shared.bus import failpoints, guard, secure
from shared.errors import BusTimeout, NoResponders, PayloadTooLarge, TransportError
from shared.logs import get_logger
from shared.settings import BusSettings
from shared.telemetry import counter

__all__ = ["Connection"]

_RECONNECTS = counter("bus_reconnects_total", "Times that the connection to the broker came back")
_DISCONNECTS = counter("bus_disconnects_total", "Times that the connection to the broker was lost")
_ERRORS = counter("bus_errors_total", "Errors that the broker or its client told asynchronously")

_PING_S = 10
_NO_RESPONDERS = "503"
_TLS_REMEDY = "check DSB_NATS_TLS_CA, _CERT and _KEY, and the name in DSB_NATS_URL"


class Connection:
    """A NATS connection of one event loop."""

    nc: secure.SecureClient
    generation: int
    """Grows with every reconnection: ephemeral consumers of an older one may be gone."""

    def __init__(
        self,
        settings: BusSettings,
        *,
        name: str,
        on_closed: Callable[[], None] | None = None,
        failpoints_on: bool = True,
    ) -> None:
        self.settings, self.name = settings, name
        self.nc = secure.SecureClient()
        self.generation = 0
        self.closing = asyncio.Event()
        """Set when we end the connection ourselves."""
        self._on_closed, self._failpoints_on = on_closed, failpoints_on
        self._waiting: dict[str, asyncio.Future[Msg]] = {}
        self._asked = 0
        self._up = asyncio.Event()
        self._refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._last_error = ""
        self._log = get_logger(connection=name)

    @property
    def url(self) -> str:
        """The broker's address without user and password."""
        parts = []
        for one in secure.urls(self.settings):
            split = urlsplit(one)
            parts.append(f"{split.scheme}://{split.netloc.rpartition('@')[2]}")
        return ",".join(parts)

    @property
    def connected(self) -> bool:
        """Whether the broker is reached now."""
        return self._up.is_set() and self.nc.is_connected

    async def open(self) -> None:
        """Connect; raises `TransportError` when no broker answers in time, or when it refuses the user."""
        connect: asyncio.Future[None] = asyncio.ensure_future(self._connect())
        either: set[asyncio.Future[Any]] = {connect, self._refused}
        await asyncio.wait(
            either,
            timeout=self.settings.connect_timeout_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if not connect.done():
            connect.cancel()
            await asyncio.gather(connect, return_exceptions=True)
            self.closing.set()
            with contextlib.suppress(nats.errors.Error, OSError, asyncio.CancelledError):
                await self.nc.close()
            raise TransportError(self._why_not())
        try:
            connect.result()
        except (nats.errors.Error, OSError, ValueError) as error:
            raise TransportError(f"no connection to {self.url}: {error}") from error
        self._inbox = self.nc.new_inbox()
        await self.nc.subscribe(f"{self._inbox}.*", cb=self._on_reply)
        self._up.set()

    def _why_not(self) -> str:
        if self._refused.done():
            return self._refused.result()
        why = f" ({self._last_error})" if self._last_error else ""
        return f"no broker at {self.url}{why}: start one with `dsb up`, or pass --nats"

    def _refusal(self, error: Exception) -> str:
        """Why trying again would not help; empty when it might."""
        if isinstance(error, (ssl.SSLError, secure.ClearText)):
            return f"no TLS with the broker at {self.url} ({self._last_error}): {_TLS_REMEDY}"
        if "authorization" not in self._last_error.lower():
            return ""
        if self.settings.nats_nkey_seed.get_secret_value() or self.settings.nats_nkey_seed_file:
            return f"broker at {self.url} refused the nkey: check DSB_NATS_NKEY_SEED, and the broker's users"
        user = self.settings.nats_user
        return f"broker at {self.url} refused user {user!r}: check DSB_NATS_USER and DSB_NATS_PASSWORD"

    async def _connect(self) -> None:
        user = self.settings.nats_user
        tls = secure.tls_context(self.settings)
        self.nc.tls_only = tls is not None
        await self.nc.connect(
            servers=secure.urls(self.settings),
            name=self.name,
            tls=tls,
            **secure.credentials(self.settings),
            inbox_prefix=f"_INBOX_{user}" if user else "_INBOX",
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,  # type: ignore[arg-type]  # the client takes any number of seconds
            connect_timeout=2,
            ping_interval=_PING_S,
            max_outstanding_pings=2,
            drain_timeout=10,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_close,
        )

    async def _on_error(self, error: Exception) -> None:
        self._last_error = " ".join(str(error).split()) or type(error).__name__
        if not self._up.is_set() and not self._refused.done() and (why := self._refusal(error)):
            self._refused.set_result(why)
        _ERRORS.inc()
        level = self._log.warning if self._up.is_set() else self._log.debug
        level("bus_error", error=self._last_error)

    async def _on_disconnected(self) -> None:
        was_up = self._up.is_set()
        self._up.clear()
        for future in self._waiting.values():
            # The answer is lost with the connection: waiting on would only cost time.
            if not future.done():
                future.set_exception(nats.errors.TimeoutError())
        if was_up and not self.closing.is_set():
            _DISCONNECTS.inc()
            self._log.warning("bus_disconnected")

    async def _on_reconnected(self) -> None:
        self.generation += 1
        self._up.set()
        _RECONNECTS.inc()
        self._log.info("bus_reconnected")

    async def _on_reply(self, msg: Msg) -> None:
        future = self._waiting.get(msg.subject.rpartition(".")[2])
        if future is not None and not future.done():
            future.set_result(msg)

    async def _on_close(self) -> None:
        self._up.clear()
        if not self.closing.is_set():
            self.closing.set()
            self._log.error("bus_closed_by_broker", error=self._last_error)
            if self._on_closed:
                self._on_closed()

    async def ready(self, timeout: float | None = None) -> float:
        """Wait for the connection; the seconds of `timeout` that are left. Raises `BusTimeout`."""
        limit = self.settings.request_timeout_s if timeout is None else timeout
        if self._up.is_set():
            return limit
        if self.closing.is_set():
            raise TransportError(f"connection to {self.url} is closed")
        started = time.monotonic()
        try:
            async with asyncio.timeout(limit):
                await self._up.wait()
        except TimeoutError:
            raise BusTimeout(f"no connection to {self.url} within {limit:g} s: is the broker up?") from None
        return max(0.05, limit - (time.monotonic() - started))

    async def publish(
        self, subject: str, body: bytes, *, headers: Mapping[str, str] | None = None, reply: str = ""
    ) -> None:
        """Send without an answer."""
        if self._failpoints_on:
            await failpoints.ahit("bus.send", subject)
        await self.ready()
        guard.check(subject, body, headers or {}, limit=self.nc.max_payload)
        with self._translated(subject):
            await self.nc.publish(subject, body, reply=reply, headers=dict(headers) if headers else None)

    async def request(
        self,
        subject: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Msg:
        """Send and wait for the answer; raises `NoResponders`, `BusTimeout`, `PayloadTooLarge`."""
        if self._failpoints_on:
            await failpoints.ahit("bus.send", subject)
        left = await self.ready(timeout)
        guard.check(subject, body, headers or {}, limit=self.nc.max_payload)
        self._asked += 1
        token = str(self._asked)
        future: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future
        try:
            with self._translated(subject, left):
                sent = dict(headers) if headers else None
                await self.nc.publish(subject, body, reply=f"{self._inbox}.{token}", headers=sent)
                async with asyncio.timeout(left):
                    msg = await future
                if not msg.data and (msg.headers or {}).get("Status") == _NO_RESPONDERS:
                    raise nats.errors.NoRespondersError
        finally:
            del self._waiting[token]
        return msg

    async def api(self, subject: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call the JetStream API (`subject` without `$JS.API.`); an `error` is left in the answer."""
        answer = await self.request(f"$JS.API.{subject}", json.dumps(body).encode() if body else b"")
        parsed: dict[str, Any] = json.loads(answer.data)
        return parsed

    async def flush(self) -> None:
        """Return when the broker has seen all that was sent, subscriptions included."""
        left = await self.ready()
        with self._translated("flush", left):
            # Shielded: the client breaks its connection when the pong of a cancelled flush arrives.
            await asyncio.shield(asyncio.ensure_future(self.nc.flush(timeout=max(1, int(left)))))

    async def drain(self) -> None:
        """Finish what was received, then close. Pull subscriptions must have ended before."""
        self.closing.set()
        with contextlib.suppress(nats.errors.Error, OSError, asyncio.TimeoutError):
            if self.nc.is_connected:
                await self.nc.drain()
            elif not self.nc.is_closed:
                await self.nc.close()

    @contextlib.contextmanager
    def _translated(self, subject: str, timeout: float | None = None) -> Iterator[None]:
        try:
            yield
        except nats.errors.NoRespondersError as error:
            raise NoResponders(f"nobody serves {subject} now: start the service, or wait for it") from error
        except nats.errors.MaxPayloadError as error:
            raise PayloadTooLarge(
                f"message to {subject} is over the broker's limit of {self.nc.max_payload}"
            ) from error
        except (nats.errors.TimeoutError, TimeoutError) as error:
            within = f" within {timeout:g} s" if timeout else ""
            told = subject.lower() in self._last_error.lower()  # the client writes it in small letters
            hint = f"; the broker said: {self._last_error}" if told else ""
            raise BusTimeout(f"no answer from {subject}{within}{hint}") from error
        except (nats.errors.Error, OSError) as error:
            raise TransportError(
                f"broker at {self.url}, {subject}: {error or type(error).__name__}"
            ) from error
