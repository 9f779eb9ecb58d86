"""Links: a small TCP proxy for each service, between it and the broker, that can be cut.

A silent cut is a network that has gone: bytes stop in both directions, nobody is told, and what was sent meanwhile
arrives once it is mended, as TCP would repeat it. An abrupt one breaks every connection and refuses new ones.

`python -m bench.chaos.links PORT HOST:PORT FOLDER` is one of them as a process, in a pod beside a service: it is cut
while FOLDER holds a file `cut` or `cut-abrupt`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["CUT", "CUT_ABRUPT", "Links"]

CUT, CUT_ABRUPT = "cut", "cut-abrupt"
"""Switches of a link that is a process."""
_LOOK_S = 0.02

_HOST = "127.0.0.1"
_CHUNK = 1 << 16


class _Address(NamedTuple):
    host: str
    port: int


class _Link:
    """One service's way to the broker; lives in the loop of its `Links`."""

    def __init__(self, broker: _Address) -> None:
        self._broker = broker
        self._whole = asyncio.Event()
        self._whole.set()
        self._abrupt = False
        self._writers: set[asyncio.StreamWriter] = set()

    async def listen(self, port: int = 0) -> int:
        self._server = await asyncio.start_server(self._serve, _HOST, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def cut(self, abrupt: bool) -> None:
        self._abrupt = abrupt
        self._whole.clear()
        if abrupt:
            self._break()

    async def mend(self) -> None:
        self._abrupt = False
        self._whole.set()

    async def close(self) -> None:
        self._server.close()
        self._break()

    def _break(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._abrupt:
                writer.transport.abort()
                return
            # Whoever ends the loop cancels this task: the streams' own code would print that as a failure.
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._whole.wait()
                await self._join(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._broker)
        self._writers.add(back)
        ways = [
            asyncio.create_task(self._pump(reader, back)),
            asyncio.create_task(self._pump(there, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._writers.discard(back)
            back.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            await self._whole.wait()
            writer.write(chunk)
            await writer.drain()
        # The end of a connection is not seen through a cut either.
        await self._whole.wait()


class Links:
    """The links of a stack, in a thread of their own; `close` ends it."""

    def __init__(self, names: Iterable[str], *, broker: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="links", daemon=True)
        self._thread.start()
        self._links = {name: self._call(_made(broker)) for name in names}
        self._ports = {name: self._call(link.listen()) for name, link in self._links.items()}

    def url(self, name: str) -> str:
        """The broker's address as this service sees it."""
        return f"nats://{_HOST}:{self._ports[name]}"

    def cut(self, name: str, *, abrupt: bool) -> None:
        """Let nothing pass any more."""
        self._call(self._links[name].cut(abrupt))

    def mend(self, name: str) -> None:
        """Let everything pass again."""
        self._call(self._links[name].mend())

    def close(self) -> None:
        """Break all connections and end the thread. Safe to call twice."""
        if self._loop.is_closed():
            return
        for link in self._links.values():
            self._call(link.close())
        self._call(_end_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)


async def _made(broker: int) -> _Link:
    return _Link(_Address(_HOST, broker))


async def _end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _serve_alone(port: int, broker: _Address, switches: Path) -> None:
    """Be one link until told to end, as switches say."""
    link = _Link(broker)
    await link.listen(port)
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    was = (False, False)
    while not over.is_set():
        now = ((switches / CUT).exists(), (switches / CUT_ABRUPT).exists())
        if now != was:
            was = now
            await (link.cut(now[1]) if any(now) else link.mend())
        await asyncio.sleep(_LOOK_S)
    await link.close()


if __name__ == "__main__":
    _host, _, _port = sys.argv[2].rpartition(":")
    asyncio.run(_serve_alone(int(sys.argv[1]), _Address(_host, int(_port)), Path(sys.argv[3])))
